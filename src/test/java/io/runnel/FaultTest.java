package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.postgresql.util.PSQLException;

/** What applications and administrators do to a running service, and that every stream table converges all the same. */
@QuarkusTest
class FaultTest {

    private static final String TOTALS =
            "SELECT region, count(*) AS orders, sum(amount) AS total FROM fault_orders GROUP BY region";
    private static final String LARGE = "SELECT id, amount FROM fault_orders WHERE amount > 50";

    /** The service's connections: those of the tests and of the migrations are made by JDBC. */
    private static final String SERVICE_CONNECTIONS = "pid <> pg_backend_pid() AND datname = current_database()"
            + " AND backend_type = 'client backend' AND application_name NOT LIKE 'PostgreSQL JDBC%'";

    private static final String LISTENER = "application_name = 'runnel listener'";

    private static final int WRITERS = 3;
    private static final int TRANSACTIONS = 300;
    private static final int BLOWS = 3;

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE TABLE fault_orders (id bigserial PRIMARY KEY, region text, amount numeric)");
        insert(client, 100);
        create("fault_totals", TOTALS, "on-change");
        client.assertSyncedEquals("fault_totals", TOTALS);
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT runnel.drop_stream_table('fault_totals', true)");
        client.run("DROP TABLE fault_orders");
        client.close();
    }

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

    @Test
    void paused_table_stands_still_and_catches_up_when_resumed() throws Exception {
        client.run("SELECT runnel.pause_stream_table('fault_totals')");
        client.awaitStatus("fault_totals", "PAUSED");
        List<String> before = client.rows("SELECT * FROM fault_totals ORDER BY region");
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('late', 3)");
        PSQLException refused = refused("CALL runnel.sync('fault_totals')");
        assertThat(refused.getSQLState()).isEqualTo("55000");
        assertThat(refused.getMessage()).contains("PAUSED");
        assertThat(client.rows("SELECT * FROM fault_totals ORDER BY region")).isEqualTo(before);
        client.run("SELECT runnel.resume_stream_table('fault_totals')");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'late'");
        client.assertSyncedEquals("fault_totals", TOTALS);
        assertThat(client.modes("fault_totals")).endsWith("DIFFERENTIAL");
    }

    @Test
    void altered_schedule_takes_effect_at_once() throws Exception {
        client.run("SELECT runnel.alter_stream_table('fault_totals', schedule => 'manual')");
        client.awaitRow("SELECT FROM runnel_internal.stream_table WHERE table_name = 'fault_totals'"
                + " AND version = reconciled_version");
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('later', 3)");
        client.run("SELECT runnel.alter_stream_table('fault_totals', schedule => '50ms')");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'later'");
        client.assertSyncedEquals("fault_totals", TOTALS);
    }

    @Test
    void altered_query_with_the_same_columns_is_filled_and_maintained() throws Exception {
        String altered = TOTALS.replace("GROUP BY", "WHERE amount > 20 GROUP BY");
        client.run("CREATE INDEX fault_index ON fault_totals (region)");
        alter("fault_totals", altered);
        insert(client, 10);
        client.assertSyncedEquals("fault_totals", altered);
        assertThat(client.rows("SELECT FROM pg_indexes WHERE indexname = 'fault_index'"))
                .hasSize(1);
        assertThat(client.effectiveMode("fault_totals")).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void altered_query_with_other_columns_is_filled_and_maintained() throws Exception {
        String altered = "SELECT amount, max(id) AS latest, min(region) AS region FROM fault_orders GROUP BY amount";
        alter("fault_totals", altered);
        client.assertSyncedEquals("fault_totals", altered);
        insert(client, 10);
        client.run("DELETE FROM fault_orders WHERE id % 3 = 0");
        client.assertSyncedEquals("fault_totals", altered);
        assertThat(client.effectiveMode("fault_totals")).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void query_altered_in_the_middle_of_writes_loses_no_change() throws Exception {
        String altered = "SELECT region, max(amount) AS most FROM fault_orders GROUP BY region";
        duringWrites(round -> alter("fault_totals", round % 2 == 0 ? altered : TOTALS));
        client.assertSyncedEquals("fault_totals", BLOWS % 2 == 1 ? altered : TOTALS);
    }

    @Test
    void stream_table_over_a_stream_table_equals_its_query_after_sync() throws Exception {
        String above = "SELECT orders, count(*) AS regions, sum(total) AS total FROM fault_totals GROUP BY orders";
        create("fault_above", above, "5s");
        client.assertSyncedEquals("fault_above", above);
        for (int i = 0; i < 5; i++) {
            insert(client, i);
            client.run("DELETE FROM fault_orders WHERE id % 10 = " + i);
            client.assertSyncedEquals("fault_above", above);
            client.assertEquals("fault_totals", TOTALS);
        }
        assertThat(client.effectiveMode("fault_above")).isEqualTo("DIFFERENTIAL");
        client.run("SELECT runnel.drop_stream_table('fault_above')");
    }

    @Test
    void view_over_a_source_is_read_through() throws Exception {
        client.run("CREATE VIEW fault_view AS SELECT id, upper(region) AS name, amount FROM fault_orders");
        String query = "SELECT name, sum(amount) AS total FROM fault_view GROUP BY name";
        create("fault_viewed", query, "100ms");
        client.assertSyncedEquals("fault_viewed", query);
        insert(client, 10);
        client.run("UPDATE fault_orders SET amount = amount + 1 WHERE id % 5 = 0");
        client.assertSyncedEquals("fault_viewed", query);
        assertThat(client.effectiveMode("fault_viewed")).isEqualTo("DIFFERENTIAL");
        client.run("SELECT runnel.drop_stream_table('fault_viewed')");
        client.run("DROP VIEW fault_view");
    }

    @Test
    void drop_is_refused_while_a_stream_table_depends_on_it() throws Exception {
        create("fault_above", "SELECT sum(total) AS total FROM fault_totals", "5s");
        client.sync("fault_above");
        PSQLException refused = refused("SELECT runnel.drop_stream_table('fault_totals')");
        assertThat(refused.getSQLState()).isEqualTo("2BP01");
        assertThat(refused.getMessage()).contains("fault_above").contains("Hint");
        insert(client, 10);
        client.assertSyncedEquals("fault_above", "SELECT sum(amount) AS total FROM fault_orders");
    }

    @Test
    void direct_writes_are_refused_with_a_hint_and_harm_nothing() throws Exception {
        for (String write : List.of(
                "INSERT INTO fault_totals VALUES ('x', 1, 1)",
                "UPDATE fault_totals SET orders = 0",
                "DELETE FROM fault_totals",
                "TRUNCATE fault_totals")) {
            PSQLException refused = refused(write);
            assertThat(refused.getSQLState()).as(write).isEqualTo("42809");
            assertThat(refused.getMessage()).contains("Hint: Write to its sources");
        }
        insert(client, 5);
        client.assertSyncedEquals("fault_totals", TOTALS);
    }

    private void strikeDuringWrites(String connections) throws Exception {
        duringWrites(round -> {
            client.awaitRow("SELECT FROM pg_stat_activity WHERE " + connections);
            client.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + connections);
        });
    }

    /** Strikes several times, each time after some more transactions of the writers. */
    private void duringWrites(Blow blow) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Future<?>> writers = new ArrayList<>();
        for (int writer = 0; writer < WRITERS; writer++) {
            int region = writer;
            writers.add(threads.submit(() -> {
                write(region);
                return region;
            }));
        }
        for (int round = 0; round < BLOWS; round++) {
            client.awaitRow("SELECT FROM fault_orders WHERE region = 'w0' OFFSET " + round * TRANSACTIONS / BLOWS);
            blow.strike(round);
        }
        for (Future<?> writer : writers) {
            assertThat(writer.get(60, TimeUnit.SECONDS)).isNotNull();
        }
        threads.shutdown();
    }

    private void write(int number) throws SQLException {
        String region = "'w" + number + "'";
        try (SqlClient writer = new SqlClient(database)) {
            for (int i = 0; i < TRANSACTIONS; i++) {
                writer.begin();
                writer.run("INSERT INTO fault_orders (region, amount) VALUES (" + region + ", " + i + ")");
                writer.run("UPDATE fault_orders SET amount = amount + 1 WHERE region = " + region + " AND amount = "
                        + i / 2);
                writer.run("DELETE FROM fault_orders WHERE region = 'r" + number + "' AND amount = " + i % 100);
                writer.commit();
            }
        }
    }

    private void create(String name, String query, String schedule) throws SQLException {
        client.run(
                "SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, '" + schedule + "')");
    }

    private void alter(String name, String query) throws SQLException {
        client.run("SELECT runnel.alter_stream_table('" + name + "', query => $query$" + query + "$query$)");
    }

    private static void insert(SqlClient session, int rows) throws SQLException {
        session.run("INSERT INTO fault_orders (region, amount) SELECT 'r' || i % 4, i FROM generate_series(1, " + rows
                + ") AS i");
    }

    private PSQLException refused(String statement) {
        return catchThrowableOfType(PSQLException.class, () -> client.run(statement));
    }

    /** What befalls the service while others write. */
    private interface Blow {
        void strike(int round) throws SQLException;
    }
}
