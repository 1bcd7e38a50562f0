package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What befalls a running service, and that every stream table converges all the same. */
@QuarkusTest
class FaultTest extends FaultFixture {

    @Test
    void loss_of_the_listener_in_the_middle_of_writes_loses_no_change() throws Exception {
        create("fault_large", LARGE, "100ms");
        client.sync("fault_large");
        strikeDuringWrites(LISTENER);
        client.awaitRow("SELECT FROM pg_stat_activity WHERE " + LISTENER);
        client.assertSyncedEquals("fault_totals", TOTALS);
        client.assertSyncedEquals("fault_large", LARGE);
        client.run("SELECT runnel.drop_stream_table('fault_large')");
    }

    @Test
    void loss_of_every_connection_of_the_service_in_the_middle_of_writes_loses_no_change() throws Exception {
        create("fault_large", LARGE, "100ms");
        client.sync("fault_large");
        strikeDuringWrites(SERVICE_CONNECTIONS);
        client.assertSyncedEquals("fault_totals", TOTALS);
        client.assertSyncedEquals("fault_large", LARGE);
        assertThat(client.rows(
                        "SELECT status FROM runnel.stream_tables WHERE table_name IN ('fault_totals', 'fault_large')"))
                .containsOnly("ACTIVE");
        client.run("SELECT runnel.drop_stream_table('fault_large')");
    }

