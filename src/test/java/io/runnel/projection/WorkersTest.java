package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Several workers on one projection come to what one comes to. */
@QuarkusTest
class WorkersTest extends ProjectionFixture {

    private static final int WRITERS = 4;
    private static final int ENTITIES = 12;
    private static final String TROUBLE =
            "SELECT dead_letters, consecutive_errors, status FROM runnel.projections WHERE name = 'totals'";

    @BeforeEach
    void create() throws SQLException {
        client.run("CREATE TABLE log (position bigserial PRIMARY KEY, entity text, amount int NOT NULL,"
                + " at timestamptz NOT NULL DEFAULT clock_timestamp())");
        client.run("CREATE TABLE totals (day int PRIMARY KEY, total bigint NOT NULL)");
    }

    private void accounts(String table, String settings) throws SQLException {
        client.run("CREATE TABLE " + table
                + " (entity text PRIMARY KEY, total int CHECK (total >= 0), positions bigint[])");
        client.run("""
                SELECT runnel.create_projection('%1$s', 'log', 'position', entity_column => 'entity', targets => '{%1$s}',
                    batch_size => 7, %2$s, default_handler => $sql$
                        INSERT INTO %1$s VALUES (coalesce(event.entity, 'none'), 0, '{}') ON CONFLICT DO NOTHING;
                        UPDATE %1$s SET total = total + event.amount, positions = positions || event.position
                        WHERE entity = coalesce(event.entity, 'none')$sql$)""".formatted(table, settings));
    }

    private void totals(String handler) throws SQLException {
        client.run(
                "SELECT runnel.create_projection('totals', 'log', 'position', entity_column => 'entity', workers => 4,"
                        + " targets => '{totals}', batch_size => 10, failure_policy => 'DEAD_LETTER', default_handler => $sql$"
                        + handler
                        + "$sql$)");
    }

    /** Appends in transactions that overlap, of which some are rolled back. */
    private CompletableFuture<Void> writing(int transactions, int least) {
        long seed = System.nanoTime();
        CompletableFuture<?>[] writers = new CompletableFuture<?>[WRITERS];
        for (int writer = 0; writer < WRITERS; writer++) {
            Random random = new Random(seed + writer);
            writers[writer] = CompletableFuture.runAsync(() -> {
                try (SqlClient session = client()) {
                    for (int i = 0; i < transactions; i++) {
                        write(session, random, least);
                    }
                } catch (SQLException thrown) {
                    throw new CompletionException(thrown);
                }
            });
        }
        return CompletableFuture.allOf(writers);
    }

    private static void write(SqlClient session, Random random, int least) throws SQLException {
        session.begin();
        for (int i = random.nextInt(4); i >= 0; i--) {
            int entity = random.nextInt(ENTITIES + 1);
            session.run("INSERT INTO log (entity, amount) VALUES ("
                    + (entity == ENTITIES ? "NULL" : "'entity " + entity + "'") + ", " + (least + random.nextInt(20))
                    + ")");
            if (random.nextInt(3) == 0) {
                session.run("SELECT pg_sleep(" + random.nextDouble() * 0.02 + ")");
            }
        }
        session.run(random.nextInt(5) == 0 ? "ROLLBACK" : "COMMIT");
    }

    private static String inOrder(String table) {
        return "SELECT entity, total, positions FROM " + table + " ORDER BY entity COLLATE \"C\"";
    }

    /** What is in the log, in the order of its positions. */
    private static final String EXPECTED =
            "SELECT coalesce(entity, 'none'), sum(amount), array_agg(position ORDER BY position)"
                    + " FROM log GROUP BY entity ORDER BY coalesce(entity, 'none') COLLATE \"C\"";

