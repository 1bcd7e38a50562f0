package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What sync, wait_for and lag say about projections, and about what stands on them. */
@QuarkusTest
class ProjectionFreshnessTest extends ProjectionFixture {

    private static final String COPY = "INSERT INTO copied VALUES (event.id, event.body)";

    @BeforeEach
    void create_log() throws SQLException {
        client.run("CREATE TABLE log (id bigserial PRIMARY KEY, kind text NOT NULL DEFAULT 'a', entity text,"
                + " at timestamptz NOT NULL DEFAULT clock_timestamp(), body integer)");
    }

    @AfterEach
    void drop_stream_tables() throws SQLException {
        for (String name : client.rows("SELECT schema_name || '.' || table_name FROM runnel.stream_tables"
                + " WHERE schema_name = 'projected' ORDER BY id DESC")) {
            client.run("SELECT runnel.drop_stream_table('" + name + "', true)");
        }
    }

    private void project(String more) throws SQLException {
        client.run("SELECT runnel.create_projection('copier', 'log', 'id',"
                + " ddl => 'CREATE TABLE copied (id bigint PRIMARY KEY, body integer CHECK (body >= 0))',"
                + " targets => '{copied}', default_handler => '" + COPY + "'" + more + ")");
    }

    private void sync(String name) throws SQLException {
        client.run("CALL runnel.sync('" + name + "', '20s')");
    }

    private String reflects(String snapshot) throws SQLException {
        return client.rows("SELECT runnel_internal.projection_reflects(id, '" + snapshot
                        + "') FROM runnel_internal.projection WHERE name = 'copier'")
                .get(0);
    }

    private String lag() throws SQLException {
        return client.rows("SELECT lag_seconds FROM runnel.read_models WHERE name = 'copier'")
                .get(0);
    }

    @Test
    void synchronised_projection_has_all_that_was_committed_before() throws SQLException {
        project("");
        Random random = new Random(7);
        for (int i = 1; i <= 100; i++) {
            client.run("INSERT INTO log (body) SELECT generate_series(1, " + (1 + random.nextInt(20)) + ")");
            sync("copier");
            assertThat(client.rows("SELECT count(*) FROM log EXCEPT SELECT count(*) FROM copied"))
                    .isEmpty();
        }
        assertThat(lag()).isEqualTo("0");
    }

    @Test
    void idle_projection_answers_at_once_although_its_frontier_is_old() throws SQLException {
        project("");
        client.run("INSERT INTO log (body) VALUES (1)");
        sync("copier");
        client.run("CREATE TABLE elsewhere (a integer)");
        assertThat(client.rows("SELECT runnel_internal.covers(frontier, pg_current_snapshot())"
                        + " FROM runnel_internal.projection_state"))
                .containsExactly("f");
        client.run("CALL runnel.sync('copier', '0s')");
        client.run("CALL runnel.wait_for('copier', pg_current_snapshot()::text, '0s')");
        assertThat(lag()).isEqualTo("0");
    }

    @Test
    void token_of_an_open_transaction_waits_for_it_and_then_for_its_event() throws Exception {
        project("");
        try (SqlClient writer = client()) {
            writer.begin();
            writer.run("INSERT INTO log (body) VALUES (1)");
            String token = writer.rows("SELECT pg_current_xact_id()").get(0);
            assertThatThrownBy(() -> client.run("CALL runnel.wait_for('copier', '" + token + "', '100ms')"))
                    .hasMessageContaining("still open");
            CompletableFuture<Void> waiting = CompletableFuture.runAsync(() -> {
                try (SqlClient reader = client()) {
                    reader.run("CALL runnel.wait_for('copier', '" + token + "', '20s')");
                    assertThat(reader.rows("SELECT body FROM copied")).containsExactly("1");
                } catch (SQLException failed) {
                    throw new IllegalStateException(failed);
                }
            });
            writer.commit();
            waiting.get(20, TimeUnit.SECONDS);
        }
    }

