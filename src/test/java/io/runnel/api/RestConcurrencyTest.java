package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.notNullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.sql.Sql;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Requests that meet each other, or a refresh that takes long. */
@QuarkusTest
class RestConcurrencyTest extends RestFixture {

    private static final String SLOW = TABLES + "/rest.slow";

    @Test
    void one_of_many_that_create_the_same_name_succeeds() {
        List<CompletableFuture<Integer>> answers = IntStream.range(0, 8)
                .mapToObj(i -> CompletableFuture.supplyAsync(() -> create(Map.of("name", "rest.totals", "query", QUERY))
                        .extract()
                        .statusCode()))
                .toList();
        assertThat(answers.stream().map(CompletableFuture::join))
                .containsExactlyInAnyOrder(201, 409, 409, 409, 409, 409, 409, 409);
        given().get(TOTALS).then().statusCode(200).body("status", equalTo("ACTIVE"));
    }

    @Test
    @Timeout(60)
    void drop_does_not_wait_for_the_first_fill() throws Throwable {
        fillSlowly();
        given().delete(SLOW).then().statusCode(204);
        problem(given().get(SLOW).then(), 404, "no-stream-table");
        assertThat(number("SELECT count(*) AS n FROM pg_tables WHERE tablename = 'slow'"))
                .isZero();
        fillSlowly();
        run(Sql.of("SELECT runnel.drop_stream_table('rest.slow')"));
        problem(given().get(SLOW).then(), 404, "no-stream-table");
    }

    @Test
    @Timeout(60)
    void alteration_does_not_wait_for_a_refresh() throws Throwable {
        fillSlowly();
        send("PATCH", SLOW + "?wait=0s", Map.of("schedule", "1h")).body("schedule", equalTo("1h"));
        // Carried out by the service while the refresh goes on.
        while (number("SELECT count(*) AS n FROM runnel_internal.stream_table"
                        + " WHERE schema_name = 'rest' AND version <> reconciled_version")
                > 0) {
            Thread.onSpinWait();
        }
        send("PATCH", SLOW + "?wait=0s", Map.of("query", QUERY)).body("query", equalTo(QUERY));
        given().delete(SLOW).then().statusCode(204);
    }

    /** Leaves a table whose first fill is under way and would take minutes. */
    private void fillSlowly() throws Throwable {
        given().contentType("application/json")
                .body(Map.of(
                        "name", "rest.slow",
                        "query", "SELECT pg_sleep(200)::text AS slept FROM rest.orders",
                        "schedule", "manual"))
                .post(TABLES + "?wait=0s")
                .then()
                .statusCode(202);
        long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
        while (number("SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
                                + " AND query LIKE '%definition\\_%'")
                        == 0
                && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
    }

    @Test
    void refresh_whose_connection_breaks_can_be_tried_again() {
        create(Map.of(
                        "name", "rest.broken",
                        "query", "SELECT pg_terminate_backend(pg_backend_pid()) AS a FROM rest.orders",
                        "schedule", "manual",
                        "initialize", false))
                .statusCode(201)
                .body("populated", equalTo(false));
        problem(given().post(TABLES + "/rest.broken/refresh").then(), 503, null).header("Retry-After", notNullValue());
    }
}
