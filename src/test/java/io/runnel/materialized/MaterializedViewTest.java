package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import io.runnel.fault.Await;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** Managed materialized views over SQL. */
@QuarkusTest
class MaterializedViewTest extends ViewFixture {

    @Test
    void created_view_is_filled_and_refreshed_on_its_schedule() throws SQLException {
        create("totals", TOTALS, "'{50ms}', unique_key => '{customer}'");
        client.assertEquals("totals", TOTALS);
        client.run("INSERT INTO orders (customer, amount) VALUES ('c', 7)");
        awaitCurrent("totals");
        client.assertEquals("totals", TOTALS);
        client.run("TRUNCATE orders");
        awaitCurrent("totals");
        client.assertEquals("totals", TOTALS);
        assertThat(client.rows("SELECT kind, reason, error FROM runnel.materialized_view_history ORDER BY id"))
                .containsExactly(
                        "PLAIN|first fill|null",
                        "CONCURRENTLY|a source was written to|null",
                        "CONCURRENTLY|a source was written to|null");
        assertThat(one("totals", "refreshes || ' ' || kind || ' ' || adopted || ' ' || warnings::text"))
                .isEqualTo("3 CONCURRENTLY false {}");
        assertThat(client.rows("SELECT frontier IS NOT NULL, refreshed_at <= checked_at, duration_seconds > 0"
                        + " FROM runnel_internal.materialized_view_state"))
                .containsExactly("t|t|t");
    }

    @Test
    void view_without_usable_index_is_refreshed_plainly_and_says_why() throws SQLException {
        create("totals", TOTALS, "'{manual}'");
        refresh("totals");
        assertThat(one("totals", "kind")).isEqualTo("PLAIN");
        assertThat(one("totals", "warnings[1]")).endsWith("it has no unique index");
        client.run("CREATE UNIQUE INDEX partial ON totals (customer) WHERE orders > 1");
        assertThat(one("totals", "warnings[1]")).endsWith("unique index partial is partial");
        client.run("DROP INDEX partial; CREATE UNIQUE INDEX lowered ON totals (lower(customer))");
        refresh("totals");
        assertThat(one("totals", "kind || warnings[1]")).endsWith("unique index lowered is over an expression");
        client.run("CREATE UNIQUE INDEX usable ON totals (customer)");
        refresh("totals");
        assertThat(one("totals", "kind || warnings::text")).isEqualTo("CONCURRENTLY{}");
        client.run("SELECT runnel.alter_materialized_view('totals', refresh_kind => 'plain')");
        refresh("totals");
        assertThat(one("totals", "kind")).isEqualTo("PLAIN");
        client.assertEquals("totals", TOTALS);
    }

    @Test
    void plain_refresh_that_was_measured_to_be_cheaper_is_recommended() throws SQLException {
        create("totals", TOTALS, "'{manual}', unique_key => '{customer}'");
        refresh("totals");
        client.run("UPDATE runnel_internal.materialized_view_state SET plain_seconds = 0.02, concurrent_seconds = 0.5");
        assertThat(one("totals", "warnings[1]")).contains("takes 500 ms", "took 20 ms", "refresh_kind => 'PLAIN'");
        client.run("UPDATE runnel_internal.materialized_view_state SET plain_seconds = 2, concurrent_seconds = 50");
        assertThat(one("totals", "warnings")).isEqualTo("{}");
    }

    private void refresh(String name) throws SQLException {
        String request = client.rows("SELECT runnel.refresh_materialized_view('" + name + "')")
                .get(0);
        await(name, "answered_requests >= " + request);
    }