    @Test
    void what_a_snapshot_sees_is_told_apart_from_what_came_later() throws SQLException {
        project("");
        sync("copier");
        client.run("SELECT runnel.pause_projection('copier')");
        String before = snapshot();
        client.run("INSERT INTO log (body) VALUES (1)");
        String after = snapshot();
        assertThat(reflects(before)).isEqualTo("t");
        assertThat(reflects(after)).isEqualTo("f");
        client.run("SELECT runnel.resume_projection('copier')");
        sync("copier");
        assertThat(reflects(after)).isEqualTo("t");
    }

    @Test
    void event_below_the_checkpoint_is_missing_for_those_only_who_see_it() throws SQLException {
        project("");
        client.run("INSERT INTO log (id, body) VALUES (10, 1)");
        sync("copier");
        client.run("SELECT runnel.pause_projection('copier')");
        String before = snapshot();
        try (SqlClient open = client()) {
            open.begin();
            open.run("INSERT INTO log (id, body) VALUES (5, 2)");
            String during = snapshot();
            open.commit();
            String after = snapshot();
            assertThat(reflects(before)).isEqualTo("t");
            assertThat(reflects(during)).isEqualTo("t");
            assertThat(reflects(after)).isEqualTo("f");
            client.run("SELECT runnel.resume_projection('copier')");
            sync("copier");
            assertThat(reflects(after)).isEqualTo("t");
        }
        assertThat(client.rows("SELECT id FROM copied ORDER BY id")).containsExactly("5", "10");
    }

    @Test
    void wait_ends_while_writers_go_on() throws Exception {
        project("");
        try (SqlClient writer = client()) {
            CompletableFuture<Integer> writing = CompletableFuture.supplyAsync(() -> write(writer));
            for (int i = 0; i < 20; i++) {
                String count = client.rows("SELECT count(*) FROM log").get(0);
                sync("copier");
                assertThat(client.rows("SELECT count(*) >= " + count + " FROM copied"))
                        .containsExactly("t");
            }
            client.run("CREATE TABLE enough ()");
            assertThat(writing.get(30, TimeUnit.SECONDS)).isPositive();
        }
    }

    private static int write(SqlClient writer) {
        try {
            int written = 0;
            while (writer.rows("SELECT to_regclass('projected.enough')").get(0).equals("null")) {
                writer.run("INSERT INTO log (body) VALUES (1)");
                written++;
            }
            return written;
        } catch (SQLException failed) {
            throw new IllegalStateException(failed);
        }
    }

    @Test
    void records_of_events_that_are_not_handled_are_not_pruned() throws SQLException {
        project(", batch_size => 1");
        client.run("INSERT INTO log (body) VALUES (1)");
        sync("copier");
        client.run("SELECT runnel.pause_projection('copier')");
        String before = snapshot();
        client.run("INSERT INTO log (body) VALUES (2)");
        client.run("UPDATE runnel_internal.projection_state SET frontier = pg_current_snapshot()");
        client.run(
                "SELECT runnel_internal.prune_log(id) FROM runnel_internal.event_log WHERE relation = 'log'::regclass");
        assertThat(reflects(before)).isEqualTo("t");
        assertThat(reflects(snapshot())).isEqualTo("f");
    }

    @Test
    void dead_letters_are_not_waited_for() throws SQLException {
        project(", failure_policy => 'DEAD_LETTER'");
        client.run("INSERT INTO log (body) VALUES (1), (-1), (2)");
        sync("copier");
        assertThat(client.rows("SELECT body FROM copied ORDER BY 1")).containsExactly("1", "2");
        assertThat(client.rows("SELECT dead_letters FROM runnel.projections")).containsExactly("1");
    }

    @Test
    void what_will_not_be_handled_is_told_with_the_reason() throws SQLException {
        project("");
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("CALL runnel.sync('copier', '0s')");
        client.run("INSERT INTO log (body) VALUES (1)");
        assertThatThrownBy(() -> sync("copier")).hasMessageContaining("projection copier is PAUSED");
        assertThat(Double.parseDouble(lag())).isPositive();
        client.run("SELECT runnel.resume_projection('copier')");
        sync("copier");
        client.run("INSERT INTO log (body) VALUES (-1)");
        assertThatThrownBy(() -> sync("copier"))
                .hasMessageContaining("projection copier is SUSPENDED")
                .hasMessageContaining("violates check constraint");
        assertThatThrownBy(() -> sync("nobody")).hasMessageContaining("read model 'nobody' does not exist");
    }

