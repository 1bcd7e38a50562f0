package io.runnel.embedded;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Starts the server from processes of their own, because what matters is what happens when they die. The directory is
 * shared by the tests, because unpacking PostgreSQL takes longer than all of them.
 */
class EmbeddedServerTest {
    private static final Duration EXIT_WAIT_MAX = Duration.ofSeconds(30);

    @TempDir
    static Path directory;

    private final List<User> users = new ArrayList<>();

    @AfterEach
    void stopEverything() throws Exception {
        for (User user : users) {
            user.terminate();
        }
        var left = Postmaster.of(data());
        if (left.isPresent()) {
            left.get().stop(Postmaster.Mode.IMMEDIATE);
        }
    }

    @Test
    void server_is_adopted_after_a_kill_stopped_by_its_last_user_and_started_again_with_its_data() throws Exception {
        User first = start();
        execute(first.port, "CREATE TABLE kept (n integer)");
        assertThat(query(first.port, "SHOW fsync")).isEqualTo("on");
        assertThat(query(first.port, "SHOW synchronous_commit")).isEqualTo("on");

        first.kill();
        User second = start();
        assertThat(second.port).isEqualTo(first.port);
        execute(second.port, "INSERT INTO kept VALUES (1)");

        User third = start();
        second.terminate();
        assertThat(query(third.port, "SELECT count(*) FROM kept")).isEqualTo("1");
        third.terminate();
        assertThat(Postmaster.of(data())).isEmpty();

        User fourth = start();
        assertThat(query(fourth.port, "SELECT count(*) FROM kept")).isEqualTo("1");
    }

    @Test
    void file_that_names_another_process_does_not_keep_the_server_from_starting() throws Exception {
        User first = start();
        Path file = data().resolve("postmaster.pid");
        List<String> lines = new ArrayList<>(Files.readAllLines(file));
        first.kill();
        Postmaster.of(data()).orElseThrow().stop(Postmaster.Mode.IMMEDIATE);
        lines.set(0, Long.toString(ProcessHandle.current().pid()));
        Files.write(file, lines);

        assertThat(query(start().port, "SELECT 1")).isEqualTo("1");
    }

    @Test
    void parameters_are_read_and_nothing_reaches_the_shell_with_them() {
        assertThat(EmbeddedOptions.parameters("fsync=off, work_mem=64MB"))
                .isEqualTo(Map.of("fsync", "off", "work_mem", "64MB"));
        assertThatThrownBy(() -> EmbeddedOptions.parameters("fsync=off;ls"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private Path data() {
        return directory.resolve("data");
    }

    private User start() throws IOException {
        User user = new User(directory);
        users.add(user);
        return user;
    }

    private static void execute(int port, String sql) throws SQLException {
        try (Connection connection = connect(port);
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    private static String query(int port, String sql) throws SQLException {
        try (Connection connection = connect(port);
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private static Connection connect(int port) throws SQLException {
        return DriverManager.getConnection(new EmbeddedServer(port).url().jdbc(), "postgres", "postgres");
    }

    /** A process that uses the server until it is ended. */
    static final class User {
        private final Process process;
        private final int port;

        User(Path directory) throws IOException {
            process = new ProcessBuilder(
                            Path.of(System.getProperty("java.home"), "bin", "java")
                                    .toString(),
                            "-XX:TieredStopAtLevel=1",
                            "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
                            "-cp",
                            System.getProperty("java.class.path"),
                            User.class.getName(),
                            directory.toString())
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            BufferedReader output = process.inputReader(UTF_8);
            String line = output.readLine();
            while (line != null && !line.startsWith("port=")) {
                line = output.readLine();
            }
            assertThat(line).as("the process says where its server listens").isNotNull();
            port = Integer.parseInt(line.substring("port=".length()));
        }

        void kill() throws InterruptedException {
            process.destroyForcibly();
            process.waitFor(EXIT_WAIT_MAX.toSeconds(), TimeUnit.SECONDS);
        }

        void terminate() throws InterruptedException {
            process.destroy();
            assertThat(process.waitFor(EXIT_WAIT_MAX.toSeconds(), TimeUnit.SECONDS))
                    .isTrue();
        }

        public static void main(String[] arguments) throws InterruptedException {
            EmbeddedOptions options = new EmbeddedOptions(
                    Path.of(arguments[0]), EmbeddedOptions.ANY_PORT, Map.of(), EmbeddedOptions.Data.KEPT);
            System.out.println("port=" + EmbeddedServer.running(options).port());
            Thread.currentThread().join();
        }
    }
}