    @Test
    void adopted_view_keeps_its_contents_until_it_is_due_and_stays_when_it_is_dropped() throws SQLException {
        client.run("CREATE MATERIALIZED VIEW totals AS " + TOTALS);
        client.run("CREATE MATERIALIZED VIEW empty AS SELECT 1 AS a WITH NO DATA");
        client.run("SELECT runnel.adopt_materialized_view('totals', '{0 0 1 1 *}', 'Europe/Berlin')");
        client.run("SELECT runnel.adopt_materialized_view('empty', '{manual}')");
        awaitStatus("empty", "ACTIVE");
        assertThat(one("totals", "status || refreshes || time_zone || adopted")).isEqualTo("ACTIVE0Europe/Berlintrue");
        fails("SELECT runnel.adopt_materialized_view('totals')", "42710");
        refresh("totals");
        client.run("SELECT runnel.drop_materialized_view('totals')");
        client.run("SELECT runnel.drop_materialized_view('empty', keep => false)");
        assertThat(client.rows("SELECT relname FROM pg_class WHERE relkind = 'm'"))
                .containsExactly("totals");
        create("other", TOTALS, "'{manual}'");
        client.run("SELECT runnel.drop_materialized_view('other', keep => true); SELECT * FROM other");
        assertThat(client.rows("SELECT id FROM runnel.materialized_views")).isEmpty();
    }

    @Test
    void view_is_refreshed_after_those_that_it_reads() throws SQLException {
        create("totals", TOTALS, "'{manual}'");
        String overall = "SELECT sum(total) AS total FROM totals";
        create("overall", overall, "'{manual}'");
        create("doubled", "SELECT 2 * total AS twice FROM overall", "'{manual}'");
        for (int i = 1; i <= 8; i++) {
            client.run("INSERT INTO orders (customer, amount) VALUES ('c', 100)");
            client.run("BEGIN; SELECT runnel.refresh_materialized_view('doubled');"
                    + " SELECT runnel.refresh_materialized_view('overall');"
                    + " SELECT runnel.refresh_materialized_view('totals'); COMMIT");
            await("doubled", "answered_requests >= " + i);
            assertThat(client.rows("SELECT twice FROM doubled")).containsExactly(Integer.toString(32 + 200 * i));
        }
        fails("SELECT runnel.drop_materialized_view('totals')", "2BP01");
    }

    @Test
    void stream_tables_and_views_read_each_other() throws SQLException {
        client.run("SELECT runnel.create_stream_table('totals', $$" + TOTALS + "$$, 'on-change')");
        create("grand", "SELECT sum(total) AS total FROM totals", "'{30ms}'");
        client.run("SELECT runnel.create_stream_table('seen', 'SELECT total FROM grand', '50ms')");
        for (int i = 0; i < 5; i++) {
            client.run("INSERT INTO orders (customer, amount) VALUES ('c', 1)");
            client.sync("totals");
            awaitCurrent("grand");
            client.assertEquals("grand", "SELECT sum(total) AS total FROM totals");
            client.assertSyncedEquals("seen", "SELECT total FROM grand");
        }
        assertThat(client.modes("totals")).startsWith("FULL").endsWith("DIFFERENTIAL");
        assertThat(client.rows(
                        "SELECT count(*) FROM runnel.refresh_history WHERE table_name = 'totals' AND mode = 'FULL'"))
                .containsExactly("1");
        client.awaitRow("SELECT FROM runnel.materialized_views WHERE view_name = 'grand' AND skipped > 2");
        fails("SELECT runnel.drop_materialized_view('grand')", "2BP01");
    }

    @Test
    void view_that_fails_is_suspended_and_goes_on_when_resumed() throws SQLException {
        create("shares", "SELECT 1 / amount AS share FROM orders", "'{20ms}'");
        client.run("INSERT INTO orders (amount) VALUES (0)");
        awaitStatus("shares", "SUSPENDED");
        assertThat(one("shares", "consecutive_errors || last_error || last_error_code"))
                .isEqualTo("5division by zeropostgres-22012");
        assertThat(client.rows("SELECT kind, error FROM runnel.materialized_view_history ORDER BY id DESC LIMIT 1"))
                .containsExactly("FAILED|division by zero");
        fails("SELECT runnel.refresh_materialized_view('shares')", "55000");
        client.run("DELETE FROM orders WHERE amount = 0");
        client.run("SELECT runnel.resume_materialized_view('shares')");
        awaitStatus("shares", "ACTIVE");
        awaitCurrent("shares");
        assertThat(one("shares", "consecutive_errors || coalesce(last_error, '')"))
                .isEqualTo("0");
    }

