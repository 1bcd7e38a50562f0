package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.api.SqlSurface.Session;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the waiting procedures promise: they return when the change is in, and not before. */
class SqlFreshnessTest extends SqlFixture {
    private static final String ORDERS = "id bigint, amount numeric";

    @BeforeEach
    void create_source() throws Exception {
        app.run("CREATE TABLE orders (id bigint, amount numeric)");
        app.run("SELECT runnel.create_stream_table('below', 'SELECT id FROM orders')");
        surface.pretendInitialized(service, "below", "orders", ORDERS);
    }

    @Test
    void unchanged_source_is_fresh_without_a_refresh() throws Exception {
        app.run("CREATE TABLE elsewhere (a integer)");
        app.run("CALL runnel.sync('below', '0s')");
        app.run("CALL runnel.wait_for('below', pg_current_snapshot()::text, '0s')");
        assertThat(requests("below")).isEqualTo("0");
    }

    @Test
    void change_is_pending_until_the_frontier_sees_it_and_asks_for_one_refresh() throws Exception {
        app.run("INSERT INTO orders VALUES (1), (2)");
        assertThat(pending("below")).isEqualTo("2");
        app.fails("CALL runnel.sync('below', '0.2s')", "RN001");
        assertThat(requests("below")).isEqualTo("1");
        advance("below");
        assertThat(pending("below")).isEqualTo("0");
        app.run("CALL runnel.sync('below', '0s')");
    }

    @Test
    void waiting_call_returns_when_the_refresh_commits() throws Exception {
        app.run("INSERT INTO orders VALUES (1)");
        CompletableFuture<Void> waiting = inBackground("CALL runnel.sync('below', '20s')");
        awaitRow("SELECT FROM runnel_internal.stream_table WHERE refresh_requests = 1");
        assertThat(waiting).isNotDone();
        advance("below");
        waiting.get(10, TimeUnit.SECONDS);
    }

    @Test
    void token_waits_for_its_transaction_and_not_for_later_ones() throws Exception {
        try (Session writer = surface.session("app")) {
            writer.run("BEGIN");
            writer.run("INSERT INTO orders VALUES (1)");
            String token = writer.rows("SELECT pg_current_xact_id()").get(0);
            app.fails("CALL runnel.wait_for('below', '" + token + "', '0.1s')", "RN001");
            writer.run("COMMIT");
            app.fails("CALL runnel.wait_for('below', '" + token + "', '0.1s')", "RN001");
            advance("below");
            writer.run("INSERT INTO orders VALUES (2)");
            app.run("CALL runnel.wait_for('below', '" + token + "', '0s')");
            app.fails("CALL runnel.sync('below', '0.1s')", "RN001");
        }
    }

    @Test
    void older_transaction_that_is_still_open_delays_nobody() throws Exception {
        try (Session slow = surface.session("app")) {
            slow.run("BEGIN");
            slow.run("INSERT INTO orders VALUES (1)");
            app.run("BEGIN");
            app.run("INSERT INTO orders VALUES (2)");
            String token = app.rows("SELECT pg_current_xact_id()").get(0);
            app.run("COMMIT");
            advance("below");
            app.run("CALL runnel.wait_for('below', '" + token + "', '0s')");
            app.run("CALL runnel.sync('below', '0s')");
            slow.run("COMMIT");
            app.fails("CALL runnel.sync('below', '0.1s')", "RN001");
        }
    }

    @Test
    void tokens_that_mean_nothing_are_refused() throws Exception {
        for (String token : new String[] {"''", "'abc'", "'-1'", "'5:3:'", "'1:2:3:4'", "NULL"}) {
            app.fails("CALL runnel.wait_for('below', " + token + ", '0s')", "22P02");
        }
        app.fails("CALL runnel.wait_for('below', '99999999999', '0s')", "22023");
        app.fails("CALL runnel.wait_for('below', '99999999999:99999999999:', '0s')", "22023");
    }

    @Test
    void change_must_pass_every_stream_table_below() throws Exception {
        app.run("SELECT runnel.create_stream_table('above', 'SELECT id FROM below')");
        surface.pretendInitialized(service, "above", "below", "id bigint");
        app.run("CALL runnel.sync('above', '0s')");
        app.run("INSERT INTO orders VALUES (1)");
        assertThat(pending("above")).isEqualTo("0");
        app.fails("CALL runnel.sync('above', '0.1s')", "RN001");
        assertThat(requests("below") + requests("above")).isEqualTo("10");
        refresh("below", "INSERT INTO below VALUES (1)");
        app.fails("CALL runnel.sync('above', '0.1s')", "RN001");
        assertThat(requests("below") + requests("above")).isEqualTo("11");
        advance("above");
        app.run("CALL runnel.sync('above', '0s')");
    }

    @Test
    void stream_table_above_an_uncaptured_one_must_have_seen_its_last_refresh() throws Exception {
        app.run("SELECT runnel.create_stream_table('above', 'SELECT id FROM below')");
        surface.pretendInitialized(service, "above", "below", "id bigint");
        service.run("UPDATE runnel_internal.dependency SET source_id = NULL WHERE relation = 'shop.below'::regclass");
        app.run("CALL runnel.sync('above', '0s')");
        app.run("INSERT INTO orders VALUES (1)");
        refresh("below", "INSERT INTO below VALUES (1)");
        app.fails("CALL runnel.sync('above', '0.1s')", "RN001");
        advance("above");
        app.run("CALL runnel.sync('above', '0s')");
    }

