package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class RestInputTest extends RestFixture {

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "SELEC 1|1",
                "SELECT customer,, amount FROM rest.orders|17",
                "SELECT nothing FROM rest.orders|8",
                "SELECT id FROM rest.nowhere|16",
                "SELECT nofunction(id) FROM rest.orders|8",
                "SELECT id + customer FROM rest.orders|11",
            })
    void broken_query_is_refused_with_the_position(String query, int position) {
        problem(create(Map.of("name", "rest.totals", "query", query)), 400, null)
                .body("position", equalTo(position));
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT 1; SELECT 2",
                "SELECT 1; DROP TABLE rest.orders",
                "SELECT 1) AS q; DROP TABLE rest.orders; --",
                "SELECT 1) AS q --",
                "DROP TABLE rest.orders",
                "DELETE FROM rest.orders",
                "DELETE FROM rest.orders RETURNING id",
                "WITH gone AS (DELETE FROM rest.orders RETURNING id) SELECT id FROM gone",
                "INSERT INTO rest.orders VALUES (9, 'x', 1) RETURNING id",
                "SELECT id INTO rest.copy FROM rest.orders",
                "EXPLAIN SELECT 1",
                "SHOW server_version",
                "COMMIT",
                "SELECT $1::int",
                "SELECT",
                "SELECT id, id FROM rest.orders",
                "--",
                ";",
                "   ",
                "",
            })
    void anything_but_one_select_is_refused(String query) throws Throwable {
        problem(create(Map.of("name", "rest.totals", "query", query)), 400, null);
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
        assertThat(number("SELECT count(*) AS n FROM rest.orders")).isEqualTo(3);
    }

    @Test
    void query_that_cannot_be_maintained_is_refused_when_that_is_asked_for() {
        problem(
                        create(Map.of(
                                "name",
                                "rest.totals",
                                "query",
                                "SELECT random() AS r, id FROM rest.orders",
                                "refreshMode",
                                "DIFFERENTIAL")),
                        400,
                        "not-differential")
                .body("detail", containsString("random"))
                .body("hint", notNullValue());
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
    }

    @Test
    void broken_query_leaves_an_existing_table_alone() {
        table("rest.totals", QUERY, "5s");
        problem(send("PATCH", TOTALS, Map.of("query", "SELECT nothing FROM rest.orders")), 400, null)
                .body("position", equalTo(8));
        problem(send("PUT", TOTALS, Map.of("query", "SELEC")), 400, null);
        given().get(TOTALS).then().body("query", equalTo(QUERY)).body("status", equalTo("ACTIVE"));
    }

    @Test
    void wide_query_is_welcome() throws Throwable {
        String columns = IntStream.range(0, 200)
                .mapToObj(i -> "id + " + i + " AS column_" + i)
                .collect(Collectors.joining(", "));
        create(Map.of("name", "rest.wide", "query", "SELECT " + columns + " FROM rest.orders"))
                .statusCode(201)
                .body("status", equalTo("ACTIVE"));
        assertThat(number("SELECT sum(column_199) AS n FROM rest.wide")).isEqualTo(6 + 3 * 199);
    }

    @Test
    void table_with_too_many_columns_is_refused() {
        String columns = IntStream.range(0, 1601).mapToObj(i -> "1 AS c" + i).collect(Collectors.joining(", "));
        problem(create(Map.of("name", "rest.wide", "query", "SELECT " + columns)), 400, null);
    }

    @Test
    void name_that_exists_is_a_conflict() {
        table("rest.totals", QUERY, "5s");
        problem(create(Map.of("name", "rest.totals", "query", QUERY)), 409, "postgres-42p07");
        problem(create(Map.of("name", "rest.orders", "query", QUERY)), 409, "postgres-42p07");
        problem(send("PUT", TABLES + "/rest.orders", Map.of("query", QUERY)), 409, "postgres-42p07");
    }

    @Test
    void schema_that_is_missing_or_reserved_is_refused() {
        problem(create(Map.of("name", "nowhere.totals", "query", QUERY)), 400, null);
        problem(create(Map.of("name", "pg_catalog.totals", "query", QUERY)), 400, null);
        problem(create(Map.of("name", "runnel_internal.totals", "query", QUERY)), 400, null);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "a.b.c", "x'); DROP TABLE rest.orders; --", "\"", "\"\"", "1", "a b", "a\u0000b"})
    void bad_name_is_refused(String name) {
        problem(create(Map.of("name", name, "query", QUERY)), 400, "invalid-name");
    }

    @Test
    void long_name_is_refused() {
        problem(create(Map.of("name", "rest." + "x".repeat(64), "query", QUERY)), 400, "invalid-name");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "soon", "5", "-5s", "0s", "* * *", "61 * * * *", "5 s", "'; SELECT 1"})
    void bad_schedule_is_refused(String schedule) {
        problem(create(Map.of("name", "rest.totals", "query", QUERY, "schedule", schedule)), 400, null);
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
    }

    @Test
    void bad_mode_is_refused() {
        problem(
                create(Map.of("name", "rest.totals", "query", QUERY, "refreshMode", "FAST")),
                400,
                "invalid-refresh-mode");
    }

    @Test
    void index_on_an_unknown_column_creates_nothing() {
        problem(
                create(Map.of("name", "rest.totals", "query", QUERY, "indexes", List.of(List.of("nothing")))),
                400,
                "postgres-42703");
        problem(create(Map.of("name", "rest.totals", "query", QUERY, "indexes", List.of(List.of()))), 400, null);
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"name\": \"rest.totals\"|malformed-json",
                "{\"name\": rest}|malformed-json",
                "{} {}|malformed-json",
                "{\"name\": \"rest.totals\", \"query\": 7}|wrong-type",
                "{\"name\": [\"rest.totals\"], \"query\": \"SELECT 1\"}|wrong-type",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS a\", \"initialize\": \"yes\"}|wrong-type",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS a\", \"refresh_mode\": \"FULL\"}|unknown-property",
                "{\"name\": \"a\", \"name\": \"b\"}|malformed-json",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS \\ud800\"}|invalid-request",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS a\", \"indexes\": \"a\"}|wrong-type",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS a\", \"indexes\": [[\"a\", null]]}|invalid-request",
                "{\"name\": \"rest.totals\", \"query\": \"SELECT 1 AS a\", \"refreshMode\": \"IMMEDIATE\"}|invalid-refresh-mode",
                "[]|wrong-type",
                "null|missing-body",
                "{\"name\": \"rest.totals\"}|invalid-request",
                "{\"query\": \"SELECT 1 AS a\"}|invalid-request",
                "{\"name\": null, \"query\": \"SELECT 1 AS a\"}|invalid-request",
                "{}|invalid-request",
            })
    void body_that_is_no_request_is_refused(String body, String code) {
        problem(send("POST", TABLES, body), 400, code)
                .body("detail", not(containsString("Source")))
                .body("detail", not(containsString("<")))
                .body("hint", notNullValue());
    }

    @Test
    void deeply_nested_body_is_refused() {
        problem(send("POST", TABLES, "{\"a\":".repeat(100_000)), 400, "malformed-json")
                .body("detail", not(containsString("Stream")));
    }

    @Test
    void empty_body_is_refused() {
        problem(given().contentType(ContentType.JSON).post(TABLES).then(), 400, "missing-body");
    }

    @Test
    void null_character_is_refused() {
        problem(create(Map.of("name", "rest.totals", "query", "SELECT 'a\u0000b' AS a")), 400, "invalid-request");
    }

    @Test
    void huge_body_is_refused() {
        given().contentType(ContentType.JSON)
                .body(Map.of("name", "rest.totals", "query", "SELECT 1 --" + "x".repeat(600_000)))
                .post(TABLES)
                .then()
                .statusCode(400);
    }

    @Test
    void unknown_table_is_not_found_whatever_is_done_to_it() {
        String gone = TABLES + "/rest.nothing";
        for (String path : List.of("", "/explain", "/history", "/freshness")) {
            problem(given().get(gone + path).then(), 404, "no-stream-table");
        }
        for (String path : List.of("/refresh", "/reinitialize", "/pause", "/resume", "/verify")) {
            problem(given().post(gone + path).then(), 404, "no-stream-table");
        }
        problem(send("PATCH", gone, "{\"schedule\": \"1s\"}"), 404, "no-stream-table");
        problem(given().delete(gone).then(), 404, "no-stream-table");
        problem(given().get(TABLES + "/rest.orders").then(), 404, "no-stream-table");
    }

    @Test
    void bad_parameters_are_refused() {
        table("rest.totals", QUERY, "5s");
        for (String wait : List.of("1", "1h", "-1s", "61s", "forever")) {
            problem(given().queryParam("wait", wait).get(TOTALS + "/freshness").then(), 400, "invalid-wait");
        }
        for (String limit : List.of("0", "-1", "x", "1001")) {
            problem(given().get(TOTALS + "/history?limit=" + limit).then(), 400, "invalid-parameter");
        }
        problem(given().delete(TOTALS + "?cascade=maybe").then(), 400, "invalid-parameter");
        given().get(TOTALS).then().statusCode(200);
    }

    @Test
    void what_is_not_there_or_not_possible_is_told_as_a_problem() {
        problem(given().get("/api/v1/nothing").then(), 404, "not-found");
        problem(given().get(TOTALS + "/nothing").then(), 404, "not-found");
        problem(given().delete("/api/v1/status").then(), 405, "method-not-allowed");
        problem(given().contentType(ContentType.XML).body("<a/>").post(TABLES).then(), 415, "unsupported-media-type");
        problem(given().accept(ContentType.XML).get(TABLES).then(), 406, "not-acceptable");
    }
}
