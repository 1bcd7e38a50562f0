package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The service ends, in the middle of anything, and is started again: nobody has to do anything else. */
class CrashIT {

    /** Waits while the test holds the gate, wherever PostgreSQL evaluates it. */
    private static final String GATED = "SELECT id, gate(amount) AS amount FROM orders WHERE id <= 3";

    private static final String OTHERS_BACKENDS =
            "FROM pg_stat_activity WHERE datname = current_database() AND application_name NOT LIKE 'PostgreSQL JDBC%'";
    private static final String BLOCKED = "SELECT " + OTHERS_BACKENDS + " AND wait_event_type = 'Lock'";

    private static PostgresServer server;
    private static DataSource database;
    private static ServiceProcess service;

    private SqlClient client;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("crash", Map.of("max_prepared_transactions", "0"));
        database = server.createDatabase("crash");
        service = startService();
    }

    @AfterAll
    static void stop() throws Exception {
        service.close();
        server.close();
    }

    @BeforeEach
    void build() throws Exception {
        if (!service.alive()) {
            service = startService();
        }
        client = new SqlClient(database);
        Orders.create(client);
        client.run("CREATE FUNCTION gate(value numeric) RETURNS numeric LANGUAGE plpgsql IMMUTABLE AS"
                + " 'BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN value; END'");
        create("totals", TOTALS);
        client.assertSyncedEquals("totals", TOTALS);
    }

    @AfterEach
    void clean_up() throws Exception {
        for (String table : client.rows("SELECT table_name FROM runnel.stream_tables")) {
            client.run("SELECT runnel.drop_stream_table('" + table + "', true)");
        }
        client.run("DROP TABLE orders");
        client.run("DROP FUNCTION gate");
        client.close();
    }

    @Test
    void service_killed_in_the_middle_of_a_refresh_loses_nothing_and_applies_nothing_twice() throws Exception {
        try (OrderWriters writers = new OrderWriters(database);
                SqlClient blocker = new SqlClient(database)) {
            for (int round = 0; round < 2; round++) {
                blockRefresh(blocker);
                service.kill();
                // The backend that worked for it must not hold the table's lock until its query ends.
                client.awaitRow("SELECT WHERE NOT EXISTS (SELECT " + OTHERS_BACKENDS + ")");
                blocker.run("ROLLBACK");
                writers.awaitMore(100);
                service = startService();
                writers.awaitMore(100);
                client.sync("totals");
            }
        }
        client.assertSyncedEquals("totals", TOTALS);
        assertHealthy();
    }

    @Test
    void refresh_that_the_killed_service_left_running_does_not_delay_the_next_service() throws Exception {
        try (SqlClient blocker = new SqlClient(database)) {
            blockRefresh(blocker);
            service.kill();
            service = startService();
            client.awaitRow("SELECT WHERE 1 = (SELECT count(*) " + OTHERS_BACKENDS + " AND wait_event_type = 'Lock')");
            blocker.run("ROLLBACK");
        }
        client.assertSyncedEquals("totals", TOTALS);
        assertHealthy();
    }

    @Test
    void service_terminated_in_the_middle_of_a_refresh_ends_soon_and_leaves_nothing_behind() throws Exception {
        try (SqlClient blocker = new SqlClient(database)) {
            blockRefresh(blocker);
            service.terminate();
            service.awaitExit();
            client.awaitRow("SELECT WHERE NOT EXISTS (SELECT " + OTHERS_BACKENDS + ")");
            blocker.run("ROLLBACK");
        }
        assertThat(service.lines()).noneMatch(line -> line.contains("ERROR"));
        service = startService();
        client.assertSyncedEquals("totals", TOTALS);
        assertHealthy();
    }

    @Test
    void changes_made_while_no_service_runs_are_applied_by_the_next_one() throws Exception {
        service.kill();
        List<String> before = client.rows("SELECT * FROM totals ORDER BY region");
        try (OrderWriters writers = new OrderWriters(database)) {
            writers.awaitMore(300);
        }
        client.run("UPDATE orders SET region = 'moved' WHERE id % 7 = 0");
        client.run("DELETE FROM orders WHERE id % 5 = 0");
        assertThat(client.rows("SELECT * FROM totals ORDER BY region")).isEqualTo(before);
        service = startService();
        client.awaitRow("SELECT FROM totals WHERE region = 'moved'");
        client.assertEquals("totals", TOTALS);
        client.assertSyncedEquals("totals", TOTALS);
        assertThat(client.modes("totals")).containsOnlyOnce("FULL").endsWith("DIFFERENTIAL");
        client.awaitRow(
                "SELECT WHERE runnel_internal.pending_changes((SELECT min(id) FROM runnel_internal.stream_table),"
                        + " pg_current_snapshot()) = 0");
    }

    /** The definition cannot even be read then. */
    @Test
    void source_dropped_while_no_service_runs_is_noticed_by_the_next_one() throws Exception {
        client.run("CREATE TABLE notes (id int PRIMARY KEY, note text)");
        create("noted", "SELECT * FROM notes");
        client.awaitStatus("noted", "ACTIVE");
        service.kill();
        client.run("DROP TABLE notes CASCADE");
        service = startService();
        client.awaitStatus("noted", "ERROR");
        client.assertSyncedEquals("totals", TOTALS);
    }

    @Test
    void service_killed_while_it_waits_to_install_capture_fills_the_table_after_its_restart() throws Exception {
        client.run("CREATE TABLE notes (id int PRIMARY KEY, note text)");
        try (SqlClient writer = new SqlClient(database)) {
            writer.begin();
            writer.run("INSERT INTO notes VALUES (1, 'early')");
            create("busy", "SELECT * FROM notes");
            client.awaitRow(
                    "SELECT FROM runnel.stream_tables WHERE table_name = 'busy' AND waits_for LIKE '%backend%'");
            service.kill();
            writer.commit();
        }
        client.run("INSERT INTO notes VALUES (2, 'late')");
        service = startService();
        client.awaitStatus("busy", "ACTIVE");
        client.assertSyncedEquals("busy", "SELECT * FROM notes");
        client.run("SELECT runnel.drop_stream_table('busy')");
        client.run("DROP TABLE notes");
    }

    @Test
    void service_killed_in_the_middle_of_the_first_fill_fills_the_table_after_its_restart() throws Exception {
        killBehindGate(() -> "SELECT runnel.create_stream_table('gated', $query$" + GATED + "$query$, '1s')");
        client.assertSyncedEquals("gated", GATED);
        assertThat(client.modes("gated")).startsWith("FULL");
        client.run("UPDATE orders SET amount = 7 WHERE id = 2");
        client.assertSyncedEquals("gated", GATED);
        assertHealthy();
    }

    @Test
    void service_killed_in_the_middle_of_an_altered_query_finishes_it_after_its_restart() throws Exception {
        killInAlteration("SELECT id, amount FROM orders WHERE id <= 3");
    }

    @Test
    void service_killed_in_the_middle_of_new_columns_finishes_them_after_its_restart() throws Exception {
        killInAlteration("SELECT region FROM orders WHERE id <= 3");
    }

    private void killInAlteration(String former) throws Exception {
        create("gated", former);
        client.sync("gated");
        killBehindGate(() -> "SELECT runnel.alter_stream_table('gated', query => $query$" + GATED + "$query$)");
        client.assertSyncedEquals("gated", GATED);
        client.run("DELETE FROM orders WHERE id = 1");
        client.assertSyncedEquals("gated", GATED);
        assertHealthy();
    }

    @Test
    void service_killed_in_the_middle_of_a_drop_leaves_the_table_whole_and_droppable() throws Exception {
        try (SqlClient reader = new SqlClient(database)) {
            reader.begin();
            reader.rows("SELECT * FROM totals");
            CompletableFuture<Void> drop = CompletableFuture.runAsync(() -> delete("totals"));
            client.awaitRow(BLOCKED);
            service.kill();
            assertThat(drop).failsWithin(Await.WAIT_MAX);
            client.awaitRow("SELECT WHERE NOT EXISTS (SELECT " + OTHERS_BACKENDS + ")");
            reader.commit();
        }
        service = startService();
        client.run("INSERT INTO orders (region, amount) VALUES ('after', 1)");
        client.assertSyncedEquals("totals", TOTALS);
        assertThat(service.send("DELETE", "/api/v1/stream-tables/totals").statusCode())
                .isEqualTo(204);
        client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'orders'::regclass)");
        assertThat(client.rows("SELECT to_regclass('totals')")).containsExactly("null");
    }

    /** That it was stopped, and that somebody has approved, is in the database. */
    @Test
    void stream_table_that_was_stopped_is_stopped_after_a_restart_and_goes_on_after_one_once_approved()
            throws Exception {
        String all = "SELECT id, amount FROM orders";
        client.run("SELECT runnel.create_stream_table('guarded', '" + all + "', '100ms', max_changed_share => 0.5)");
        client.awaitStatus("guarded", "ACTIVE");
        client.assertSyncedEquals("guarded", all);
        client.run("DELETE FROM orders WHERE id > 10");
        String stopped = "SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'SUSPENDED'"
                + " AND last_error_code = 'change-too-large'";
        client.awaitRow(stopped);
        service.kill();
        client.run("INSERT INTO orders (region, amount) VALUES ('while down', 1)");
        service = startService();
        client.assertSyncedEquals("totals", TOTALS);
        client.awaitRow(stopped);
        assertThat(client.rows("SELECT count(*) FROM guarded")).containsExactly("100");
        service.kill();
        client.run("SELECT runnel.approve_refresh('guarded')");
        service = startService();
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'"
                + " AND last_error IS NULL AND NOT approved");
        client.assertSyncedEquals("guarded", all);
    }

    /** Lets the service begin a refresh of {@code totals} that has taken its snapshot and cannot end. */
    private void blockRefresh(SqlClient blocker) throws Exception {
        client.awaitRow("SELECT FROM totals WHERE region = 'r1'");
        blocker.begin();
        blocker.rows("SELECT FROM totals WHERE region = 'r1' FOR UPDATE");
        client.run("INSERT INTO orders (region, amount) VALUES ('r1', 1)");
        client.awaitRow(BLOCKED);
    }

    /** Kills the service when what the statement asks of it has come to the gate, and starts another. */
    private void killBehindGate(Supplier<String> statement) throws Exception {
        try (SqlClient gate = new SqlClient(database)) {
            gate.run("SELECT pg_advisory_lock(4711)");
            client.run(statement.get());
            client.awaitRow(BLOCKED);
            service.kill();
            client.awaitRow("SELECT WHERE NOT EXISTS (SELECT " + OTHERS_BACKENDS + ")");
        }
        service = startService();
    }

    private void delete(String table) {
        try {
            service.send("DELETE", "/api/v1/stream-tables/" + table);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private void create(String name, String query) throws Exception {
        client.run("SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, 'on-change')");
    }

    /** Nobody had to do anything, and nothing was noticed that should not be. */
    private void assertHealthy() throws Exception {
        assertThat(client.rows("SELECT table_name, status, consecutive_errors FROM runnel.stream_tables"))
                .allMatch(row -> row.endsWith("|ACTIVE|0"));
        assertThat(client.rows("SELECT table_name, error FROM runnel.refresh_history WHERE mode = 'FAILED'"))
                .isEmpty();
    }

    private static ServiceProcess startService() throws Exception {
        return ServiceProcess.start(server, "crash");
    }
}