    @Test
    void table_is_refreshed_by_its_schedule_again_after_the_listener_is_lost() throws Exception {
        client.awaitRow("SELECT FROM pg_stat_activity WHERE " + LISTENER);
        client.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + LISTENER);
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('after', 1)");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'after'");
    }

    /** A connection that is silently dead looks like one on which nothing happens. */
    @Test
    void listener_that_gets_no_answer_any_more_is_replaced() throws Exception {
        client.awaitRow("SELECT FROM pg_stat_activity WHERE " + LISTENER);
        long backend = Long.parseLong(client.rows("SELECT pid FROM pg_stat_activity WHERE " + LISTENER)
                .get(0));
        assumeThat(ProcessHandle.of(backend).flatMap(process -> process.info().command()))
                .as("the server runs on this machine")
                .hasValueSatisfying(command -> assertThat(command).endsWith("postgres"));
        signal("-STOP", backend);
        try {
            client.awaitRow("SELECT FROM pg_stat_activity WHERE " + LISTENER + " AND pid <> " + backend);
        } finally {
            signal("-CONT", backend);
        }
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('after', 1)");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'after'");
    }

    private static void signal(String signal, long process) throws Exception {
        Process kill = new ProcessBuilder("kill", signal, Long.toString(process)).start();
        assertThat(kill.waitFor()).isZero();
    }

    @Test
    void writer_that_stays_open_for_long_delays_nobody_and_its_own_changes_come_after_its_commit() throws Exception {
        try (SqlClient slow = new SqlClient(database)) {
            slow.begin();
            slow.run("INSERT INTO fault_orders (region, amount) VALUES ('slow', 1)");
            for (int i = 1; i <= 5; i++) {
                client.run("INSERT INTO fault_orders (region, amount) VALUES ('quick', 1)");
                client.assertSyncedEquals("fault_totals", TOTALS);
                assertThat(client.rows("SELECT region, orders FROM fault_totals WHERE region IN ('slow', 'quick')"))
                        .containsExactly("quick|" + i);
            }
            slow.run("UPDATE fault_orders SET amount = 7 WHERE region = 'slow'");
            slow.commit();
            client.assertSyncedEquals("fault_totals", TOTALS);
            assertThat(client.rows("SELECT orders, total FROM fault_totals WHERE region = 'slow'"))
                    .containsExactly("1|7");
        }
    }

    @Test
    void writer_that_rolls_back_after_long_leaves_no_trace() throws Exception {
        try (SqlClient slow = new SqlClient(database)) {
            slow.begin();
            slow.run("INSERT INTO fault_orders (region, amount) VALUES ('slow', 1)");
            insert(client, 10);
            client.assertSyncedEquals("fault_totals", TOTALS);
            slow.run("ROLLBACK");
            insert(client, 10);
            client.assertSyncedEquals("fault_totals", TOTALS);
        }
    }

    @Test
    void long_repeatable_reader_delays_nothing_and_sees_its_own_snapshot() throws Exception {
        try (SqlClient reader = new SqlClient(database)) {
            reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
            List<String> seen = reader.rows("SELECT * FROM fault_totals ORDER BY region");
            reader.assertEquals("fault_totals", TOTALS);
            for (int i = 0; i < 3; i++) {
                insert(client, 10);
                client.run("DELETE FROM fault_orders WHERE region = 'r" + i + "'");
                client.run("CALL runnel.sync('fault_totals', '10s')");
                client.assertEquals("fault_totals", TOTALS);
            }
            assertThat(reader.rows("SELECT * FROM fault_totals ORDER BY region"))
                    .isEqualTo(seen);
            reader.assertEquals("fault_totals", TOTALS);
            reader.commit();
        }
    }

    @Test
    void truncated_source_empties_the_table_and_later_rows_come_back() throws Exception {
        client.run("TRUNCATE fault_orders");
        client.assertSyncedEquals("fault_totals", TOTALS);
        assertThat(client.rows("SELECT * FROM fault_totals")).isEmpty();
        client.run("BEGIN");
        insert(client, 10);
        client.run("TRUNCATE fault_orders");
        insert(client, 20);
        client.run("COMMIT");
        client.assertSyncedEquals("fault_totals", TOTALS);
        assertThat(client.rows("SELECT sum(orders) FROM fault_totals")).containsExactly("20");
    }

    @Test
    void changes_made_in_the_role_of_a_replica_are_captured_too() throws Exception {
        client.run("CREATE TABLE fault_parts (id int, amount numeric) PARTITION BY RANGE (id)");
        client.run("CREATE TABLE fault_part PARTITION OF fault_parts FOR VALUES FROM (0) TO (10)");
        create("fault_parted", "SELECT id, amount FROM fault_parts", "100ms");
        client.sync("fault_parted");
        try (SqlClient replica = new SqlClient(database)) {
            replica.run("SET session_replication_role = replica");
            insert(replica, 10);
            replica.run("UPDATE fault_orders SET region = 'moved' WHERE id % 3 = 0");
            replica.run("DELETE FROM fault_orders WHERE id % 5 = 0");
            replica.run("INSERT INTO fault_parts VALUES (1, 1), (2, 2)");
            replica.run("UPDATE fault_part SET amount = 3 WHERE id = 1");
            client.assertSyncedEquals("fault_totals", TOTALS);
            client.assertSyncedEquals("fault_parted", "SELECT id, amount FROM fault_parts");
            replica.run("TRUNCATE fault_orders, fault_part");
            client.assertSyncedEquals("fault_totals", TOTALS);
            client.assertSyncedEquals("fault_parted", "SELECT id, amount FROM fault_parts");
            replica.run("RESET session_replication_role");
        }
        client.run("SELECT runnel.drop_stream_table('fault_parted')");
        client.run("DROP TABLE fault_parts");
    }

    @Test
    void time_of_a_refresh_is_that_of_its_snapshot() throws Exception {
        try (SqlClient blocker = new SqlClient(database)) {
            blocker.begin();
            blocker.rows("SELECT FROM fault_totals WHERE region = 'r1' FOR UPDATE");
            client.run("INSERT INTO fault_orders (region, amount) VALUES ('r1', 1000)");
            client.awaitRow("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
            String later = client.rows("SELECT clock_timestamp()").get(0);
            blocker.commit();
            client.awaitRow("SELECT FROM fault_totals WHERE total >= 1000");
            assertThat(client.rows("SELECT refreshed_at < '" + later
                            + "' FROM runnel.stream_tables WHERE table_name = 'fault_totals'"))
                    .containsExactly("t");
        }
    }

    @Test
    void source_dropped_with_cascade_stops_its_own_stream_table_only() throws Exception {
        client.run("CREATE TABLE fault_gone (a int)");
        create("fault_orphan", "SELECT a FROM fault_gone", "100ms");
        client.sync("fault_orphan");
        client.run("DROP TABLE fault_gone CASCADE");
        insert(client, 10);
        client.assertSyncedEquals("fault_totals", TOTALS);
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'fault_orphan'"
                + " AND status = 'ERROR' AND last_error_code = 'source-dropped'");
        insert(client, 10);
        client.assertSyncedEquals("fault_totals", TOTALS);
        assertThat(client.rows("SELECT status, consecutive_errors FROM runnel.stream_tables"
                        + " WHERE table_name = 'fault_totals'"))
                .containsExactly("ACTIVE|0");
        assertThat(refused("CALL runnel.sync('fault_orphan')").getSQLState()).isEqualTo("55000");
        client.run("CREATE TABLE fault_gone AS SELECT 7 AS a");
        client.run("SELECT runnel.resume_stream_table('fault_orphan')");
        client.assertSyncedEquals("fault_orphan", "SELECT a FROM fault_gone");
        client.run("INSERT INTO fault_gone VALUES (7), (8)");
        client.assertSyncedEquals("fault_orphan", "SELECT a FROM fault_gone");
        client.run("SELECT runnel.drop_stream_table('fault_orphan')");
        client.run("DROP TABLE fault_gone");
    }

    @Test
    void suspended_table_whose_source_was_dropped_and_made_again_needs_one_resumption() throws Exception {
        client.run("CREATE TABLE fault_gone AS SELECT 1 AS a");
        create("fault_orphan", "SELECT a FROM fault_gone", "1h");
        client.sync("fault_orphan");
        client.run("SELECT runnel.suspend_stream_table('fault_orphan')");
        client.awaitStatus("fault_orphan", "SUSPENDED");
        client.run("DROP TABLE fault_gone CASCADE");
        client.run("CREATE TABLE fault_gone AS SELECT 7 AS a");
        client.run("SELECT runnel.resume_stream_table('fault_orphan')");
        client.assertSyncedEquals("fault_orphan", "SELECT a FROM fault_gone");
        client.run("SELECT runnel.drop_stream_table('fault_orphan')");
        client.run("DROP TABLE fault_gone");
    }
}
