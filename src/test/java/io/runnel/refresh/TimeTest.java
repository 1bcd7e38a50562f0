package io.runnel.refresh;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.SqlClient;
import io.runnel.sql.Sql;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Rows that enter and leave a result as time passes. What a table holds is compared with its query at the moment of its
 * last refresh; each refresh compares itself with the query at its own (runnel.refresh.verify).
 */
@QuarkusTest
class TimeTest {

    /** For half a minute some rows each second pass the moment one hour ago. */
    private static final String SOURCE = """
            INSERT INTO time_source (id, at, part, v)
            SELECT i, CASE WHEN i %% 11 <> 0 THEN now() - interval '1 hour' + i * interval '40 milliseconds' END, i %% 5, i
            FROM generate_series(%d, %d) AS i""";

    private static final String HOUR = " now() - interval '1 hour'";

    @Inject
    DataSource database;

    @Inject
    Plans plans;

    private SqlClient client;
    private final Map<String, String> queries = new LinkedHashMap<>();

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE TABLE time_source (id int PRIMARY KEY, at timestamptz, part int, v int)");
        client.run("CREATE TABLE time_part (part int PRIMARY KEY, name text, until timestamptz)");
        client.run("CREATE INDEX ON time_source (at)");
        client.run("INSERT INTO time_part SELECT i, 'part ' || i % 3, now() + i * interval '1 second'"
                + " FROM generate_series(0, 4) AS i");
        client.run(SOURCE.formatted(1, 900));
    }

    @AfterEach
    void drop() throws SQLException {
        for (String table : queries.keySet()) {
            client.run("SELECT runnel.drop_stream_table('" + table + "')");
        }
        client.run("DROP VIEW IF EXISTS time_view");
        client.run("DROP TABLE time_source, time_part");
        client.close();
    }

    @Test
    void rows_enter_and_leave_as_time_passes_together_with_changes() throws SQLException {
        client.run("CREATE VIEW time_view AS SELECT id, part FROM time_source WHERE at >" + HOUR);
        define("after", "SELECT id, v FROM time_source WHERE at >" + HOUR);
        define("before", "SELECT part, v FROM time_source WHERE" + HOUR + " >= at");
        define(
                "twice",
                "SELECT id FROM time_source WHERE at BETWEEN" + HOUR + " AND now() - interval '59 minutes 59 seconds'");
        define(
                "second",
                "SELECT id FROM time_source WHERE date_trunc('second', at) = date_trunc('second'," + HOUR + ")");
        define(
                "distinct_from",
                "SELECT id FROM time_source WHERE date_trunc('second', at) IS DISTINCT FROM" + " date_trunc('second',"
                        + HOUR + ")");
        define("local", "SELECT id FROM time_source WHERE at::timestamp < LOCALTIMESTAMP(1) - interval '1 hour'");
        define(
                "rounded",
                "SELECT id FROM time_source WHERE date_trunc('second', at) <> CURRENT_TIMESTAMP(0) - interval '1 hour' OR v < 50");
        define(
                "marked",
                "SELECT id, at <" + HOUR + " AS past, CASE WHEN at <" + HOUR + " THEN v ELSE 0 END AS c"
                        + " FROM time_source");
        define("grouped", "SELECT at <" + HOUR + " AS past, count(*) AS n FROM time_source GROUP BY 1");
        define(
                "filtered",
                "SELECT part, count(*) FILTER (WHERE at >" + HOUR + ") AS recent, sum(v) FILTER (WHERE at <=" + HOUR
                        + ") AS total, min(v) AS least FROM time_source GROUP BY part");
        define("having", "SELECT at AS moment, count(*) AS n FROM time_source GROUP BY at HAVING max(at) <" + HOUR);
        define("distinct", "SELECT DISTINCT part FROM time_source WHERE at <" + HOUR + " AND v % 40 < 3");
        define(
                "joined",
                "SELECT s.id, p.name FROM time_source s JOIN time_part p ON p.part = s.part AND s.at >" + HOUR
                        + " WHERE p.until > now()");
        define(
                "outer",
                "SELECT s.id, p.name FROM time_source s LEFT JOIN time_part p ON p.part = s.part"
                        + " AND p.until > now() AND (s.at >" + HOUR + " OR s.v < 100)");
        define(
                "both",
                "SELECT s.id, p.name FROM time_source s JOIN time_part p ON p.part = s.part"
                        + " AND p.until - interval '1 hour' + (s.at - s.at) > now() - interval '1 hour'");
        define(
                "above",
                "SELECT q.part, q.total, p.name FROM (SELECT part, sum(v) AS total, count(*) AS n FROM time_source"
                        + " WHERE at <" + HOUR
                        + " GROUP BY part) q JOIN time_part p ON p.part = q.part WHERE q.n > 20");
        define(
                "exists",
                "SELECT p.part, p.name FROM time_part p WHERE EXISTS (SELECT FROM time_source s"
                        + " WHERE s.part = p.part AND s.v % 50 = p.part AND s.at >" + HOUR + ")");
        define(
                "none",
                "SELECT id FROM time_source s WHERE NOT EXISTS (SELECT FROM time_part p"
                        + " WHERE p.part = s.part AND p.until > now())");
        define("united", "SELECT id FROM time_source WHERE at <" + HOUR + " UNION ALL SELECT id FROM time_view");
        define(
                "cte",
                "WITH recent AS (SELECT id, part FROM time_source WHERE at >" + HOUR
                        + ") SELECT a.id, b.id AS other FROM recent a JOIN recent b ON b.id = a.id + 1 AND b.part <> a.part");
        for (String table : queries.keySet()) {
            client.run("CALL runnel.refresh('" + table + "', '20s')");
            assertThat(client.effectiveMode(table)).as(table).isEqualTo("DIFFERENTIAL");
        }
        round(List.of());
        round(List.of());
        round(List.of(
                "UPDATE time_source SET v = v + 1 WHERE id % 3 = 0",
                "UPDATE time_part SET name = name || '!' WHERE part < 3"));
        round(List.of(
                "UPDATE time_source SET at = at + interval '2 hours' WHERE id % 17 = 0",
                "UPDATE time_source SET at = NULL WHERE id % 19 = 0",
                "UPDATE time_source SET at = now() - interval '1 hour' WHERE id % 23 = 0",
                "DELETE FROM time_source WHERE id % 29 = 0"));
        round(List.of());
        round(List.of(
                SOURCE.formatted(901, 1200),
                "UPDATE time_source SET at = at - interval '2 hours', part = 4 - part WHERE id % 17 = 0",
                "DELETE FROM time_part WHERE part = 2",
                "UPDATE time_part SET until = now() + interval '500 milliseconds' WHERE part = 0"));
        client.run("SELECT pg_sleep(1)");
        round(List.of());
        for (String table : queries.keySet()) {
            List<String> modes = client.modes(table);
            assertThat(modes).as(table).startsWith("FULL").hasSizeGreaterThan(3);
            assertThat(modes.subList(1, modes.size())).as(table).containsOnly("DIFFERENTIAL");
        }
        List<String> moved = client.rows(
                "SELECT DISTINCT table_name FROM runnel.refresh_history"
                        + " WHERE mode = 'DIFFERENTIAL' AND changes = 0 AND reason = 'time has passed' AND table_name LIKE 'time%'");
        assertThat(moved).hasSizeGreaterThan(queries.size() / 2);
    }

    @Test
    void table_is_refreshed_at_its_schedule_although_no_source_changes() throws SQLException {
        queries.put("time_scheduled", "SELECT id FROM time_source WHERE at >" + HOUR);
        client.run("SELECT runnel.create_stream_table('time_scheduled', '"
                + queries.get("time_scheduled").replace("'", "''") + "', '100ms')");
        client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM time_scheduled WHERE id < 100)"
                + " AND EXISTS (SELECT FROM time_scheduled WHERE id > 700)");
        client.run("UPDATE time_source SET at = now() - interval '1 hour' + interval '1 second' WHERE id = 1");
        client.awaitRow("SELECT FROM time_scheduled WHERE id = 1");
        client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM time_scheduled WHERE id = 1)");
        assertThat(client.modes("time_scheduled")).contains("DIFFERENTIAL").doesNotContain("FAILED");
    }

    @Test
    void time_goes_on_after_a_rebuild_and_another_query() throws SQLException {
        define("rebuilt", "SELECT id FROM time_source WHERE at >" + HOUR);
        client.run("CALL runnel.refresh('time_rebuilt', '20s')");
        client.run("SELECT runnel.reinitialize_stream_table('time_rebuilt')");
        client.awaitRow(
                "SELECT FROM runnel.refresh_history WHERE table_name = 'time_rebuilt' AND reason LIKE 'reinit%'");
        round(List.of());
        queries.put("time_rebuilt", "SELECT part, count(*) AS n FROM time_source WHERE at <" + HOUR + " GROUP BY part");
        client.run("SELECT runnel.alter_stream_table('time_rebuilt', query => '"
                + queries.get("time_rebuilt").replace("'", "''") + "')");
        client.awaitRow("SELECT FROM runnel_internal.stream_table WHERE table_name = 'time_rebuilt'"
                + " AND version = reconciled_version AND status = 'ACTIVE'");
        client.run("CALL runnel.refresh('time_rebuilt', '20s')");
        round(List.of());
        round(List.of("DELETE FROM time_source WHERE id % 2 = 0"));
        assertThat(client.modes("time_rebuilt")).endsWith("DIFFERENTIAL", "DIFFERENTIAL");
    }

    @Test
    void index_finds_the_rows_that_time_has_moved() throws Throwable {
        client.run("INSERT INTO time_source SELECT i, now() - i * interval '1 minute', i % 5, i"
                + " FROM generate_series(10000, 60000) AS i");
        client.run("ANALYZE time_source");
        define(
                "found",
                "SELECT part, count(*) AS n, sum(v) AS total FROM time_source WHERE at >" + HOUR + " GROUP BY part");
        define(
                "found_joined",
                "SELECT s.id, p.name FROM time_source s JOIN time_part p ON p.part = s.part"
                        + " WHERE now() - interval '3 days' <= s.at");
        for (String table : queries.keySet()) {
            client.run("CALL runnel.refresh('" + table + "', '20s')");
            long id =
                    Long.parseLong(client.rows("SELECT id FROM runnel.stream_tables WHERE table_name = '" + table + "'")
                            .get(0));
            Sql delta = VertxContextSupport.subscribeAndAwait(() -> plans.plan(id))
                    .delta()
                    .orElseThrow()
                    .refresh(Set.of(), 0);
            client.run("SET plan_cache_mode = force_generic_plan");
            client.run("PREPARE " + table + " AS " + delta.text());
            assertThat(String.join("\n", client.rows("EXPLAIN EXECUTE " + table + "('1:1:', '2024-01-01')")))
                    .contains("on time_source")
                    .doesNotContain("Seq Scan on time_source");
            client.run("DEALLOCATE " + table);
        }
        round(List.of());
    }

    @Test
    void table_that_reads_the_clock_tells_how_long_ago_it_did() throws SQLException {
        define("lagging", "SELECT id FROM time_source WHERE at >" + HOUR);
        client.run("CALL runnel.refresh('time_lagging', '20s')");
        client.run("SELECT pg_sleep(0.3)");
        assertThat(given().get("/api/v1/stream-tables/time_lagging/freshness")
                        .jsonPath()
                        .getDouble("lagSeconds"))
                .isGreaterThan(0.25);
        assertThat(given().get("/api/v1/stream-tables/time_lagging/explain").asString())
                .contains("comparison with the time")
                .contains("whose comparison has changed since the last refresh");
    }

    private void define(String name, String query) throws SQLException {
        queries.put("time_" + name, query);
        client.run("SELECT runnel.create_stream_table('time_" + name + "', $query$" + query + "$query$, 'manual')");
    }

    /** Changes the sources in one transaction, then refreshes every table and compares it. */
    private void round(List<String> changes) throws SQLException {
        client.begin();
        for (String change : changes) {
            client.run(change);
        }
        client.commit();
        client.run("SELECT pg_sleep(0.2)");
        for (Map.Entry<String, String> table : queries.entrySet()) {
            client.run("CALL runnel.refresh('" + table.getKey() + "', '20s')");
            String moment = client.rows(
                            "SELECT quote_literal(evaluated_at) || '::timestamptz' FROM runnel_internal.frontier"
                                    + " WHERE stream_table_id = (SELECT id FROM runnel.stream_tables WHERE table_name = '"
                                    + table.getKey() + "')")
                    .get(0);
            client.assertEquals(table.getKey(), at(moment, table.getValue()));
        }
    }

    private static String at(String moment, String query) {
        return query.replace("time_view", "(SELECT id, part FROM time_source WHERE at >" + HOUR + ") AS v")
                .replace("now()", moment)
                .replace("CURRENT_TIMESTAMP", moment)
                .replace("LOCALTIMESTAMP(1)", moment + "::timestamp(1)");
    }
}