    @Test
    void failing_projection_that_is_tried_again_runs_into_the_timeout() throws SQLException {
        project(", failure_policy => 'RETRY'");
        client.run("INSERT INTO log (body) VALUES (1), (-1)");
        client.awaitRow("SELECT FROM runnel.projections WHERE consecutive_errors > 0");
        assertThatThrownBy(() -> client.run("CALL runnel.sync('copier', '200ms')"))
                .hasMessageContaining("projection copier is not up to date after 00:00:00.2")
                .hasMessageContaining("It is at position 1 of 2, last error: ");
    }

    @Test
    void projection_with_an_interval_is_brought_forward() throws SQLException {
        project(", schedule => '1h'");
        client.run("INSERT INTO log (body) VALUES (1)");
        sync("copier");
        client.run("INSERT INTO log (body) VALUES (2)");
        sync("copier");
        assertThat(client.rows("SELECT count(*) FROM copied")).containsExactly("2");
    }

    @Test
    void synchronous_projection_includes_everything_while_its_trigger_is_there() throws SQLException {
        project(", mode => 'SYNCHRONOUS'");
        client.run("INSERT INTO log (body) VALUES (1)");
        client.run("CALL runnel.sync('copier', '0s')");
        assertThat(lag()).isEqualTo("0");
        client.run("ALTER TABLE log DISABLE TRIGGER ALL");
        assertThatThrownBy(() -> sync("copier")).hasMessageContaining("trigger on the event log");
        assertThat(lag()).isEqualTo("null");
        client.run("ALTER TABLE log ENABLE TRIGGER ALL");
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("INSERT INTO log (body) VALUES (2)");
        assertThatThrownBy(() -> sync("copier")).hasMessageContaining("is PAUSED");
        client.run("SELECT runnel.resume_projection('copier')");
        client.run("CALL runnel.sync('copier', '0s')");
        assertThat(client.rows("SELECT count(*) FROM copied")).containsExactly("2");
    }

    @Test
    void lag_is_that_of_the_oldest_missing_event() throws SQLException {
        project(", time_column => 'at'");
        sync("copier");
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("UPDATE runnel_internal.projection_state SET frontier_at = now() - interval '1 hour'");
        client.run("INSERT INTO log (at, body) VALUES (now() - interval '90 seconds', 1), (now(), 2)");
        assertThat(Double.parseDouble(lag())).isBetween(90.0, 120.0);
        client.run("UPDATE log SET at = now() - interval '1 day'");
        assertThat(Double.parseDouble(lag())).isBetween(3600.0, 3700.0);
        client.run("UPDATE runnel_internal.projection_state SET frontier = pg_current_snapshot()");
        assertThat(Double.parseDouble(lag())).isBetween(86400.0, 86500.0);
    }

    @Test
    void lag_without_a_time_column_is_unknown_when_older_events_are_missing() throws SQLException {
        project("");
        sync("copier");
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("INSERT INTO log (body) VALUES (1)");
        assertThat(Double.parseDouble(lag())).isBetween(0.0, 60.0);
        client.run("UPDATE runnel_internal.projection_state SET frontier = pg_current_snapshot()");
        assertThat(lag()).isEqualTo("null");
    }

