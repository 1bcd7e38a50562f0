package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What sync, wait_for and lag say about managed materialized views, and about what they stand on and what stands on them. */
@QuarkusTest
class MaterializedViewFreshnessTest extends ViewFixture {

    private static final String MANUAL = "'{manual}', unique_key => '{customer}'";

    @AfterEach
    void drop_others() throws SQLException {
        for (String name : client.rows("SELECT schema_name || '.' || table_name FROM runnel.stream_tables"
                + " WHERE schema_name = 'viewed' ORDER BY id DESC")) {
            client.run("SELECT runnel.drop_stream_table('" + name + "', true)");
        }
        for (String name : client.rows("SELECT name FROM runnel.projections")) {
            client.run("SELECT runnel.drop_projection('" + name + "')");
        }
    }

    private void sync(String name) throws SQLException {
        client.run("CALL runnel.sync('" + name + "', '20s')");
    }

    private void order(String customer, int amount) throws SQLException {
        client.run("INSERT INTO orders (customer, amount) VALUES ('" + customer + "', " + amount + ")");
    }

    private String snapshot() throws SQLException {
        return client.rows("SELECT pg_current_snapshot()").get(0);
    }

    private String reflects(String snapshot) throws SQLException {
        return one("totals", "runnel_internal.view_reflects(id, '" + snapshot + "')");
    }

    private String lag(String name) throws SQLException {
        return client.rows("SELECT lag_seconds FROM runnel.read_models WHERE name = 'viewed." + name + "'")
                .get(0);
    }

    private List<String> surplus(String one, String other) throws SQLException {
        return client.rows("(" + one + " EXCEPT ALL " + other + ") UNION ALL (" + other + " EXCEPT ALL " + one + ")");
    }

    @Test
    void synchronised_view_has_all_that_was_committed_before() throws SQLException {
        create("totals", TOTALS, MANUAL);
        for (int i = 1; i <= 20; i++) {
            order("c" + i % 3, i);
            sync("totals");
            assertThat(surplus("TABLE totals", TOTALS)).isEmpty();
        }
        assertThat(lag("totals")).isEqualTo("0");
        assertThat(client.rows("SELECT kind, status, schedule FROM runnel.read_models WHERE name = 'viewed.totals'"))
                .containsExactly("MATERIALIZED_VIEW|ACTIVE|manual");
    }

    @Test
    void view_whose_sources_nobody_wrote_to_answers_at_once_although_its_frontier_is_old() throws SQLException {
        create("totals", TOTALS, MANUAL);
        client.run("SELECT runnel.refresh_materialized_view('totals')");
        await("totals", "answered_requests = 1");
        client.run("CREATE TABLE elsewhere AS SELECT 1 AS a");
        assertThat(one("totals", "runnel_internal.covers(frontier, pg_current_snapshot())"))
                .isEqualTo("f");
        String refreshes = one("totals", "refreshes");
        client.run("CALL runnel.sync('totals', '0s')");
        client.run("CALL runnel.wait_for('totals', pg_current_snapshot()::text, '0s')");
        assertThat(one("totals", "refreshes")).isEqualTo(refreshes);
        assertThat(lag("totals")).isEqualTo("0");
    }

    @Test
    void what_a_snapshot_sees_is_told_apart_from_what_came_later() throws SQLException {
        create("totals", TOTALS, MANUAL);
        sync("totals");
        String before = snapshot();
        try (SqlClient open = client()) {
            open.begin();
            open.run("INSERT INTO orders (customer, amount) VALUES ('x', 1)");
            order("y", 1);
            sync("totals");
            String during = snapshot();
            open.commit();
            String after = snapshot();
            assertThat(reflects(before)).isEqualTo("t");
            assertThat(reflects(during)).isEqualTo("t");
            assertThat(reflects(after)).isEqualTo("f");
            assertThat(Double.parseDouble(lag("totals"))).isBetween(0.0, 60.0);
            client.run("CALL runnel.wait_for('totals', '" + after + "', '20s')");
            assertThat(reflects(after)).isEqualTo("t");
        }
    }

