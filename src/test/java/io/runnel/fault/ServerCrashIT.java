package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** PostgreSQL itself fails under a service that goes on living: it connects again, and no change is lost. */
class ServerCrashIT {

    private static final String LARGE = "SELECT id, amount FROM orders WHERE amount > 20";
    private static final int ROUNDS = 2;

    private static PostgresServer server;
    private static DataSource database;
    private static ServiceProcess service;

    private SqlClient client;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("server-crash", Map.of("max_prepared_transactions", "0"));
        database = server.createDatabase("crashing");
        service = ServiceProcess.start(server, "crashing");
    }

    @AfterAll
    static void stop() throws Exception {
        service.close();
        server.close();
    }

    @BeforeEach
    void build() throws Exception {
        client = new SqlClient(database);
        Orders.create(client);
        create("totals", TOTALS, "on-change");
        create("large", LARGE, "100ms");
        client.assertSyncedEquals("totals", TOTALS);
        client.assertSyncedEquals("large", LARGE);
    }

    @AfterEach
    void clean_up() throws Exception {
        client.run("SELECT runnel.drop_stream_table('totals')");
        client.run("SELECT runnel.drop_stream_table('large')");
        client.run("DROP TABLE orders");
        client.close();
    }

    @Test
    void killed_backend_makes_the_server_recover_and_no_change_is_lost() throws Exception {
        duringWrites(() -> {
            long victim = Long.parseLong(client.rows("SELECT pg_backend_pid()").get(0));
            server.kill(victim);
        });
    }

    @Test
    void crashed_server_is_found_again_when_it_is_back_and_no_change_is_lost() throws Exception {
        duringWrites(() -> {
            server.crash();
            assertThat(service.get("/q/health/live").statusCode()).isEqualTo(200);
            Await.until(() -> "not ready", () -> service.get("/q/health/ready").statusCode() == 503);
            server.restart();
        });
    }

    @Test
    void server_that_crashes_in_the_middle_of_a_refresh_has_not_refreshed() throws Exception {
        try (SqlClient blocker = new SqlClient(database)) {
            blocker.begin();
            blocker.rows("SELECT FROM totals WHERE region = 'r1' FOR UPDATE");
            client.run("INSERT INTO orders (region, amount) VALUES ('r1', 1)");
            client.awaitRow("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
            server.crash();
        }
        server.restart();
        client = new SqlClient(database);
        assertConverged();
    }

    private void duringWrites(Blow blow) throws Exception {
        long pid = service.pid();
        int printed = service.lines().size();
        try (OrderWriters writers = new OrderWriters(database)) {
            for (int round = 0; round < ROUNDS; round++) {
                writers.awaitMore(100);
                blow.strike();
                writers.awaitMore(100);
                client = new SqlClient(database);
                client.awaitRow("SELECT FROM runnel.refresh_history WHERE now() - started_at < interval '1 second'"
                        + " AND mode = 'DIFFERENTIAL'");
            }
        }
        assertConverged();
        assertThat(service.pid()).isEqualTo(pid);
        assertThat(service.alive()).isTrue();
        service.awaitReady();
        Stream<String> since = service.lines().stream().skip(printed);
        assertThat(since).as("a lost connection is one line").noneMatch(line -> line.startsWith("\tat "));
    }

    private void assertConverged() throws Exception {
        client.assertSyncedEquals("totals", TOTALS);
        client.assertSyncedEquals("large", LARGE);
        assertThat(client.rows("SELECT status, consecutive_errors FROM runnel.stream_tables"))
                .isEqualTo(List.of("ACTIVE|0", "ACTIVE|0"));
        assertThat(client.rows("SELECT table_name, error FROM runnel.refresh_history WHERE mode = 'FAILED'"))
                .isEmpty();
    }

    private void create(String name, String query, String schedule) throws Exception {
        client.run(
                "SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, '" + schedule + "')");
    }

    private interface Blow {
        void strike() throws Exception;
    }
}
