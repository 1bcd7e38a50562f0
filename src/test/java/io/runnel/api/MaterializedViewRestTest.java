package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.fault.Await;
import io.runnel.sql.Sql;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class MaterializedViewRestTest extends RestFixture {

    private static final String VIEWS = "/api/v1/materialized-views";
    private static final String SUMS = VIEWS + "/rest.sums";

    @BeforeEach
    void forget_views() throws Throwable {
        run(Sql.of("DELETE FROM runnel_internal.materialized_view"));
    }

    private static Map<String, Object> sums(Map<String, Object> more) {
        Map<String, Object> body = new HashMap<>(Map.of(
                "name",
                "rest.sums",
                "query",
                QUERY,
                "uniqueKey",
                List.of("customer"),
                "schedules",
                List.of("*/5 8-17 * * MON-FRI", "@hourly"),
                "timeZone",
                "Europe/Berlin"));
        body.putAll(more);
        return body;
    }

    @Test
    void view_is_created_shown_refreshed_altered_and_dropped() throws Throwable {
        String location = send("POST", VIEWS, sums(Map.of()))
                .statusCode(201)
                .body("name", equalTo("rest.sums"))
                .body("status", equalTo("ACTIVE"))
                .body("schedules", contains("*/5 8-17 * * MON-FRI", "@hourly"))
                .body("timeZone", equalTo("Europe/Berlin"))
                .body("refreshKind", equalTo("AUTO"))
                .body("lastKind", equalTo("PLAIN"))
                .body("skipUnchanged", is(true))
                .body("adopted", is(false))
                .body("frontier", notNullValue())
                .body("warnings", empty())
                .body("lastError", nullValue())
                .extract()
                .header("Location");
        given().get(location).then().statusCode(200).body("query", containsString("count(*)"));
        given().get(VIEWS).then().statusCode(200).body("name", hasItem("rest.sums"));
        run(Sql.of("INSERT INTO rest.orders VALUES (4, 'c', 3)"));
        given().post(SUMS + "/refresh")
                .then()
                .statusCode(200)
                .body("lastKind", equalTo("CONCURRENTLY"))
                .body("refreshes", equalTo(2));
        assertThat(number("SELECT count(*) AS n FROM rest.sums")).isEqualTo(3);
        given().get(SUMS + "/history")
                .then()
                .statusCode(200)
                .body("kind", contains("CONCURRENTLY", "PLAIN"))
                .body("reason", contains("refresh was requested", "first fill"))
                .body("durationMillis", everyItem(notNullValue()));
        given().get(SUMS + "/history?limit=1").then().body("kind", contains("CONCURRENTLY"));
        send("PATCH", SUMS, Map.of("schedules", List.of("1h"), "refreshKind", "plain", "skipUnchanged", false))
                .statusCode(200)
                .body("schedules", contains("1h"))
                .body("refreshKind", equalTo("PLAIN"))
                .body("skipUnchanged", is(false))
                .body("timeZone", equalTo("Europe/Berlin"));
        given().post(SUMS + "/pause").then().statusCode(200).body("status", equalTo("PAUSED"));
        problem(given().post(SUMS + "/refresh").then(), 409, "postgres-55000").body("hint", containsString("resume"));
        given().post(SUMS + "/resume").then().statusCode(200).body("status", equalTo("ACTIVE"));
        given().delete(SUMS).then().statusCode(204);
        problem(given().get(SUMS).then(), 404, "no-materialized-view");
        problem(given().delete(SUMS).then(), 404, "no-materialized-view");
        problem(given().post(SUMS + "/refresh").then(), 404, "no-materialized-view");
    }

    @Test
    void existing_view_is_adopted_and_stays() throws Throwable {
        run(Sql.of("CREATE MATERIALIZED VIEW rest.old AS SELECT now() AS at"));
        send("POST", VIEWS, Map.of("name", "rest.old", "schedules", List.of("manual")))
                .statusCode(201)
                .body("adopted", is(true))
                .body("neverSkippedBecause", containsString("tells the time"))
                .body("warnings[0]", containsString("no unique index"));
        problem(send("POST", VIEWS, Map.of("name", "rest.old")), 409, "postgres-42710");
        given().delete(VIEWS + "/rest.old").then().statusCode(204);
        run(Sql.of("REFRESH MATERIALIZED VIEW rest.old"));
    }

    @Test
    void errors_show_in_the_answer_in_the_status_and_in_health() throws Throwable {
        send("POST", VIEWS, sums(Map.of("query", "SELECT 1 / amount AS customer FROM rest.orders")))
                .statusCode(201);
        run(Sql.of("INSERT INTO rest.orders VALUES (5, 'z', 0)"));
        problem(given().post(SUMS + "/refresh").then(), 409, "postgres-22012")
                .body("detail", containsString("division by zero"));
        given().get("/api/v1/status")
                .then()
                .body("materializedViews", notNullValue())
                .body("failingMaterializedViews.name", hasItem("rest.sums"));
        Await.until(
                () -> "suspension",
                () -> given().get(SUMS).jsonPath().getString("status").equals("SUSPENDED"));
        given().get("/q/health/group/materialized-views")
                .then()
                .statusCode(503)
                .body("checks[0].data.'rest.sums'", containsString("status=SUSPENDED"));
        given().get("/q/health").then().statusCode(200);
        given().get("/q/metrics").then().body(containsString("runnel_refresh_errors_total{code=\"postgres-22012\""));
        run(Sql.of("DELETE FROM rest.orders WHERE amount = 0"));
        given().post(SUMS + "/resume").then().statusCode(200);
        given().post(SUMS + "/refresh").then().statusCode(200).body("lastError", nullValue());
        given().get("/api/v1/status").then().body("failingMaterializedViews.name", not(hasItem("rest.sums")));
    }

    @Test
    void graph_shows_views_over_stream_tables_and_projections_targets() throws Throwable {
        table("rest.totals", QUERY, "on-change");
        run(Sql.of("""
                CREATE TABLE rest.log (id bigserial PRIMARY KEY);
                CREATE TABLE rest.target (a int);
                SELECT runnel.create_projection('graphed', 'rest.log', 'id', default_handler => 'SELECT 1',
                    targets => '{rest.target}');"""));
        try {
            String query = "SELECT total FROM rest.totals UNION ALL SELECT a FROM rest.target";
            send("POST", VIEWS, sums(Map.of("query", query, "uniqueKey", List.of("total"))))
                    .statusCode(201);
            send(
                            "POST",
                            VIEWS,
                            sums(Map.of(
                                    "name",
                                    "rest.top",
                                    "query",
                                    "SELECT max(total) FROM rest.sums",
                                    "uniqueKey",
                                    List.of("max"))))
                    .statusCode(201);
            given().get("/api/v1/graph")
                    .then()
                    .statusCode(200)
                    .body("nodes.find { it.name == 'rest.sums' }.kind", equalTo("materialized-view"))
                    .body("nodes.find { it.name == 'graphed' }.kind", equalTo("projection"))
                    .body("edges.findAll { it.to == 'rest.sums' }.from", hasItems("rest.totals", "rest.target"))
                    .body("edges.findAll { it.from == 'rest.sums' }.to", contains("rest.top"))
                    .body("edges.find { it.from == 'rest.log' }.to", equalTo("graphed"))
                    .body("edges.find { it.from == 'graphed' }.to", equalTo("rest.target"));
            problem(given().delete(SUMS).then(), 409, "postgres-2bp01").body("detail", containsString("rest.top"));
            given().delete(VIEWS + "/rest.top").then().statusCode(204);
            given().delete(SUMS).then().statusCode(204);
        } finally {
            run(Sql.of("SELECT runnel.drop_projection('graphed')"));
        }
    }

    @Test
    void wrong_requests_say_what_is_wrong() {
        problem(send("POST", VIEWS, Map.of("query", "SELECT 1")), 400, null);
        problem(send("POST", VIEWS, Map.of("name", "rest.x", "shedules", List.of())), 400, null);
        problem(send("POST", VIEWS, sums(Map.of("query", "SELECT nothing FROM rest.orders"))), 400, "postgres-42703");
        problem(send("POST", VIEWS, sums(Map.of("schedules", List.of("sometimes")))), 400, "postgres-22023")
                .body("hint", containsString("cron"));
        problem(send("POST", VIEWS, sums(Map.of("timeZone", "Moon"))), 400, "postgres-22023")
                .body("hint", containsString("Europe/Berlin"));
        problem(send("POST", VIEWS, sums(Map.of("refreshKind", "often"))), 400, "postgres-22023");
        problem(send("POST", VIEWS, sums(Map.of("name", "rest.orders"))), 409, "postgres-42p07");
        problem(send("POST", VIEWS, Map.of("name", "rest.orders")), 400, "postgres-42809");
        problem(send("POST", VIEWS, Map.of("name", "rest.x", "uniqueKey", List.of("a"))), 400, "invalid-request");
        problem(given().delete(SUMS + "?keep=maybe").then(), 400, "invalid-parameter");
        problem(given().get(SUMS + "/history?limit=0").then(), 400, "invalid-parameter");
        problem(given().get(SUMS + "/history").then(), 404, "no-materialized-view");
    }
}
