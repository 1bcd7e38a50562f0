package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.describedAs;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.oneOf;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import io.runnel.sql.Sql;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Queries that cannot be kept fresh, told alike by both surfaces, at creation and at alteration. */
@QuarkusTest
class QueryInputTest extends RestFixture {

    @Inject
    DataSource source;

    /** @param position where REST and SQL point at; 0 for nowhere */
    record Case(String query, String state, int position) {

        /** A view may have such columns, and does not evaluate them. */
        boolean onlyAsTable() {
            return query.contains("ctid") || query.contains("liar") || query.contains("1 / 0");
        }

        @Override
        public String toString() {
            return query.length() < 80 ? query : query.substring(0, 80) + "…";
        }
    }

    @BeforeEach
    void create_what_queries_read() throws Throwable {
        run(Sql.of("""
                CREATE SEQUENCE rest.numbers;
                CREATE MATERIALIZED VIEW rest.counted AS SELECT count(*) AS orders FROM rest.orders;
                CREATE VIEW rest.locking AS SELECT id FROM rest.orders FOR UPDATE;
                CREATE FUNCTION rest.loud() RETURNS integer LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN 1; END';
                CREATE FUNCTION rest.liar() RETURNS integer LANGUAGE plpgsql IMMUTABLE
                    AS 'BEGIN DELETE FROM rest.orders; RETURN 1; END'"""));
    }

    private static List<Case> refused() {
        return List.of(
                new Case("SELEC 1", "42601", 1),
                new Case("  SELECT nothing FROM rest.orders", "42703", 10),
                new Case("SELECT 'ä' AS \"é\", nothing FROM rest.orders", "42703", 20),
                new Case("SELECT id FROM rest.nowhere", "42P01", 16),
                new Case("SELECT nofunction(id) FROM rest.orders", "42883", 8),
                new Case("SELECT id + customer FROM rest.orders", "42883", 11),
                new Case("SELECT 1 AS a /* open", "42601", 15),
                new Case("SELECT 'open", "42601", 8),
                new Case("SELECT \"open", "42601", 8),
                new Case("SELECT $$open", "42601", 8),
                new Case("SELECT 1) AS q --", "42601", 9),
                new Case("SELECT 1 AS a) AS q; DROP TABLE rest.orders; --", "42601", 14),
                new Case("SELECT :name AS a", "42601", 8),
                new Case("SELECT 1 AS a \\g", "42601", 15),
                new Case("SELECT $1 AS a", "42P02", 0),
                new Case("SELECT $1::integer AS a", "42P02", 0),
                new Case("SELECT E'\\x00' AS a", "22021", 0),
                new Case("--", "42601", 0),
                new Case("/* nothing */", "42601", 0),
                new Case("SELECT 1 AS a; SELECT 2 AS a", "42601", 0),
                new Case("SELECT 1 AS a; DROP TABLE rest.orders", "42601", 0),
                new Case("DROP TABLE rest.orders", "42601", 0),
                new Case("CREATE TABLE rest.copy AS SELECT 1 AS a", "42601", 0),
                new Case("DELETE FROM rest.orders", "42601", 0),
                new Case("DELETE FROM rest.orders RETURNING id", "42601", 0),
                new Case("INSERT INTO rest.orders VALUES (9, 'x', 1) RETURNING id", "42601", 0),
                new Case("WITH gone AS (DELETE FROM rest.orders RETURNING id) SELECT id FROM gone", "42601", 0),
                new Case("SELECT id INTO rest.copy FROM rest.orders", "42601", 0),
                new Case("EXPLAIN ANALYZE DELETE FROM rest.orders", "42601", 0),
                new Case("SHOW server_version", "42601", 0),
                new Case("COMMIT", "42601", 0),
                new Case("SET ROLE pg_monitor", "42601", 0),
                new Case("DO 'BEGIN END'", "42601", 0),
                new Case("COPY rest.orders TO STDOUT", "42601", 0),
                new Case("CALL runnel.sync('rest.orders')", "42601", 0),
                new Case("SELECT id FROM rest.orders FOR UPDATE", "0A000", 0),
                new Case("SELECT id FROM (SELECT id FROM rest.orders FOR SHARE) AS q", "0A000", 0),
                new Case("SELECT id FROM rest.locking", "0A000", 0),
                new Case("SELECT 1, 2", "42701", 0),
                new Case("SELECT id, id FROM rest.orders", "42701", 0),
                new Case("SELECT count(*), count(*) FROM rest.orders", "42701", 0),
                new Case("SELECT ctid FROM rest.orders", "42701", 0),
                new Case("SELECT ROW(1, 2) AS a", "42P16", 0),
                new Case("SELECT pg_sleep(0) AS a", "42P16", 0),
                new Case("SELECT FROM rest.orders", "42P16", 0),
                new Case("SELECT 1 / 0 AS a", "22012", 0),
                new Case("SELECT rest.liar() AS a", "0A000", 0),
                new Case("SELECT " + "(".repeat(10_000) + "1" + ")".repeat(10_000) + " AS a", "42601", 10_004),
                new Case("SELECT " + listed(1601, "1 AS c"), "54011", 0),
                new Case("SELECT " + listed(1665, "1 AS c"), "54011", 0));
    }

