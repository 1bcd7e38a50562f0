package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.sql.Sql;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Refreshes that wait for approval, over REST. */
@QuarkusTest
class ApprovalRestTest extends RestFixture {

    private static final String ROWS = "SELECT id, amount FROM rest.orders";

    @BeforeEach
    void fill_source() throws Throwable {
        run(Sql.of("INSERT INTO rest.orders SELECT i, 'c', 0 FROM generate_series(11, 210) AS i"));
    }

    private static void guarded(Object share) {
        create(Map.of("name", "rest.totals", "query", ROWS, "schedule", "1h", "maxChangedShare", share))
                .statusCode(201)
                .body("status", equalTo("ACTIVE"));
    }

    @Test
    void change_that_is_too_large_is_told_everywhere_and_done_once_approved() throws Throwable {
        guarded(0.25);
        given().get(TOTALS).then().body("maxChangedShare", equalTo(0.25f));
        problem(given().post(TOTALS + "/approve").then(), 409, "postgres-55000");
        run(Sql.of("UPDATE rest.orders SET amount = 7 WHERE id > 100"));
        problem(given().post(TOTALS + "/refresh").then(), 409, "change-too-large")
                .body("detail", containsString("would change 110 of 203 rows"))
                .body("hint", containsString("/approve"));
        await("SELECT count(*) AS n FROM runnel.stream_tables WHERE table_name = 'totals' AND status = 'SUSPENDED'", 1);
        given().get(TABLES)
                .then()
                .body("find { it.name == 'rest.totals' }.lastError.code", equalTo("change-too-large"));
        given().get("/api/v1/status")
                .then()
                .body("summary", containsString("rest.totals waits for the approval of a refresh"));
        given().get(TOTALS + "/diagnose")
                .then()
                .body("findings.code", hasItem("change-too-large"))
                .body("findings.code", not(hasItem("suspended")))
                .body("findings.find { it.code == 'change-too-large' }.todo", containsString("/approve"));
        assertThat(number("SELECT count(*) AS n FROM rest.totals WHERE amount = 7"))
                .isZero();
        given().post(TOTALS + "/approve")
                .then()
                .statusCode(200)
                .body("status", equalTo("ACTIVE"))
                .body("maxChangedShare", equalTo(0.25f));
        // Approval asks for the refresh, whatever the schedule.
        await("SELECT count(*) AS n FROM rest.totals WHERE amount = 7", 110);
        given().get(TOTALS).then().body("lastError", nullValue());
        run(Sql.of("UPDATE rest.orders SET amount = 8 WHERE id > 100"));
        problem(given().post(TOTALS + "/refresh").then(), 409, "change-too-large");
    }

    @Test
    void limit_is_altered_taken_away_and_replaced() {
        guarded(0.25);
        send("PATCH", TOTALS, Map.of("maxChangedShare", 0.5)).statusCode(200).body("maxChangedShare", equalTo(0.5f));
        send("PATCH", TOTALS, Map.of("schedule", "2h")).body("maxChangedShare", equalTo(0.5f));
        send("PATCH", TOTALS, Map.of("maxChangedShare", 0)).statusCode(200).body("maxChangedShare", nullValue());
        send("PUT", TOTALS, Map.of("query", ROWS, "maxChangedShare", 1)).body("maxChangedShare", equalTo(1.0f));
        send("PUT", TOTALS, Map.of("query", ROWS)).statusCode(200).body("maxChangedShare", nullValue());
    }

    @Test
    void shares_that_are_none_are_refused() {
        for (Object share : new Object[] {-0.1, 1.5, "much", true}) {
            problem(create(Map.of("name", "rest.totals", "query", ROWS, "maxChangedShare", share)), 400, null);
        }
    }

    private void await(String query, long wanted) throws Throwable {
        Instant end = Instant.now().plus(Duration.ofSeconds(30));
        while (number(query) != wanted) {
            assertThat(Instant.now()).as(query).isBefore(end);
        }
    }
}