    @Test
    void uncaptured_relation_needs_a_frontier_that_sees_all() throws Exception {
        service.run("UPDATE runnel_internal.dependency SET source_id = NULL");
        app.run("INSERT INTO orders VALUES (1)");
        app.fails("CALL runnel.sync('below', '0.1s')", "RN001");
        advance("below");
        assertThat(app.rows("SELECT runnel_internal.covers('10:20:12,14', '10:20:12,14'),"
                        + " runnel_internal.covers('10:20:12,14', '10:20:12'),"
                        + " runnel_internal.covers('10:20:', '10:22:20,21'),"
                        + " runnel_internal.covers('10:20:', '10:22:21'),"
                        + " runnel_internal.covers('30:30:', '10:20:')"))
                .containsExactly("t|f|t|f|t");
    }

    @Test
    void state_in_which_nothing_moves_is_told_at_once() throws Exception {
        app.run("INSERT INTO orders VALUES (1)");
        service.run("UPDATE runnel_internal.frontier SET consecutive_errors = 5, last_error = 'division by zero'");
        service.run("UPDATE runnel_internal.stream_table SET status = 'SUSPENDED'");
        app.fails("CALL runnel.sync('below')", "55000");
        app.fails("CALL runnel.refresh('below')", "55000");
        app.run("SELECT runnel.resume_stream_table('below')");
        app.fails("CALL runnel.sync('below', '0.1s')", "RN001");
        app.run("SELECT runnel.pause_stream_table('below')");
        app.fails("CALL runnel.sync('below')", "55000");
    }

    @Test
    void table_whose_definition_view_was_dropped_is_not_fresh_although_nothing_is_pending() throws Exception {
        service.run("UPDATE runnel_internal.stream_table SET definition_view = 'definition_of_orders'");
        service.run("CREATE VIEW runnel_internal.definition_of_orders AS SELECT id FROM shop.orders");
        app.run("CALL runnel.sync('below', '0s')");
        app.run("SELECT runnel.create_stream_table('above', 'SELECT id FROM below')");
        surface.pretendInitialized(service, "above", "below", "id bigint");
        app.run("CALL runnel.sync('above', '0s')");
        app.run("DROP TABLE orders CASCADE");
        app.fails("CALL runnel.sync('below')", "55000");
        app.fails("CALL runnel.wait_for('below', pg_current_snapshot()::text)", "55000");
        app.fails("CALL runnel.sync('above')", "55000");
    }

    @Test
    void requested_refresh_returns_when_answered_and_fails_when_it_failed() throws Exception {
        CompletableFuture<Void> waiting = inBackground("CALL runnel.refresh('below', '20s')");
        awaitRow("SELECT FROM runnel_internal.stream_table WHERE refresh_requests = 1");
        advance("below");
        waiting.get(10, TimeUnit.SECONDS);
        CompletableFuture<Void> failing = inBackground("CALL runnel.refresh('below', '20s')");
        awaitRow("SELECT FROM runnel_internal.stream_table WHERE refresh_requests = 2");
        service.run("UPDATE runnel_internal.frontier SET last_error = 'no', last_error_at = clock_timestamp()");
        assertThat(failing)
                .failsWithin(10, TimeUnit.SECONDS)
                .withThrowableThat()
                .withMessageContaining("refresh failed: no");
    }

    private CompletableFuture<Void> inBackground(String sql) {
        return CompletableFuture.runAsync(() -> {
            try (Session session = surface.session("app")) {
                session.run(sql);
            } catch (Exception e) {
                throw new IllegalStateException(e.getMessage(), e);
            }
        });
    }

    private void awaitRow(String query) throws Exception {
        service.run("""
                DO $$
                BEGIN
                    FOR attempt IN 1..1000 LOOP
                        IF EXISTS (%s) THEN RETURN; END IF;
                        COMMIT;
                        PERFORM pg_sleep(0.01);
                    END LOOP;
                    RAISE 'nothing came';
                END $$""".formatted(query));
    }

    private String requests(String table) throws Exception {
        return app.rows("SELECT refresh_requests FROM runnel_internal.stream_table WHERE table_name = '" + table + "'")
                .get(0);
    }

    private String pending(String table) throws Exception {
        return app.rows("SELECT runnel_internal.pending_changes(id, pg_current_snapshot())"
                        + " FROM runnel_internal.stream_table WHERE table_name = '" + table + "'")
                .get(0);
    }

    private void advance(String table) throws Exception {
        refresh(table, "SELECT");
    }

    /** A refresh as the service does it: one transaction, whose snapshot becomes the frontier. */
    private void refresh(String table, String write) throws Exception {
        service.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
        service.run("""
                UPDATE runnel_internal.frontier
                SET snapshot = pg_current_snapshot(), refresh_requests = stream_table.refresh_requests
                FROM runnel_internal.stream_table
                WHERE id = stream_table_id AND table_name = '%s'""".formatted(table));
        service.run("SET LOCAL ROLE app");
        service.run("SET LOCAL runnel.refresh = 'on'");
        service.run(write);
        service.run("COMMIT");
    }
}