    @Test
    void statements_that_are_missing_are_counted() throws SQLException {
        client.run("CREATE TABLE names AS SELECT 'a' AS customer");
        create("totals", TOTALS + " HAVING customer IN (SELECT customer FROM names)", MANUAL);
        sync("totals");
        assertThat(pending("totals")).isEqualTo("0");
        order("x", 1);
        client.run("INSERT INTO orders (customer, amount) SELECT 'y', g FROM generate_series(1, 100) AS g");
        client.run("INSERT INTO names VALUES ('x')");
        assertThat(pending("totals")).isEqualTo("3");
        try (SqlClient open = client()) {
            open.begin();
            open.run("DELETE FROM names WHERE customer = 'a'");
            assertThat(pending("totals")).isEqualTo("3");
            sync("totals");
            assertThat(pending("totals")).isEqualTo("0");
            open.commit();
            assertThat(pending("totals")).isEqualTo("1");
        }
        sync("totals");
        assertThat(pending("totals")).isEqualTo("0");
        client.run("REFRESH MATERIALIZED VIEW totals");
        assertThat(pending("totals")).isEqualTo("null");
        create("times", "SELECT customer, now() AS at FROM orders GROUP BY customer", MANUAL);
        sync("times");
        assertThat(pending("times")).isEqualTo("null");
    }

    private String pending(String name) throws SQLException {
        return client.rows("SELECT runnel_internal.view_pending(id) FROM runnel.materialized_views WHERE view_name = '"
                        + name + "'")
                .get(0);
    }

    @Test
    void token_of_an_open_transaction_is_waited_for() throws SQLException {
        create("totals", TOTALS, MANUAL);
        try (SqlClient writer = client()) {
            writer.begin();
            writer.run("INSERT INTO orders (customer, amount) VALUES ('x', 1)");
            String token = writer.rows("SELECT pg_current_xact_id()").get(0);
            assertThatThrownBy(() -> client.run("CALL runnel.wait_for('totals', '" + token + "', '100ms')"))
                    .hasMessageContaining("still open");
            writer.commit();
            client.run("CALL runnel.wait_for('totals', '" + token + "', '20s')");
        }
        assertThat(client.rows("SELECT total FROM totals WHERE customer = 'x'")).containsExactly("1");
    }

    @Test
    void view_that_is_always_refreshed_includes_what_its_last_refresh_saw() throws SQLException {
        create("totals", "SELECT customer, now() AS at FROM orders GROUP BY customer", MANUAL);
        order("x", 1);
        sync("totals");
        assertThat(client.rows("SELECT count(*) FROM totals WHERE customer = 'x'"))
                .containsExactly("1");
        String seen = one("totals", "frontier");
        client.run("CREATE TABLE elsewhere AS SELECT 1 AS a");
        assertThat(reflects(seen)).isEqualTo("t");
        assertThat(reflects(snapshot())).isEqualTo("f");
        assertThat(Double.parseDouble(lag("totals"))).isPositive();
    }

    @Test
    void what_will_not_be_refreshed_is_told_with_the_reason() throws SQLException {
        create("totals", TOTALS, MANUAL);
        client.run("SELECT runnel.pause_materialized_view('totals')");
        order("x", 1);
        assertThatThrownBy(() -> sync("totals")).hasMessageContaining("materialized view viewed.totals is PAUSED");
        client.run("SELECT runnel.resume_materialized_view('totals')");
        sync("totals");
        client.run("DELETE FROM orders");
        client.run("INSERT INTO orders (customer, amount) VALUES ('z', 1)");
        client.run("ALTER TABLE orders ADD CHECK (amount >= 0)");
        create("ratios", "SELECT customer, 1 / sum(amount) AS ratio FROM orders GROUP BY customer", MANUAL);
        order("q", 0);
        assertThatThrownBy(() -> sync("ratios"))
                .hasMessageContaining("materialized view viewed.ratios is SUSPENDED")
                .hasMessageContaining("division by zero");
        assertThatThrownBy(() -> sync("nobody")).hasMessageContaining("read model 'nobody' does not exist");
    }

    @Test
    void wait_that_is_too_short_tells_how_far_the_view_is() throws SQLException {
        create("totals", TOTALS, MANUAL);
        order("x", 1);
        try (SqlClient blocker = client()) {
            blocker.begin();
            blocker.run("LOCK TABLE orders");
            assertThatThrownBy(() -> client.run("CALL runnel.sync('totals', '200ms')"))
                    .hasMessageContaining("materialized view totals is not up to date after 00:00:00.2")
                    .hasMessageContaining("Its contents are those of ");
            blocker.commit();
        }
        sync("totals");
    }

