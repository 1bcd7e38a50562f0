package io.runnel.embedded;

import io.quarkus.runtime.Application;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.File;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/** The embedded PostgreSQL server; see the package for what it promises. */
record EmbeddedServer(int port) {
    private static final Logger LOG = Logger.getLogger(EmbeddedServer.class);

    private static final String SUPERUSER = "postgres";
    private static final String DATABASE = "postgres";
    private static final String USED_PREFIX = "runnel.embedded.used-by-this-process:";
    private static final Duration START_WAIT_MAX = Duration.ofSeconds(30);
    private static final Duration APPLICATION_STOP_WAIT_MAX = Duration.ofSeconds(30);

    /** The launcher is made for tests and does without durability unless told otherwise. */
    private static final Map<String, String> PARAMETERS = Map.of(
            "fsync", "on",
            "synchronous_commit", "on",
            "max_connections", "100",
            "logging_collector", "on",
            "log_directory", "log",
            "log_filename", "postgresql-%a.log",
            "log_truncate_on_rotation", "on");

    /** The server for these options, started or adopted; stays until the process ends. */
    static EmbeddedServer running(EmbeddedOptions options) {
        try {
            Optional<Postmaster> used = System.getProperty(USED_PREFIX + options.directory()) == null
                    ? Optional.empty()
                    : Postmaster.of(options.dataDirectory());
            return new EmbeddedServer(used.isPresent() ? used.get().port() : startOrAdopt(options));
        } catch (IOException | RuntimeException e) {
            throw new IllegalStateException(
                    "embedded PostgreSQL could not be started: directory=" + options.directory()
                            + "; its messages are in " + messages(options) + " and " + options.dataDirectory()
                            + "/log; set DATABASE_URL to use a server of your own",
                    e);
        }
    }

    DatabaseUrl url() {
        return new DatabaseUrl("localhost", port, DATABASE, SUPERUSER, SUPERUSER, Map.of());
    }

    private static int startOrAdopt(EmbeddedOptions options) throws IOException {
        createPrivately(options.directory());
        Users users = new Users(options.directory());
        try (FileChannel starting = users.exclusively()) {
            if (options.data() == EmbeddedOptions.Data.FRESH && users.none()) {
                discard(options.dataDirectory());
            }
            users.join();
            Optional<Postmaster> left = Postmaster.of(options.dataDirectory());
            left.ifPresent(found -> LOG.infof(
                    "adopted embedded PostgreSQL, pid=%d port=%d",
                    found.process().pid(), found.port()));
            int port = left.isPresent() ? left.get().port() : start(options);
            System.setProperty(USED_PREFIX + options.directory(), Integer.toString(port));
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stopLast(options, users), "embedded-postgres-stop"));
            return port;
        }
    }

    private static int start(EmbeddedOptions options) throws IOException {
        ProcessBuilder.Redirect messages = ProcessBuilder.Redirect.appendTo(messages(options));
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setDataDirectory(options.dataDirectory())
                .setOverrideWorkingDirectory(
                        options.directory().resolve("programs").toFile())
                .setCleanDataDirectory(false)
                .setRegisterShutdownHook(false)
                .setPort(options.port())
                .setPGStartupWait(START_WAIT_MAX)
                .setOutputRedirector(messages)
                .setErrorRedirector(messages);
        if (System.getProperty("os.name").equals("Linux")) {
            // The same order of texts on every machine, whatever the language of the person who starts it.
            builder.setLocaleConfig("locale", "C.UTF-8");
        }
        PARAMETERS.forEach(builder::setServerConfig);
        options.parameters().forEach(builder::setServerConfig);
        return builder.start().getPort();
    }

    private static void stopLast(EmbeddedOptions options, Users users) {
        awaitApplication();
        try (FileChannel stopping = users.exclusively()) {
            users.leave();
            if (users.none()) {
                Optional<Postmaster> server = Postmaster.of(options.dataDirectory());
                if (server.isPresent()) {
                    server.get().stop(Postmaster.Mode.FAST);
                }
            }
        } catch (IOException e) {
            // It is adopted by the next start.
            LOG.warn("embedded PostgreSQL was left running", e);
        }
    }

    /** Shutdown hooks run side by side; this one must come after the application has closed its connections. */
    private static void awaitApplication() {
        Application application = Application.currentApplication();
        if (application == null) {
            return;
        }
        Thread waiting = new Thread(application::awaitShutdown, "embedded-postgres-wait");
        waiting.setDaemon(true);
        waiting.start();
        try {
            TimeUnit.NANOSECONDS.timedJoin(waiting, APPLICATION_STOP_WAIT_MAX.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void discard(Path dataDirectory) throws IOException {
        Optional<Postmaster> left = Postmaster.of(dataDirectory);
        if (left.isPresent()) {
            left.get().stop(Postmaster.Mode.IMMEDIATE);
        }
        if (Files.exists(dataDirectory)) {
            try (Stream<Path> files = Files.walk(dataDirectory)) {
                List<Path> inwards = files.sorted(Comparator.reverseOrder()).toList();
                for (Path file : inwards) {
                    Files.delete(file);
                }
            }
        }
    }

    /** Only the owner may enter: programs are executed from here. */
    private static void createPrivately(Path directory) throws IOException {
        Files.createDirectories(directory);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
    }

    private static File messages(EmbeddedOptions options) {
        return options.directory().resolve("start.log").toFile();
    }
}
