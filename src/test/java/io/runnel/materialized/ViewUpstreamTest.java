package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a materialized view reads is fresh when it is refreshed on its schedule, as far as that can be had. */
@QuarkusTest
class ViewUpstreamTest extends ViewFixture {

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

    private void table(String name, String query, String schedule) throws SQLException {
        client.run("SELECT runnel.create_stream_table('" + name + "', $$" + query + "$$, '" + schedule + "')");
        client.awaitStatus(name, "ACTIVE");
    }

    private void copier() throws SQLException {
        client.run("CREATE TABLE log (id bigserial PRIMARY KEY, body integer)");
        client.run("SELECT runnel.create_projection('copier', 'log', 'id',"
                + " ddl => 'CREATE TABLE copied (id bigint PRIMARY KEY, body integer)', targets => '{copied}',"
                + " default_handler => 'INSERT INTO copied VALUES (event.id, event.body)')");
    }

    /** Until the next look at the view begins after this. */
    private void awaitLooks() throws SQLException {
        await("top", "refreshes + skipped > 1 + " + one("top", "refreshes + skipped"));
    }

    private String reason(String name) throws SQLException {
        return client.rows("SELECT reason FROM runnel.materialized_view_history WHERE view_name = '" + name
                        + "' ORDER BY id DESC LIMIT 1")
                .get(0);
    }

    @Test
    void tables_that_wait_for_a_dependant_are_refreshed_for_a_view() throws SQLException {
        copier();
        table("thirds", "SELECT body % 3 AS third, sum(body) AS total FROM copied GROUP BY 1", "downstream");
        table("sums", "SELECT sum(total) AS total FROM thirds", "downstream");
        create("top", "SELECT 2 * total AS twice FROM sums", "'{50ms}'");
        for (int i = 1; i <= 5; i++) {
            client.run("INSERT INTO log (body) VALUES (" + i + ")");
            client.awaitRow("SELECT FROM top WHERE twice = " + i * (i + 1));
        }
        assertThat(reason("top")).isEqualTo("a source was written to");
        String refreshes =
                client.rows("SELECT count(*) FROM runnel.refresh_history").get(0);
        await("top", "skipped > " + one("top", "skipped + 5"));
        assertThat(client.rows("SELECT count(*) FROM runnel.refresh_history")).containsExactly(refreshes);
    }

    @Test
    void table_with_times_of_its_own_keeps_them() throws SQLException {
        table("hourly", TOTALS, "1h");
        table("never", TOTALS, "manual");
        table("over", "SELECT sum(total) AS total FROM hourly", "downstream");
        create(
                "top",
                "SELECT (SELECT sum(total) FROM over) AS a, (SELECT sum(total) FROM hourly) AS b,"
                        + " (SELECT sum(total) FROM never) AS c, (SELECT count(*) FROM orders) AS n",
                "'{50ms}'");
        client.run("INSERT INTO orders (customer, amount) VALUES ('c', 1)");
        client.awaitRow("SELECT FROM top WHERE n = 4");
        assertThat(client.rows("SELECT a, b, c FROM top")).containsExactly("16|16|16");
        assertThat(client.rows("SELECT count(*) FROM runnel.refresh_history WHERE table_name IN ('hourly', 'never')"))
                .containsExactly("2");
    }

    @Test
    void what_is_paused_or_fails_is_shown_as_it_is_and_said_to_be() throws SQLException {
        copier();
        table("shares", "SELECT id, 1 / amount AS share FROM orders", "downstream");
        create(
                "top",
                "SELECT (SELECT count(*) FROM copied) AS events, (SELECT count(*) FROM shares) AS shares,"
                        + " (SELECT count(*) FROM orders) AS orders",
                "'{50ms}'");
        client.run("SELECT runnel.pause_projection('copier')");
        awaitLooks();
        client.run("INSERT INTO log (body) VALUES (1)");
        client.run("INSERT INTO orders (customer, amount) VALUES ('z', 0)");
        client.awaitRow("SELECT FROM top WHERE orders = 4");
        assertThat(client.rows("SELECT events, shares FROM top")).containsExactly("0|3");
        assertThat(reason("top")).contains("a source was written to; ").contains("projection copier is PAUSED");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'shares' AND consecutive_errors > 0");
        awaitLooks();
        client.run("INSERT INTO orders (customer, amount) VALUES ('y', 1)");
        client.awaitRow("SELECT FROM top WHERE orders = 5");
        assertThat(reason("top")).contains("stream table viewed.shares");
        client.run("SELECT runnel.resume_projection('copier')");
        client.awaitRow("SELECT FROM top WHERE events = 1");
    }

    @Test
    void view_that_waits_keeps_no_other_from_being_refreshed_and_waits_no_longer_than_it_may() throws SQLException {
        table("totals", TOTALS, "downstream");
        client.run("CREATE TABLE free (a integer)");
        for (int i = 0; i < 6; i++) {
            create("waiting" + i, "SELECT count(*) AS n FROM totals", "'{50ms}'");
        }
        create("other", "SELECT count(*) AS n FROM free", "'{50ms}'");
        client.run("INSERT INTO orders (customer, amount) VALUES ('new', 1)");
        try (SqlClient blocker = client()) {
            blocker.begin();
            blocker.run("LOCK TABLE orders");
            String looks = one("waiting0", "refreshes + skipped");
            for (int i = 1; i <= 5; i++) {
                client.run("INSERT INTO free VALUES (1)");
                client.awaitRow("SELECT FROM other WHERE n = " + i);
            }
            assertThat(Integer.parseInt(one("waiting0", "refreshes + skipped")))
                    .isLessThan(Integer.parseInt(looks) + 5);
            await("waiting0", "refreshes + skipped > " + looks + " + 1");
            assertThat(client.rows("SELECT n FROM waiting0")).containsExactly("2");
            blocker.commit();
        }
        for (int i = 0; i < 6; i++) {
            client.awaitRow("SELECT FROM waiting" + i + " WHERE n = 3");
        }
    }
}