    private static String listed(int count, String item) {
        return IntStream.range(0, count).mapToObj(i -> item + i).collect(Collectors.joining(", "));
    }

    @Test
    void bad_query_is_refused_by_both_surfaces_and_changes_nothing() throws Throwable {
        table("rest.totals", QUERY, "manual");
        for (Case bad : refused()) {
            told(create(Map.of("name", "rest.bad", "query", bad.query())), bad);
            told(send("PATCH", TOTALS, Map.of("query", bad.query())), bad);
            if (!bad.onlyAsTable()) {
                told(send("POST", "/api/v1/validate", Map.of("query", bad.query())), bad);
            }
            told("SELECT runnel.create_stream_table('rest.bad', ?)", bad);
            told("SELECT runnel.alter_stream_table('rest.totals', ?)", bad);
        }
        given().get(TOTALS).then().body("query", equalTo(QUERY)).body("status", equalTo("ACTIVE"));
        assertThat(number("SELECT count(*) AS n FROM rest.orders")).isEqualTo(3);
        assertThat(number("SELECT count(*) AS n FROM pg_class WHERE relname ~ '^(runnel_(query|probe)_|bad$|copy$)'"))
                .isZero();
    }

    private static void told(ValidatableResponse answer, Case bad) {
        List<String> codes =
                List.of("postgres-" + bad.state().toLowerCase(Locale.ROOT), "not-one-select", "no-columns");
        problem(answer, 400, null)
                .body("code", describedAs("code for " + bad, oneOf(codes.toArray())))
                .body(
                        "position",
                        describedAs("position in " + bad, bad.position() == 0 ? nullValue() : equalTo(bad.position())))
                .body("detail", not(containsString("Exception")))
                .body("hint", not(nullValue()));
    }

    private void told(String call, Case bad) {
        assertThatThrownBy(() -> run(call, bad.query()), "%s with %s", call, bad)
                .asInstanceOf(InstanceOfAssertFactories.type(SQLException.class))
                .extracting(SQLException::getSQLState)
                .isEqualTo(bad.state());
    }

    private void run(String call, String value) throws SQLException {
        try (Connection connection = source.getConnection();
                PreparedStatement statement = connection.prepareStatement(call)) {
            statement.setString(1, value);
            statement.execute();
        }
    }

    @Test
    void unusual_query_is_refreshed_in_full_and_says_why() throws Throwable {
        for (String query : unusual()) {
            create(Map.of("name", "rest.odd", "query", query, "schedule", "manual"))
                    .statusCode(201)
                    .body("status", equalTo("ACTIVE"))
                    .body("effectiveMode", equalTo("FULL"))
                    .body("fullReason", not(nullValue()));
            given().post(TABLES + "/rest.odd/refresh").then().statusCode(200);
            assertThat(number("SELECT count(*) AS n FROM rest.odd"))
                    .as(query)
                    .isEqualTo(number("SELECT count(*) AS n FROM (" + query + ") AS q"));
            given().delete(TABLES + "/rest.odd").then().statusCode(204);
        }
    }