    /** Two entities at least have events that cannot be handled, and are held back from then on. */
    @Test
    void dead_letters_and_what_they_hold_back_are_those_of_a_single_worker() throws Exception {
        accounts("single", "failure_policy => 'DEAD_LETTER'");
        accounts("several", "failure_policy => 'DEAD_LETTER', workers => 4");
        client.run("INSERT INTO log (entity, amount) VALUES ('entity 0', -1), ('entity 1', -1)");
        writing(40, -3).join();
        awaitCaughtUp("single");
        awaitCaughtUp("several");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(inOrder("single")));
        assertThat(letters("several")).isEqualTo(letters("single")).isNotEmpty();
        client.run("UPDATE single SET total = total + 100000; UPDATE several SET total = total + 100000");
        client.run(
                "INSERT INTO single SELECT DISTINCT coalesce(entity, 'none'), 100000, '{}'::bigint[] FROM log ON CONFLICT DO NOTHING");
        client.run(
                "INSERT INTO several SELECT DISTINCT coalesce(entity, 'none'), 100000, '{}'::bigint[] FROM log ON CONFLICT DO NOTHING");
        client.run("SELECT runnel.retry_dead_letters('single'), runnel.retry_dead_letters('several')");
        client.awaitRow("SELECT FROM runnel.projections HAVING sum(dead_letters) = 0");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(inOrder("single")));
        assertThat(client.rows(
                        "SELECT DISTINCT cardinality(positions) = (SELECT count(*) FROM log WHERE coalesce(entity, 'none') = several.entity)"
                                + " FROM several"))
                .containsExactly("t");
    }

    private List<String> letters(String projection) throws SQLException {
        return client.rows(
                "SELECT position, entity, status, error_code FROM runnel.dead_letters WHERE projection_name = '"
                        + projection + "' ORDER BY position");
    }

    /** Whoever comes second is undone as a whole, and done again; nothing of that is an error of an event. */
    @Test
    void workers_that_write_to_one_row_come_to_the_right_total() throws Exception {
        totals(
                "INSERT INTO totals AS t VALUES (1, event.amount) ON CONFLICT (day) DO UPDATE SET total = t.total + excluded.total");
        client.run(
                "INSERT INTO log (entity, amount) SELECT 'entity ' || i % 100, i FROM generate_series(1, 2000) AS i");
        writing(30, 1).join();
        awaitCaughtUp("totals");
        assertThat(client.rows("SELECT total FROM totals")).isEqualTo(client.rows("SELECT sum(amount) FROM log"));
        assertThat(client.rows(TROUBLE)).containsExactly("0|0|ACTIVE");
    }

    /** Where one worker alone would find the row, another may have added it after the batch has begun. */
    @Test
    void key_that_another_worker_has_just_taken_is_no_error_of_the_event() throws Exception {
        totals(
                "INSERT INTO totals SELECT event.position / 5, 0 WHERE NOT EXISTS (SELECT FROM totals WHERE day = event.position / 5);"
                        + " UPDATE totals SET total = total + event.amount WHERE day = event.position / 5");
        client.run("INSERT INTO log (entity, amount) SELECT 'entity ' || i, i FROM generate_series(1, 1500) AS i");
        awaitCaughtUp("totals");
        assertThat(client.rows("SELECT * FROM totals ORDER BY day"))
                .isEqualTo(client.rows("SELECT position / 5, sum(amount) FROM log GROUP BY 1 ORDER BY 1"));
        assertThat(client.rows(TROUBLE)).containsExactly("0|0|ACTIVE");
        client.run("CREATE UNIQUE INDEX ON totals ((total <> -1)) WHERE total < 0");
        client.run(
                "INSERT INTO log (entity, amount) VALUES ('a', -1000000), ('b', -1000000), ('c', -1000000), ('d', -1000000)");
        awaitCaughtUp("totals");
        assertThat(client.rows("SELECT count(*) > 0 FROM runnel.dead_letters WHERE error_code = '23505'"))
                .describedAs("a key that is taken in earnest is one")
                .containsExactly(client.rows("SELECT count(DISTINCT position / 5) > 1 FROM log WHERE amount = -1000000")
                        .get(0));
    }

    @Test
    void number_of_workers_is_altered_while_events_come() throws Exception {
        accounts("several", "workers => 1");
        CompletableFuture<Void> writers = writing(150, 1);
        int[] numbers = {4, 2, 16, 1, 3};
        int alterations = 0;
        while (!writers.isDone() || alterations < 5) {
            client.run("SELECT runnel.alter_projection('several', workers => " + numbers[alterations++ % 5] + ")");
            client.run("SELECT pg_sleep(" + (alterations % 4) * 0.08 + ")");
        }
        writers.join();
        awaitCaughtUp("several");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(EXPECTED));
        assertThat(client.rows("SELECT events_handled FROM runnel.projections"))
                .isEqualTo(client.rows("SELECT count(*) FROM log"));
    }

    /** Workers of which one is behind: what it has not handled is handled, and what the others have is not handled again. */
    @Test
    void workers_that_are_apart_are_merged_exactly() throws Exception {
        accounts("several", "workers => 4");
        client.run("INSERT INTO log (entity, amount) VALUES ('entity 0', 1)");
        awaitCaughtUp("several");
        try (SqlClient busy = client()) {
            busy.begin();
            busy.run("SELECT FROM several WHERE entity = 'entity 0' FOR UPDATE");
            writing(30, 1).join();
            client.run("INSERT INTO log (position, entity, amount) SELECT -i, 'entity ' || i % 12, 1"
                    + " FROM generate_series(1, 36) AS i");
            client.run("INSERT INTO log (entity, amount) SELECT 'entity 0', 1 FROM generate_series(1, 30)");
            client.awaitRow("SELECT FROM runnel_internal.projection_state HAVING count(*) FILTER (WHERE checkpoint"
                    + " = (SELECT max(position) FROM log)) = 3");
            client.run("SELECT runnel.pause_projection('several')");
            busy.run("ROLLBACK");
        }
        client.run("SELECT runnel.alter_projection('several', workers => 3)");
        assertThat(
                        client.rows(
                                "SELECT count(*), count(DISTINCT checkpoint), bool_and(late = '{}') FROM runnel_internal.projection_state"))
                .isSubsetOf("3|1|f", "3|1|t");
        client.run("SELECT runnel.resume_projection('several')");
        awaitCaughtUp("several");
        assertThat(client.rows(
                        "SELECT entity, total, (SELECT array_agg(p ORDER BY p) FROM unnest(positions) AS p) FROM several"
                                + " ORDER BY entity COLLATE \"C\""))
                .isEqualTo(client.rows(EXPECTED));
    }

    @Test
    void reader_who_waits_finds_the_events_of_all_workers() throws SQLException {
        accounts("several", "workers => 4, time_column => 'at'");
        for (int i = 1; i <= 60; i++) {
            client.run("INSERT INTO log (entity, amount) SELECT 'entity ' || i % 12, 1 FROM generate_series(1, " + i
                    + ") AS i");
            if (i % 2 == 0) {
                client.sync("several");
            } else {
                client.run("CALL runnel.wait_for('several', pg_current_snapshot()::text, '20s')");
            }
            assertThat(client.rows("SELECT sum(total) FROM several"))
                    .isEqualTo(client.rows("SELECT sum(amount) FROM log"));
        }
        assertThat(client.rows("SELECT lag_seconds FROM runnel.read_models")).containsExactly("0");
        client.run("SELECT runnel.pause_projection('several')");
        client.run("INSERT INTO log (entity, amount, at) VALUES ('entity 3', 1, now() - interval '1 minute')");
        assertThat(client.rows("SELECT lag_seconds > 0, runnel_internal.projection_reflects(id, pg_current_snapshot())"
                        + " FROM runnel.read_models"))
                .containsExactly("t|f");
    }

    /** As a token, the frontier includes all that the tables show. */
    @Test
    void frontier_sees_what_any_worker_has_seen() throws SQLException {
        accounts("several", "workers => 4");
        client.run("SELECT runnel.pause_projection('several')");
        client.run("UPDATE runnel_internal.projection_state SET frontier = (ARRAY['10:20:10,12,15', '11:20:12,13,15',"
                + " '12:18:12,15', '15:16:15'])[worker + 1]::pg_snapshot");
        assertThat(client.rows("SELECT runnel_internal.model_frontier('PROJECTION', id) FROM runnel.projections"))
                .containsExactly("15:20:15");
    }

    @Test
    void replay_is_over_when_all_workers_are_through() throws Exception {
        accounts("several", "workers => 4");
        writing(30, 1).join();
        awaitCaughtUp("several");
        client.run("TRUNCATE several");
        client.run("SELECT runnel.replay_projection('several')");
        client.run("INSERT INTO log (entity, amount) VALUES ('entity 1', 1)");
        client.awaitRow("SELECT FROM runnel.projection_replays WHERE status = 'FINISHED'");
        awaitCaughtUp("several");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(EXPECTED));
        assertThat(client.rows("SELECT events_handled, upto_position = at_position FROM runnel.projection_replays"))
                .isEqualTo(client.rows("SELECT count(*) - 1, true FROM log"));
    }

    @Test
    void rebuild_and_stop_concern_all_workers() throws Exception {
        accounts("several", "workers => 4");
        writing(20, 1).join();
        client.run("SELECT runnel.rebuild_projection('several')");
        awaitCaughtUp("several");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(EXPECTED));
        client.run("INSERT INTO log (entity, amount) VALUES ('entity 1', -1000000)");
        awaitStatus("several", "SUSPENDED");
        String failing = client.rows("SELECT max(position) FROM log").get(0);
        assertThat(client.rows("SELECT failing_position, last_error_code, consecutive_errors FROM runnel.projections"))
                .containsExactly(failing + "|23514|1");
        client.run("INSERT INTO log (entity, amount) SELECT 'entity ' || i, 1 FROM generate_series(1, 12) AS i");
        client.run("SELECT runnel.alter_projection('several', workers => 2)");
        assertThat(client.rows("SELECT status, failing_position FROM runnel.projections"))
                .containsExactly("SUSPENDED|" + failing);
        client.run("UPDATE several SET total = total + 1000000");
        client.run("SELECT runnel.resume_projection('several')");
        awaitCaughtUp("several");
        assertThat(client.rows("SELECT sum(cardinality(positions)) FROM several"))
                .isEqualTo(client.rows("SELECT count(*) FROM log"));
    }

    @Test
    void workers_are_refused_where_events_cannot_be_shared_out() throws SQLException {
        refused("workers => 2", "the projection has no entity column");
        refused(
                "workers => 2, entity_column => 'entity', mode => 'SYNCHRONOUS'",
                "a synchronous projection has no workers");
        refused("workers => 0, entity_column => 'entity'", "invalid number of workers: 0");
        refused("workers => 17, entity_column => 'entity'", "invalid number of workers: 17");
        refused("workers => NULL", "invalid number of workers: null");
        refused("workers => 2, entity_column => 'at'", "cannot share out events by entity column at");
        client.run("CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)");
        client.run(
                "ALTER TABLE log ADD COLUMN title text COLLATE loose, ADD COLUMN account numeric, ADD COLUMN number numeric(10)");
        refused("workers => 2, entity_column => 'title'", "cannot share out events by entity column title");
        refused("workers => 2, entity_column => 'account'", "cannot share out events by entity column account");
        client.run(
                "SELECT runnel.create_projection('numbered', 'log', 'position', workers => 2, entity_column => 'number',"
                        + " default_handler => 'SELECT 1')");
        client.run("INSERT INTO log (number, amount) VALUES (1, 1), (2, 1)");
        awaitCaughtUp("numbered");
        client.run("SELECT runnel.pause_projection('numbered')");
        client.run("SELECT runnel.replay_projection('numbered')");
        assertThatThrownBy(() -> client.run("SELECT runnel.alter_projection('numbered', workers => 3)"))
                .hasMessageContaining("has a replay under way");
        client.run("ALTER TABLE log ALTER number TYPE numeric(12, 2)");
        client.run("SELECT runnel.alter_projection('numbered', batch_size => 10)");
        client.run("UPDATE runnel_internal.projection SET wanted = 'ACTIVE' WHERE name = 'numbered'");
        awaitStatus("numbered", "SUSPENDED");
        assertThat(client.rows("SELECT last_error FROM runnel.projections WHERE name = 'numbered'"))
                .containsExactly("the type of entity column number was altered");
        client.run("SELECT runnel.resume_projection('numbered')");
        awaitCaughtUp("numbered");
    }

    private void refused(String settings, String message) {
        assertThatThrownBy(() -> client.run("SELECT runnel.create_projection('refused', 'log', 'position',"
                        + " default_handler => 'SELECT 1', " + settings + ")"))
                .describedAs(settings)
                .hasMessageContaining(message);
    }

    @Test
    void workers_that_are_too_far_apart_are_not_merged() throws SQLException {
        accounts("several", "workers => 2, start_from => 'NOW'");
        client.run("SELECT runnel.pause_projection('several')");
        client.run("INSERT INTO log (entity, amount) SELECT 'entity 1', 1 FROM generate_series(1, 100001)");
        client.run("UPDATE runnel_internal.projection_state SET checkpoint = 100001 WHERE worker <>"
                + " runnel_internal.worker_of('entity 1', 2)");
        assertThatThrownBy(() -> client.run("SELECT runnel.alter_projection('several', workers => 1)"))
                .hasMessageContaining("the workers of projection several are too far apart")
                .hasMessageContaining("when it has caught up");
        client.run("DELETE FROM log WHERE position = 1");
        client.run("SELECT runnel.alter_projection('several', workers => 1)");
        assertThat(client.rows("SELECT checkpoint, late FROM runnel_internal.projection_state"))
                .containsExactly("100001|{[2,100002)}");
    }

    @Test
    void rebuild_side_by_side_keeps_the_number_of_workers() throws Exception {
        accounts("several", "workers => 3");
        writing(20, 1).join();
        client.run("SELECT runnel.rebuild_projection('several', side_by_side => true)");
        assertThatThrownBy(() -> client.run("SELECT runnel.alter_projection('several', workers => 1)"))
                .hasMessageContaining("has a side-by-side rebuild");
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED'");
        client.run("SELECT runnel.finish_rebuild('several')");
        client.run("SELECT runnel.alter_projection('several', workers => 1)");
        awaitCaughtUp("several");
        assertThat(client.rows(inOrder("several"))).isEqualTo(client.rows(EXPECTED));
    }
}
