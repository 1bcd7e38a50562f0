package io.runnel.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The packaged service, as it guards itself and its way to the database. */
class SecurityIT {

    private static final Path DIRECTORY =
            Path.of("target", "faults", "security-files").toAbsolutePath();
    private static final String KEY = "a-key-that-is-long-enough-for-this";

    private static PostgresServer server;
    private static Certificates certificates;

    /** The certificate is one for localhost; that 127.0.0.1 is the same host, it does not say. */
    @BeforeAll
    static void start() throws Exception {
        Files.createDirectories(DIRECTORY);
        certificates = new Certificates(DIRECTORY.resolve("authority"));
        server = new PostgresServer(
                "security",
                Map.of(
                        "ssl",
                        "on",
                        "ssl_cert_file",
                        certificates.certificate("localhost").toString(),
                        "ssl_key_file",
                        certificates.key("localhost").toString()));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @Test
    void service_that_others_could_reach_refuses_to_start_without_callers_and_says_what_to_do() throws Exception {
        server.createDatabase("open");
        try (ServiceProcess service =
                ServiceProcess.launch(server.url("postgres", "open"), "quarkus.http.host=0.0.0.0")) {
            service.awaitLine("give it keys with RUNNEL_SECURITY_KEYS_FILE");
            service.awaitExit();
        }
        try (ServiceProcess service = ServiceProcess.launch(
                server.url("postgres", "open"), "quarkus.http.host=0.0.0.0", "runnel.security.enabled=false")) {
            service.awaitReady();
            assertThat(service.lines()).anyMatch(line -> line.contains("WARN") && line.contains("security: off"));
            assertThat(service.get("/api/v1/stream-tables").statusCode()).isEqualTo(200);
        }
    }

    @Test
    void keys_file_is_read_again_when_it_changes_and_mistakes_in_it_change_nothing() throws Exception {
        server.createDatabase("keys");
        Path keys = DIRECTORY.resolve("keys");
        Files.writeString(keys, "");
        try (ServiceProcess service = ServiceProcess.launch(
                server.url("postgres", "keys"),
                "quarkus.http.host=0.0.0.0",
                "runnel.security.keys-file=" + keys,
                "runnel.security.keys-interval=100ms")) {
            service.awaitReady();
            assertThat(status(service)).isEqualTo(401);
            Files.writeString(keys, "ci admin postgres " + hash(KEY) + "\n");
            Await.until(() -> "key accepted", () -> status(service) == 200);
            Files.writeString(keys, "ci admin postgres " + KEY + "\n");
            service.awaitLine("the keys stay as they were");
            assertThat(status(service)).isEqualTo(200);
            assertThat(service.lines()).noneMatch(line -> line.contains(KEY));
            Files.writeString(keys, "# nobody any more\n");
            Await.until(() -> "key refused", () -> status(service) == 401);
        }
    }

    private static int status(ServiceProcess service) throws Exception {
        return service.getWithKey("/api/v1/stream-tables", KEY).statusCode();
    }

    private static String hash(String key) throws Exception {
        return HexFormat.of()
                .formatHex(MessageDigest.getInstance("SHA-256")
                        .digest(key.getBytes(java.nio.charset.StandardCharsets.UTF_8)));
    }

    @Test
    void all_connections_are_encrypted_and_the_server_must_be_the_certified_one() throws Exception {
        DataSource database = server.createDatabase("secure");
        Path authority = certificates.authority();
        String url = server.url("postgres", "secure") + "?sslmode=verify-full&application_name=runnel-tls&sslrootcert=";
        Path file = DIRECTORY.resolve("url");
        Files.writeString(file, url + authority + "\n");
        try (SqlClient client = new SqlClient(database);
                ServiceProcess service = ServiceProcess.launch("", "DATABASE_URL_FILE=" + file)) {
            service.awaitReady();
            assertThat(client.rows("SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                            + " WHERE application_name LIKE 'runnel-tls%'"))
                    .containsExactly("t");
        }
        refused((url + authority).replace("localhost", "127.0.0.1"));
        Path other = new Certificates(DIRECTORY.resolve("other")).authority();
        refused(url + other);
    }

    private static void refused(String url) throws Exception {
        try (ServiceProcess service = ServiceProcess.launch(url, "quarkus.flyway.connect-retries=0")) {
            service.awaitExit();
            assertThat(service.lines()).noneMatch(line -> line.contains("service:  "));
            assertThat(service.lines()).noneMatch(line -> line.contains(":postgres@"));
        }
    }

    @Test
    void value_of_a_row_that_makes_a_refresh_fail_is_not_in_the_log_nor_in_metrics_and_probes() throws Exception {
        DataSource database = server.createDatabase("quiet");
        String secret = "very-secret-4711";
        try (SqlClient client = new SqlClient(database);
                ServiceProcess service = ServiceProcess.start(server, "quiet", "runnel.metrics.interval=200ms")) {
            client.run("CREATE TABLE words (id int PRIMARY KEY, word text)");
            client.run("INSERT INTO words VALUES (1, '7')");
            client.run("SELECT runnel.create_stream_table('numbers', 'SELECT id, word::int AS n FROM words', '10ms')");
            client.run("CALL runnel.sync('numbers')");
            client.run("INSERT INTO words VALUES (2, '" + secret + "')");
            client.awaitRow("SELECT FROM runnel.stream_tables WHERE status = 'SUSPENDED'");
            assertThat(client.rows("SELECT last_error FROM runnel.stream_tables")
                            .get(0))
                    .contains(secret);
            service.awaitLine("refresh failed: code=postgres-22p02");
            client.run("SELECT runnel.create_event_log('events', entity_type => 'text')");
            client.run("CREATE TABLE target (n int)");
            client.run("SELECT runnel.create_projection('failing', 'events', 'position', targets => '{target}',"
                    + " default_handler => 'INSERT INTO target VALUES (event.entity::int)')");
            client.run("SELECT runnel.append('events', '" + secret + "', 'added', '{}', 0)");
            client.awaitRow("SELECT FROM runnel.projections WHERE status = 'SUSPENDED'");
            client.run("CREATE TABLE viewed AS SELECT 1 AS id, '1' AS word");
            client.run("SELECT runnel.create_materialized_view('view', 'SELECT word::int AS n FROM viewed', '{50ms}')");
            client.awaitRow(
                    "SELECT FROM runnel.materialized_views WHERE status = 'ACTIVE' AND refreshed_at IS NOT NULL");
            client.run("INSERT INTO viewed VALUES (2, '" + secret + "')");
            client.awaitRow("SELECT FROM runnel.materialized_views WHERE last_error LIKE '%" + secret + "%'");
            assertThat(service.get("/q/health").body()).doesNotContain(secret);
            for (String group : new String[] {"stream-tables", "projections", "materialized-views"}) {
                assertThat(service.get("/q/health/group/" + group).body()).doesNotContain(secret);
            }
            assertThat(service.get("/q/metrics").body())
                    .contains("runnel_refresh_errors")
                    .doesNotContain(secret);
            assertThat(service.lines()).noneMatch(line -> line.contains(secret));
        }
    }
}