    @Test
    void paused_view_is_left_alone() throws SQLException {
        create("totals", TOTALS, "'{20ms}'");
        client.run("SELECT runnel.pause_materialized_view('totals')");
        assertThat(one("totals", "status")).isEqualTo("PAUSED");
        fails("SELECT runnel.refresh_materialized_view('totals')", "55000");
        client.run("DELETE FROM orders");
        create("marker", "SELECT count(*) AS n FROM orders", "'{20ms}'");
        await("marker", "skipped > 3");
        assertThat(client.rows("SELECT count(*) FROM totals")).containsExactly("2");
        client.run("SELECT runnel.resume_materialized_view('totals')");
        awaitCurrent("totals");
        client.assertEquals("totals", TOTALS);
    }

    @Test
    void plain_refresh_waits_for_a_reader_without_making_others_wait() throws SQLException {
        create("totals", TOTALS, "'{manual}'");
        try (SqlClient reader = client()) {
            reader.begin();
            reader.rows("SELECT * FROM totals");
            String backend = reader.rows("SELECT pg_backend_pid()").get(0);
            client.run("INSERT INTO orders (customer, amount) VALUES ('c', 7)");
            client.run("SELECT runnel.refresh_materialized_view('totals')");
            await("totals", "waits_for = 'backend " + backend + "'");
            long began = System.nanoTime();
            for (int i = 0; i < 20; i++) {
                assertThat(client.rows("SELECT count(*) FROM totals")).containsExactly("2");
            }
            assertThat((System.nanoTime() - began) / 1_000_000).isLessThan(5_000);
            assertThat(one("totals", "consecutive_errors || status")).isEqualTo("0ACTIVE");
            reader.commit();
        }
        await("totals", "answered_requests = 1 AND waits_for IS NULL");
        client.assertEquals("totals", TOTALS);
    }

    @Test
    void view_that_was_renamed_is_followed_and_one_that_was_dropped_is_forgotten() throws SQLException {
        create("totals", TOTALS, "'{30ms}'");
        client.run("ALTER MATERIALIZED VIEW totals RENAME TO sums");
        client.run("INSERT INTO orders (customer, amount) VALUES ('c', 7)");
        awaitCurrent("sums");
        client.assertEquals("sums", TOTALS);
        client.run("SELECT runnel_internal.maintain_views()");
        assertThat(client.rows("SELECT view_name FROM runnel_internal.materialized_view"))
                .containsExactly("sums");
        client.run("DROP MATERIALIZED VIEW sums");
        client.run("SELECT runnel_internal.maintain_views()");
        assertThat(client.rows("SELECT view_name FROM runnel_internal.materialized_view"))
                .isEmpty();
        // A trigger that somebody's lock keeps is taken away the next time.
        Await.until(() -> "the triggers to be taken away", () -> {
            client.run("SELECT runnel_internal.maintain_views()");
            return client.rows("SELECT FROM pg_trigger WHERE tgname LIKE 'runnel\\_touch%'")
                    .isEmpty();
        });
    }

    @Test
    void wrong_definitions_are_refused() throws SQLException {
        fails("SELECT runnel.create_materialized_view('orders', 'SELECT 1 AS a')", "42P07");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT nothing FROM orders')", "42703");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1; SELECT 2')", "42601");
        fails("SELECT runnel.create_materialized_view('x', '')", "42601");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', '{on-change}')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', '{}')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', '{manual,5s}')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', '{99 * * * *}')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', time_zone => 'Moon/Crater')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', refresh_kind => 'often')", "22023");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', refresh_kind => 'CONCURRENTLY')", "55000");
        fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a', unique_key => '{b}')", "42703");
        fails("SELECT runnel.create_materialized_view('nowhere.x', 'SELECT 1 AS a')", "3F000");
        fails("SELECT runnel.adopt_materialized_view('orders')", "42809");
        fails("SELECT runnel.adopt_materialized_view('nothing')", "42P01");
        fails("SELECT runnel.drop_materialized_view('orders')", "42P01");
        assertThat(client.rows("SELECT relname FROM pg_class WHERE relkind = 'm'"))
                .isEmpty();
    }
}
