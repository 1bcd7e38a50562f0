package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThanOrEqualTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

@QuarkusTest
class RestTest extends RestFixture {

    @Test
    void created_table_is_filled_indexed_and_found() throws Throwable {
        String location = create(
                        Map.of("name", "rest.totals", "query", QUERY, "indexes", List.of(List.of("customer", "total"))))
                .statusCode(201)
                .body("name", equalTo("rest.totals"))
                .body("status", equalTo("ACTIVE"))
                .body("schedule", equalTo("5s"))
                .body("refreshMode", equalTo("AUTO"))
                .body("populated", is(true))
                .body("lastError", nullValue())
                .extract()
                .header("Location");
        given().get(location).then().statusCode(200).body("query", equalTo(QUERY));
        given().get(TABLES).then().statusCode(200).body("name", hasItem("rest.totals"));
        assertThat(number("SELECT count(*) AS n FROM rest.totals")).isEqualTo(2);
        assertThat(number("SELECT count(*) AS n FROM pg_indexes WHERE schemaname = 'rest' AND tablename = 'totals'"
                        + " AND indexdef LIKE '%(customer, total)'"))
                .isEqualTo(1);
    }

    @Test
    void creation_that_is_not_waited_for_is_accepted() {
        int status = given().contentType(ContentType.JSON)
                .body(Map.of("name", "rest.totals", "query", QUERY))
                .post(TABLES + "?wait=0s")
                .then()
                .extract()
                .statusCode();
        assertThat(status).isIn(201, 202);
    }

    @Test
    void refresh_answers_when_the_change_is_there() throws Throwable {
        table("rest.totals", QUERY, "manual");
        run(Sql.of("INSERT INTO rest.orders VALUES (4, 'c', 7)"));
        given().post(TOTALS + "/refresh")
                .then()
                .statusCode(200)
                .body("name", equalTo("rest.totals"))
                .body("mode", notNullValue())
                .body("reason", notNullValue())
                .body("rowsInserted", equalTo(1))
                .body("durationMillis", greaterThanOrEqualTo(0));
        assertThat(number("SELECT count(*) AS n FROM rest.totals")).isEqualTo(3);
        given().post(TOTALS + "/verify")
                .then()
                .statusCode(200)
                .body("equal", is(true))
                .body("missing", equalTo(0))
                .body("surplus", equalTo(0));
        given().get(TOTALS + "/history?limit=1")
                .then()
                .statusCode(200)
                .body("", hasSize(1))
                .body("[0].startedAt", notNullValue())
                .body("[0].error", nullValue());
    }

    @Test
    void paused_table_stays_paused_until_resumed() {
        table("rest.totals", QUERY, "5s");
        given().post(TOTALS + "/pause").then().statusCode(200).body("status", equalTo("PAUSED"));
        given().get(TOTALS).then().body("status", equalTo("PAUSED"));
        given().post(TOTALS + "/resume").then().statusCode(200).body("status", equalTo("ACTIVE"));
        given().post(TOTALS + "/reinitialize").then().statusCode(200).body("status", equalTo("ACTIVE"));
    }

    @Test
    void altered_schedule_and_mode_leave_the_query() {
        table("rest.totals", QUERY, "5s");
        send("PATCH", TOTALS, "{\"schedule\": \"1m\", \"refreshMode\": \"full\"}")
                .statusCode(200)
                .body("schedule", equalTo("1m"))
                .body("refreshMode", equalTo("FULL"))
                .body("query", equalTo(QUERY));
    }

    @Test
    void altered_query_replaces_the_contents() throws Throwable {
        table("rest.totals", QUERY, "5s");
        String other = QUERY + " HAVING customer <> 'a'";
        send("PATCH", TOTALS, Map.of("query", other)).statusCode(200).body("query", equalTo(other));
        assertThat(number("SELECT count(*) AS n FROM rest.totals")).isEqualTo(1);
    }

    @Test
    void empty_patch_changes_nothing() {
        table("rest.totals", QUERY, "5s");
        send("PATCH", TOTALS, "{}").statusCode(200).body("query", equalTo(QUERY));
    }

    @Test
    void put_creates_then_leaves_alone_then_replaces() throws Throwable {
        Map<String, Object> body = Map.of("query", QUERY, "indexes", List.of(List.of("customer")));
        send("PUT", TOTALS, body).statusCode(201);
        long indexes =
                number("SELECT count(*) AS n FROM pg_indexes WHERE schemaname = 'rest' AND tablename = 'totals'");
        send("PUT", TOTALS, body).statusCode(200).body("status", equalTo("ACTIVE"));
        assertThat(number("SELECT count(*) AS n FROM pg_indexes WHERE schemaname = 'rest' AND tablename = 'totals'"))
                .isEqualTo(indexes);
        send("PUT", TOTALS, Map.of("query", QUERY, "schedule", "1h"))
                .statusCode(200)
                .body("schedule", equalTo("1h"));
    }

    @Test
    void dropped_table_is_gone() throws Throwable {
        table("rest.totals", QUERY, "5s");
        given().delete(TOTALS).then().statusCode(204);
        problem(given().get(TOTALS).then(), 404, "no-stream-table");
        problem(given().delete(TOTALS).then(), 404, "no-stream-table");
        assertThat(number("SELECT count(*) AS n FROM pg_tables WHERE schemaname = 'rest' AND tablename = 'totals'"))
                .isZero();
    }

    @Test
    void table_that_others_read_is_dropped_only_with_them() {
        table("rest.totals", QUERY, "5s");
        table("rest.top", "SELECT customer FROM rest.totals WHERE total > 10", "5s");
        problem(given().delete(TOTALS).then(), 409, "postgres-2bp01").body("detail", containsString("rest.top"));
        given().get("/api/v1/graph")
                .then()
                .statusCode(200)
                .body("edges.findAll { it.to == 'rest.top' }.from", contains("rest.totals"))
                .body("nodes.name", hasItem("rest.orders"));
        given().delete(TOTALS + "?cascade=true").then().statusCode(204);
        problem(given().get(TABLES + "/rest.top").then(), 404, "no-stream-table");
    }

    @Test
    void services_on_the_database_are_listed() {
        given().get("/api/v1/replicas")
                .then()
                .statusCode(200)
                .body("findAll { it.answering }.size()", is(1))
                .body("find { it.answering }.instance", matchesPattern("[0-9a-f]{12}"))
                .body("find { it.answering }.assignedReadModels", is(0));
    }

    @Test
    void unusual_names_survive() throws Throwable {
        String name = "rest.\"A; DROP TABLE rest.orders; --\"";
        String location = create(Map.of("name", name, "query", QUERY))
                .statusCode(201)
                .body("name", equalTo(name))
                .extract()
                .header("Location");
        given().urlEncodingEnabled(false).get(location).then().statusCode(200).body("name", equalTo(name));
        given().get(TABLES + "/{name}", name).then().statusCode(200);
        given().post(TABLES + "/{name}/refresh", name).then().statusCode(200);
        given().delete(TABLES + "/{name}", name).then().statusCode(204);
        String quoted = "rest.\"it's \"\"so\"\" / äöü %\"";
        create(Map.of("name", quoted, "query", QUERY)).statusCode(201).body("name", equalTo(quoted));
        given().get(TABLES + "/{name}", quoted).then().statusCode(200).body("name", equalTo(quoted));
        assertThat(number("SELECT count(*) AS n FROM rest.orders")).isEqualTo(3);
    }
}
