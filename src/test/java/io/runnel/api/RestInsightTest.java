package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
class RestInsightTest extends RestFixture {

    @Test
    void token_of_a_writer_is_included_after_a_refresh() throws Throwable {
        table("rest.totals", QUERY, "manual");
        String token = text("WITH written AS (INSERT INTO rest.orders VALUES (4, 'c', 7) RETURNING 1)"
                + " SELECT pg_current_xact_id()::text AS t FROM written");
        given().queryParam("token", token)
                .get(TOTALS + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(false))
                .body("frontier", notNullValue());
        given().post(TOTALS + "/refresh").then().statusCode(200);
        given().queryParam("token", token)
                .queryParam("wait", "2s")
                .get(TOTALS + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(true))
                .body("pendingChanges", equalTo(0));
        String snapshot = text("SELECT pg_current_snapshot()::text AS t");
        given().queryParam("token", snapshot)
                .queryParam("wait", "5s")
                .get(TOTALS + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(true));
    }

    @Test
    void freshness_without_token_says_nothing_about_one() {
        table("rest.totals", QUERY, "5s");
        given().get(TOTALS + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", nullValue())
                .body("lagSeconds", notNullValue());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "x", "-1", "1:2", "9223372036854775807", "1:2:3;", "99999999999999999999", "' OR 1=1"})
    void bad_token_is_refused(String token) {
        table("rest.totals", QUERY, "5s");
        given().queryParam("token", token)
                .get(TOTALS + "/freshness")
                .then()
                .statusCode(400)
                .contentType("application/problem+json");
    }

    @Test
    void status_and_sources_count() {
        table("rest.totals", QUERY, "5s");
        given().get("/api/v1/status")
                .then()
                .statusCode(200)
                .body("streamTables", greaterThan(0))
                .body("byStatus.ACTIVE", greaterThan(0))
                .body("failing.name", not(hasItem("rest.totals")));
        given().get("/api/v1/sources")
                .then()
                .statusCode(200)
                .body("findAll { it.name == 'rest.orders' }.dependants", everyItem(contains("rest.totals")));
    }

    @Test
    void validation_creates_nothing() {
        send("POST", "/api/v1/validate", Map.of("query", QUERY))
                .statusCode(200)
                .body("mode", notNullValue())
                .body("columns.name", contains("customer", "orders", "total"))
                .body("sources", contains("rest.orders"));
        problem(
                        send("POST", "/api/v1/validate", Map.of("query", "SELECT nothing FROM rest.orders")),
                        400,
                        "postgres-42703")
                .body("position", equalTo(8));
    }

    @Test
    void explanation_tells_the_mode() {
        table("rest.totals", QUERY, "5s");
        given().get(TOTALS + "/explain")
                .then()
                .statusCode(200)
                .body("mode", notNullValue())
                .body("canonical", notNullValue());
    }

    @Test
    void probes_and_metrics_answer() {
        table("rest.totals", QUERY, "5s");
        given().get("/q/health/live").then().statusCode(200).body("status", equalTo("UP"));
        given().get("/q/health/ready").then().statusCode(200).body("checks.data.listenerConnected", hasItem(true));
        given().get("/q/health/started").then().statusCode(200);
        given().get("/q/health/group/stream-tables")
                .then()
                .statusCode(200)
                .body("checks[0].data.'rest.totals'", containsString("status=ACTIVE"));
        given().get("/q/health").then().body("checks.name", not(hasItem("stream tables")));
        given().post(TOTALS + "/refresh").then().statusCode(200);
        given().get("/q/metrics")
                .then()
                .statusCode(200)
                .body(containsString("runnel_wakeups_total"))
                .body(containsString("runnel_refreshes_total{"))
                .body(containsString("runnel_refresh_duration_seconds_sum{"));
    }

    @Test
    void lag_and_buffers_are_measured_until_the_table_is_dropped() {
        String[] measured = {
            "runnel_lag_seconds{table=\"rest.totals\"}",
            "runnel_pending_changes{table=\"rest.totals\"}",
            "runnel_change_buffer_bytes{source=\"rest.orders\"}",
            "runnel_change_buffer_rows{source=\"rest.orders\"}"
        };
        table("rest.totals", QUERY, "manual");
        assertThat(metricsOnce(metrics -> Arrays.stream(measured).allMatch(metrics::contains)))
                .contains(measured);
        given().delete(TOTALS).then().statusCode(204);
        assertThat(metricsOnce(metrics -> !metrics.contains("rest.totals"))).doesNotContain("rest.totals");
    }

    private static String metricsOnce(Predicate<String> wanted) {
        long deadline = System.nanoTime() + Duration.ofSeconds(10).toNanos();
        String metrics;
        do {
            metrics = given().get("/q/metrics").asString();
        } while (!wanted.test(metrics) && System.nanoTime() < deadline);
        return metrics;
    }

    @Test
    void api_describes_itself() {
        given().accept(ContentType.JSON)
                .get("/q/openapi")
                .then()
                .statusCode(200)
                .body("paths.'/api/v1/stream-tables'.post.responses", notNullValue())
                .body("components.securitySchemes.'API key'.type", equalTo("apiKey"))
                .body("components.securitySchemes.'API key'.in", equalTo("header"))
                .body("components.securitySchemes.'API key'.name", equalTo("X-API-Key"))
                .body("info.title", equalTo("Runnel"));
    }
}
