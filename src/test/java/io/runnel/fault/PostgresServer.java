package io.runnel.fault;

import io.runnel.SqlClient;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.SQLException;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;

/** A PostgreSQL server of its own, which can be crashed and started again; it keeps its port. */
public final class PostgresServer implements AutoCloseable {

    private static final Path DIRECTORY = Path.of("target", "faults").toAbsolutePath();
    private static final long EXIT_WAIT_SECONDS = 30;

    /** Complains, with a stack, that a server that has crashed cannot be stopped. */
    private static final Logger LAUNCHER = Logger.getLogger(EmbeddedPostgres.class.getName());

    static {
        LAUNCHER.setLevel(Level.OFF);
    }

    private final Path data;
    private Map<String, String> parameters;
    private final int port;
    private EmbeddedPostgres running;

    /** Starts an empty server; its name is that of its data directory. */
    public PostgresServer(String name, Map<String, String> parameters) throws Exception {
        this(name, parameters, Optional.empty());
    }

    private PostgresServer(String name, Map<String, String> parameters, Optional<Path> copied) throws Exception {
        this.data = DIRECTORY.resolve(name);
        this.parameters = Map.copyOf(parameters);
        Files.createDirectories(DIRECTORY);
        discardLeftOver();
        if (copied.isPresent()) {
            copy(copied.get(), data);
        }
        this.running = start(0);
        this.port = running.getPort();
    }

    /** Starts another server on a copy of the data of this one, which has crashed: what restores and failovers come to. */
    PostgresServer startCopy(String name) throws Exception {
        return new PostgresServer(name, parameters, Optional.of(data));
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Files.copy(file, to.resolve(from.relativize(file).toString()), StandardCopyOption.COPY_ATTRIBUTES);
            }
        }
    }

    public DataSource database(String name) {
        return database(name, "postgres");
    }

    DataSource database(String name, String user) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl("jdbc:postgresql://localhost:" + port + "/" + name);
        source.setUser(user);
        source.setPassword("postgres");
        return source;
    }

    int port() {
        return port;
    }

    /** What a service is told as {@code DATABASE_URL}. */
    String url(String user, String database) {
        return "postgres://" + user + ":postgres@localhost:" + port + "/" + database;
    }

    /** For PostgreSQL's own programs. */
    String address(String database) {
        return "postgresql://postgres:postgres@localhost:" + port + "/" + database;
    }

    /** The major one. */
    int version() throws SQLException {
        try (SqlClient client = new SqlClient(database("postgres"))) {
            return Integer.parseInt(client.rows("SHOW server_version_num").get(0)) / 10_000;
        }
    }

    public DataSource createDatabase(String name) throws SQLException {
        try (SqlClient client = new SqlClient(database("postgres"))) {
            client.run("CREATE DATABASE " + name);
        }
        return database(name);
    }

    /** Kills one of the server's processes, upon which the server ends all others and recovers. */
    public void kill(long backend) {
        ProcessHandle.of(backend).ifPresent(ProcessHandle::destroyForcibly);
    }

    /** As {@code pg_ctl stop -m immediate}: without a checkpoint, so that the next start recovers. */
    public void crash() throws Exception {
        signal("QUIT");
        // There is nothing left to stop, but the lock on the directory.
        running.close();
    }

    /** Starts the server again after {@link #crash}. */
    public void restart() throws IOException {
        running = start(port);
    }

    /** As {@link #restart()}, with other parameters. */
    void restart(Map<String, String> changed) throws IOException {
        parameters = Map.copyOf(changed);
        restart();
    }

    @Override
    public void close() throws Exception {
        crash();
    }

    private EmbeddedPostgres start(int wantedPort) throws IOException {
        File messages = DIRECTORY.resolve(data.getFileName() + ".log").toFile();
        ProcessBuilder.Redirect output = ProcessBuilder.Redirect.appendTo(messages);
        EmbeddedPostgres.Builder builder = EmbeddedPostgres.builder()
                .setDataDirectory(data)
                .setOverrideWorkingDirectory(DIRECTORY.resolve("programs").toFile())
                .setCleanDataDirectory(false)
                .setRegisterShutdownHook(false)
                .setPort(wantedPort)
                .setOutputRedirector(output)
                .setErrorRedirector(output);
        // What is committed must survive the crashes of PostgreSQL, not those of the machine.
        builder.setServerConfig("synchronous_commit", "on");
        parameters.forEach(builder::setServerConfig);
        return builder.start();
    }

    private void signal(String signal) throws Exception {
        Path file = data.resolve("postmaster.pid");
        if (!Files.exists(file)) {
            return;
        }
        List<String> lines = Files.readAllLines(file);
        long pid = Long.parseLong(lines.get(0).strip());
        new ProcessBuilder("sh", "-c", "kill -" + signal + " " + pid).start().waitFor();
        var process = ProcessHandle.of(pid);
        if (process.isPresent()) {
            process.get().onExit().get(EXIT_WAIT_SECONDS, TimeUnit.SECONDS);
        }
    }

    /** Of a run that was killed. */
    private void discardLeftOver() throws Exception {
        if (!Files.exists(data)) {
            return;
        }
        signal("QUIT");
        try (Stream<Path> files = Files.walk(data)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }
}