    @Test
    void stream_table_over_a_target_waits_for_the_projection_first() throws SQLException {
        project("");
        client.run("SELECT runnel.create_stream_table('sums', 'SELECT body % 3 AS third, sum(body) AS total FROM copied"
                + " GROUP BY 1', 'manual')");
        client.run("SELECT runnel.create_stream_table('top', 'SELECT max(total) AS most FROM sums', 'manual')");
        client.awaitStatus("top", "ACTIVE");
        for (int i = 1; i <= 20; i++) {
            client.run("INSERT INTO log (body) SELECT " + i + " FROM generate_series(1, 3)");
            client.assertSyncedEquals(
                    i % 2 == 0 ? "top" : "sums",
                    i % 2 == 0
                            ? "SELECT max(total) FROM (SELECT sum(body) AS total FROM log GROUP BY body % 3) AS sums"
                            : "SELECT body % 3, sum(body) FROM log GROUP BY 1");
        }
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("INSERT INTO log (body) VALUES (1)");
        String token = snapshot();
        assertThatThrownBy(() -> sync("top")).hasMessageContaining("projection copier is PAUSED");
        assertThat(
                        client.rows(
                                "SELECT runnel_internal.includes(id, '" + token
                                        + "'), runnel_internal.model_lag('STREAM_TABLE', id) > 0 FROM runnel.stream_tables WHERE table_name = 'top'"))
                .containsExactly("f|t");
        assertThat(client.rows("SELECT count(*) FROM runnel.read_models WHERE lag_seconds > 0"
                        + " AND name IN ('copier', 'projected.sums', 'projected.top')"))
                .containsExactly("3");
    }

    @Test
    void projection_over_the_target_of_another_waits_for_both() throws SQLException {
        project("");
        client.run("SELECT runnel.create_projection('second', 'copied', 'id',"
                + " ddl => 'CREATE TABLE doubled (id bigint PRIMARY KEY, body integer)', targets => '{doubled}',"
                + " default_handler => 'INSERT INTO doubled VALUES (event.id, event.body * 2)')");
        client.run("SELECT runnel.create_stream_table('sums', 'SELECT sum(body) AS total FROM doubled', 'manual')");
        client.awaitStatus("sums", "ACTIVE");
        for (int i = 1; i <= 20; i++) {
            client.run("INSERT INTO log (body) VALUES (" + i + ")");
            client.assertSyncedEquals("sums", "SELECT sum(body * 2) AS total FROM log");
        }
    }

    @Test
    void rebuild_in_copies_keeps_what_is_promised() throws SQLException {
        project(", time_column => 'at'");
        client.run("INSERT INTO log (body) SELECT generate_series(1, 50)");
        sync("copier");
        client.run("SELECT runnel.rebuild_projection('copier', side_by_side => true)");
        client.run("INSERT INTO log (body) VALUES (7)");
        sync("copier");
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED'");
        sync("copier");
        assertThat(client.rows("SELECT count(*) FROM copied")).containsExactly("51");
        assertThat(client.rows("SELECT name FROM runnel.read_models WHERE kind = 'PROJECTION'"))
                .containsExactly("copier");
        assertThat(client.rows(
                        "SELECT count(*) FROM runnel_internal.projection_state AS state, runnel_internal.projection"
                                + " WHERE id = projection_id AND frontier_at NOT BETWEEN created_at AND updated_at"))
                .containsExactly("0");
        client.run("SELECT runnel.finish_rebuild('copier')");
    }

    @Test
    void others_see_of_it_what_they_may_read() throws SQLException {
        project("");
        client.run("DO $$ BEGIN CREATE ROLE freshness_reader; EXCEPTION WHEN duplicate_object THEN END $$");
        client.run("GRANT USAGE ON SCHEMA projected TO freshness_reader");
        client.run("SET ROLE freshness_reader");
        try {
            assertThat(client.rows("SELECT name FROM runnel.read_models WHERE name = 'copier'"))
                    .isEmpty();
            assertThatThrownBy(() -> sync("copier")).hasMessageContaining("permission denied for projection copier");
            client.run("RESET ROLE");
            client.run("GRANT SELECT ON copied TO freshness_reader");
            client.run("SET ROLE freshness_reader");
            sync("copier");
            assertThat(client.rows("SELECT name, lag_seconds FROM runnel.read_models WHERE name = 'copier'"))
                    .containsExactly("copier|0");
        } finally {
            client.run("RESET ROLE");
            client.run("DROP OWNED BY freshness_reader");
            client.run("DROP ROLE freshness_reader");
        }
    }

    private String snapshot() throws SQLException {
        return client.rows("SELECT pg_current_snapshot()").get(0);
    }
}