    private static List<String> unusual() {
        return List.of(
                "SELECT orders FROM rest.counted",
                "SELECT last_value FROM rest.numbers",
                "SELECT relname FROM pg_class WHERE relname = 'orders'",
                "SELECT stream_table_id FROM runnel_internal.frontier",
                "SELECT rest.loud() AS a, id FROM rest.orders",
                "SELECT nextval('rest.numbers') AS n FROM rest.orders",
                "SELECT current_user AS who, id FROM rest.orders",
                "SELECT abs(" + "abs(".repeat(400) + "id" + ")".repeat(401) + " AS a FROM rest.orders");
    }

    @Test
    void temporary_tables_cannot_be_read() throws Throwable {
        try (Connection connection = source.getConnection();
                var statement = connection.createStatement()) {
            statement.execute("CREATE TEMPORARY TABLE fleeting (a integer)");
            for (String query : new String[] {
                "SELECT a FROM fleeting", "SELECT (SELECT count(*) FROM pg_temp.fleeting) AS a FROM rest.orders"
            }) {
                assertThatThrownBy(() ->
                                statement.execute("SELECT runnel.create_stream_table('rest.bad', '" + query + "')"))
                        .hasMessageContaining("cannot read temporary tables")
                        .hasMessageContaining("Hint");
            }
            statement.execute("DROP TABLE fleeting");
        }
    }

    @Test
    void definition_that_reads_itself_is_refused() throws Throwable {
        table("rest.totals", QUERY, "manual");
        table("rest.above", "SELECT customer, orders, total FROM rest.totals", "manual");
        run(Sql.of("CREATE VIEW rest.seen AS SELECT * FROM rest.above"));
        for (String from : new String[] {"rest.totals", "rest.above", "rest.seen"}) {
            String query = "SELECT customer, orders, total FROM " + from;
            problem(send("PATCH", TOTALS, Map.of("query", query)), 400, "postgres-42p19")
                    .body("detail", containsString("cannot read itself"))
                    .body("hint", not(nullValue()));
            problem(send("PUT", TOTALS, Map.of("query", query)), 400, "postgres-42p19");
            told("SELECT runnel.alter_stream_table('rest.totals', ?)", new Case(query, "42P19", 0));
            told("SELECT runnel.create_or_replace_stream_table('rest.totals', ?)", new Case(query, "42P19", 0));
        }
        problem(create(Map.of("name", "rest.me", "query", "SELECT * FROM rest.me")), 400, "postgres-42p01");
        given().get(TOTALS).then().body("query", equalTo(QUERY)).body("status", equalTo("ACTIVE"));
    }

    @Test
    void definitions_that_come_to_read_each_other_at_once_do_not() throws Throwable {
        table("rest.totals", QUERY, "manual");
        table("rest.other", QUERY, "manual");
        // What two alterations leave that did not see each other.
        run(Sql.of("""
                UPDATE runnel_internal.stream_table
                SET version = version + 1, query = 'SELECT customer, orders, total FROM rest.'
                    || CASE table_name WHEN 'totals' THEN 'other' ELSE 'totals' END
                WHERE schema_name = 'rest';
                SELECT pg_notify('runnel_definition', id::text)
                FROM runnel_internal.stream_table WHERE schema_name = 'rest'"""));
        ValidatableResponse one = send("PATCH", TOTALS + "?wait=20s", "{}").statusCode(200);
        ValidatableResponse other =
                send("PATCH", TABLES + "/rest.other?wait=20s", "{}").statusCode(200);
        assertThat(Stream.of(one, other)
                        .map(answer -> answer.extract().jsonPath())
                        .map(answer -> answer.getString("status") + " " + answer.getString("lastError.code")))
                .containsExactlyInAnyOrder("ACTIVE null", "ERROR postgres-42p19");
    }
}