    @Test
    void contents_of_a_refresh_by_hand_are_not_relied_upon() throws SQLException {
        create("totals", TOTALS, MANUAL);
        sync("totals");
        try (SqlClient old = client()) {
            old.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
            old.run("SELECT FROM orders");
            order("x", 1);
            sync("totals");
            String after = snapshot();
            assertThat(reflects(after)).isEqualTo("t");
            old.run("REFRESH MATERIALIZED VIEW totals");
            old.run("COMMIT");
            assertThat(client.rows("SELECT total FROM totals WHERE customer = 'x'"))
                    .isEmpty();
            assertThat(reflects(after)).isEqualTo("f");
            assertThat(lag("totals")).isEqualTo("null");
            client.run("CALL runnel.wait_for('totals', '" + after + "', '20s')");
        }
        assertThat(client.rows("SELECT total FROM totals WHERE customer = 'x'")).containsExactly("1");
    }

    @Test
    void contents_from_another_database_are_not_relied_upon() throws SQLException {
        create("totals", TOTALS, MANUAL);
        sync("totals");
        String seen = one("totals", "frontier");
        assertThat(reflects(seen)).isEqualTo("t");
        client.run("UPDATE runnel_internal.materialized_view_state SET origin = 'elsewhere/1'");
        assertThat(reflects(seen)).isEqualTo("f");
        assertThat(lag("totals")).isEqualTo("null");
        sync("totals");
        assertThat(reflects(seen)).isEqualTo("t");
    }

    @Test
    void view_over_a_stream_table_over_a_projection_waits_for_all_of_them() throws SQLException {
        client.run("CREATE TABLE log (id bigserial PRIMARY KEY, body integer)");
        client.run("SELECT runnel.create_projection('copier', 'log', 'id',"
                + " ddl => 'CREATE TABLE copied (id bigint PRIMARY KEY, body integer)', targets => '{copied}',"
                + " default_handler => 'INSERT INTO copied VALUES (event.id, event.body)')");
        client.run("SELECT runnel.create_stream_table('sums', 'SELECT body % 3 AS third, sum(body) AS total FROM copied"
                + " GROUP BY 1', 'manual')");
        client.awaitStatus("sums", "ACTIVE");
        create("top", "SELECT max(total) AS most FROM sums", "'{manual}'");
        create("higher", "SELECT most + 1 AS more FROM top", "'{manual}'");
        client.run("SELECT runnel.create_stream_table('highest', 'SELECT more + 1 AS most FROM higher', 'manual')");
        client.awaitStatus("highest", "ACTIVE");
        String query = "SELECT max(total) FROM (SELECT sum(body) AS total FROM log GROUP BY body % 3) AS sums";
        for (int i = 1; i <= 8; i++) {
            client.run("INSERT INTO log (body) SELECT " + i + " FROM generate_series(1, 3)");
            sync(List.of("top", "higher", "highest").get(i % 3));
            assertThat(client.rows("SELECT most - " + i % 3 + " FROM "
                            + List.of("top", "(SELECT more AS most FROM higher) AS h", "highest")
                                    .get(i % 3)))
                    .isEqualTo(client.rows(query));
        }
        client.run("SELECT runnel.pause_projection('copier')");
        client.run("INSERT INTO log (body) VALUES (1)");
        assertThatThrownBy(() -> sync("higher")).hasMessageContaining("projection copier is PAUSED");
        assertThat(Double.parseDouble(lag("higher"))).isPositive();
        assertThat(Double.parseDouble(lag("highest"))).isPositive();
        client.run("SELECT runnel.resume_projection('copier')");
        client.run("SELECT runnel.pause_materialized_view('top')");
        assertThatThrownBy(() -> sync("highest")).hasMessageContaining("materialized view viewed.top is PAUSED");
    }

    @Test
    void others_see_of_it_what_they_may_read() throws SQLException {
        create("totals", TOTALS, MANUAL);
        client.run("DO $$ BEGIN CREATE ROLE freshness_reader; EXCEPTION WHEN duplicate_object THEN END $$");
        client.run("GRANT USAGE ON SCHEMA viewed TO freshness_reader");
        client.run("SET ROLE freshness_reader");
        try {
            assertThat(client.rows("SELECT name FROM runnel.read_models WHERE name = 'viewed.totals'"))
                    .isEmpty();
            assertThatThrownBy(() -> sync("totals"))
                    .hasMessageContaining("permission denied for materialized view viewed.totals");
            client.run("RESET ROLE");
            client.run("GRANT SELECT ON totals TO freshness_reader");
            order("x", 1);
            client.run("SET ROLE freshness_reader");
            sync("viewed.totals");
            assertThat(client.rows("SELECT total FROM totals WHERE customer = 'x'"))
                    .containsExactly("1");
            assertThat(lag("totals")).isEqualTo("0");
        } finally {
            client.run("RESET ROLE");
            client.run("DROP OWNED BY freshness_reader");
            client.run("DROP ROLE freshness_reader");
        }
    }
}
