package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import io.runnel.fault.Await;
import io.runnel.sql.Sql;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

@QuarkusTest
class ProjectionsRestTest extends RestFixture {

    private static final String PROJECTIONS = "/api/v1/projections";
    private static final String PAYMENTS = PROJECTIONS + "/payments";
    private static final String HANDLER =
            "INSERT INTO rest.payments (id, amount) VALUES (event.id, (event.body->>'amount')::numeric)";

    @BeforeEach
    void create_log() throws Throwable {
        drop_projections();
        run(Sql.of("""
                CREATE TABLE rest.events (id bigserial PRIMARY KEY, kind text NOT NULL, customer text NOT NULL,
                    at timestamptz NOT NULL DEFAULT now(), body jsonb NOT NULL)"""));
    }

    @AfterEach
    void drop_projections() {
        given().delete(PAYMENTS);
    }

    private static Map<String, Object> payments(Map<String, Object> more) {
        Map<String, Object> body = new HashMap<>(Map.of(
                "name", "payments",
                "eventLog", "rest.events",
                "positionColumn", "id",
                "typeColumn", "kind",
                "entityColumn", "customer",
                "timeColumn", "at",
                "ddl", "CREATE TABLE rest.payments (id bigint PRIMARY KEY, amount numeric NOT NULL)",
                "targets", List.of("rest.payments"),
                "handlers", List.of(Map.of("types", List.of("paid", "captured"), "sql", HANDLER))));
        body.putAll(more);
        return body;
    }

    private void pay(String customer, String body) throws Throwable {
        run(Sql.of(
                "INSERT INTO rest.events (kind, customer, body) VALUES ('paid', {}, {})",
                Sql.literal(customer),
                Sql.literal(body)));
    }

    private void awaitPosition(int position) {
        Await.until(
                () -> "position " + position,
                () -> given().get(PAYMENTS).jsonPath().getInt("lastProcessedPosition") == position);
    }

    @Test
    void projection_is_created_shown_paused_resumed_rebuilt_and_dropped() throws Throwable {
        pay("a", "{\"amount\": 3}");
        String location = send("POST", PROJECTIONS, payments(Map.of()))
                .statusCode(201)
                .body("name", equalTo("payments"))
                .body("status", equalTo("ACTIVE"))
                .body("eventLog", equalTo("rest.events"))
                .body("mode", equalTo("ASYNCHRONOUS"))
                .body("batchSize", equalTo(500))
                .body("failurePolicy", equalTo("STOP"))
                .body("ignoredTypes", contains("*"))
                .body("targets", contains("rest.payments"))
                .body("handlers.sql", contains(HANDLER))
                .body("handlers[0].types", contains("paid", "captured"))
                .body("lastError", nullValue())
                .extract()
                .header("Location");
        given().get(location).then().statusCode(200).body("name", equalTo("payments"));
        given().get(PROJECTIONS).then().statusCode(200).body("name", hasItem("payments"));
        awaitPosition(1);
        given().post(PAYMENTS + "/pause").then().statusCode(200).body("status", equalTo("PAUSED"));
        pay("a", "{\"amount\": 4}");
        given().get(PAYMENTS)
                .then()
                .body("status", equalTo("PAUSED"))
                .body("lastProcessedPosition", equalTo(1))
                .body("latestPosition", equalTo(2));
        given().post(PAYMENTS + "/resume").then().statusCode(200).body("status", equalTo("ACTIVE"));
        awaitPosition(2);
        run(Sql.of("UPDATE rest.payments SET amount = 0"));
        given().post(PAYMENTS + "/rebuild").then().statusCode(200);
        given().contentType("text/plain")
                .body("all")
                .post(PAYMENTS + "/rebuild")
                .then()
                .statusCode(415);
        awaitPosition(2);
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(7);
        given().get("/api/v1/status").then().body("projections", notNullValue());
        given().get("/q/health/group/projections")
                .then()
                .body("checks[0].data.payments", containsString("status=ACTIVE"));
        given().delete(PAYMENTS).then().statusCode(204);
        problem(given().get(PAYMENTS).then(), 404, "no-projection");
        problem(given().delete(PAYMENTS).then(), 404, "no-projection");
        assertThat(number("SELECT count(*) AS n FROM rest.payments")).isEqualTo(2);
    }

    @Test
    void rebuild_side_by_side_takes_its_place_and_is_rolled_back_or_finished() throws Throwable {
        send("POST", PROJECTIONS, payments(Map.of("targets", List.of("rest.payments"))))
                .statusCode(201);
        pay("a", "{\"amount\": 3}");
        awaitPosition(1);
        problem(given().get(PAYMENTS + "/rebuild").then(), 404, "no-rebuild");
        String doubled = HANDLER.replace("::numeric", "::numeric * 2");
        List<Map<String, Object>> handlers = List.of(Map.of("types", List.of("paid", "captured"), "sql", doubled));
        send("POST", PAYMENTS + "/rebuild?wait=20s", Map.of("sideBySide", true, "handlers", handlers))
                .statusCode(200)
                .body("status", equalTo("EXCHANGED"))
                .body("eventsHandled", equalTo(1))
                .body("rowsUpdated", equalTo(1));
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(6);
        pay("a", "{\"amount\": 1}");
        awaitPosition(2);
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(8);
        problem(send("POST", PAYMENTS + "/rebuild", Map.of("sideBySide", true)), 409, "postgres-55000");
        given().post(PAYMENTS + "/rebuild/roll-back?wait=20s")
                .then()
                .statusCode(200)
                .body("status", equalTo("ROLLED_BACK"));
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(4);
        problem(given().delete(PAYMENTS + "/rebuild").then(), 409, "postgres-55000");
        given().post(PAYMENTS + "/rebuild/finish").then().statusCode(204);
        problem(given().get(PAYMENTS + "/rebuild").then(), 404, "no-rebuild");
        String wrong = "INSERT INTO rest.payments (id, amount) VALUES (event.id, NULL)";
        send(
                        "POST",
                        PAYMENTS + "/rebuild?wait=20s",
                        Map.of("sideBySide", true, "defaultHandler", wrong, "handlers", List.of()))
                .statusCode(200)
                .body("status", equalTo("FAILED"))
                .body("lastError.code", equalTo("23502"))
                .body("lastError.position", equalTo(1));
        given().delete(PAYMENTS + "/rebuild").then().statusCode(204);
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(4);
    }

    @Test
    void altered_handlers_are_for_the_events_to_come() throws Throwable {
        send("POST", PROJECTIONS, payments(Map.of())).statusCode(201);
        pay("a", "{\"amount\": 3}");
        awaitPosition(1);
        String doubled = HANDLER.replace("::numeric", "::numeric * 2");
        send(
                        "PATCH",
                        PAYMENTS,
                        Map.of("handlers", List.of(Map.of("types", List.of("paid"), "sql", doubled)), "batchSize", 7))
                .statusCode(200)
                .body("batchSize", equalTo(7))
                .body("handlers.sql", contains(doubled));
        pay("a", "{\"amount\": 3}");
        awaitPosition(2);
        assertThat(number("SELECT sum(amount) AS n FROM rest.payments")).isEqualTo(9);
    }

    @Test
    void events_are_replayed_by_type_entity_position_and_time() throws Throwable {
        send("POST", PROJECTIONS, payments(Map.of())).statusCode(201);
        for (int i = 1; i <= 10; i++) {
            pay(i % 2 == 0 ? "even" : "odd", "{\"amount\": 1}");
        }
        awaitPosition(10);
        replay("{\"entity\": \"even\"}", 5);
        replay("{\"types\": [\"paid\"]}", 10);
        replay("{\"types\": [\"captured\"]}", 0);
        replay("{\"fromPosition\": 8}", 3);
        replay("{\"fromTime\": \"2020-01-01T00:00:00Z\", \"entity\": \"odd\", \"fromPosition\": 4}", 3);
        replay("{\"fromTime\": \"2100-01-01T00:00:00Z\"}", 0);
        given().get(PAYMENTS + "/replays?limit=1").then().statusCode(200).body("eventsHandled", contains(0));
        given().get(PAYMENTS).then().body("lastProcessedPosition", equalTo(10)).body("replaying", is(false));
        problem(send("POST", PAYMENTS + "/replay", "{\"fromTime\": \"soon\"}"), 400, null);
        problem(given().delete(PAYMENTS + "/replays/999999").then(), 404, "no-replay");
    }

    private void replay(String selection, int expected) throws Throwable {
        run(Sql.of("TRUNCATE rest.payments"));
        send("POST", PAYMENTS + "/replay?wait=20s", selection)
                .statusCode(200)
                .body("status", equalTo("FINISHED"))
                .body("eventsHandled", equalTo(expected));
        assertThat(number("SELECT count(*) AS n FROM rest.payments")).isEqualTo(expected);
    }

    @Test
    void dead_letters_are_listed_retried_and_dismissed() throws Throwable {
        send("POST", PROJECTIONS, payments(Map.of("failurePolicy", "dead_letter")))
                .statusCode(201);
        pay("a", "{}");
        pay("b", "{\"amount\": 1}");
        pay("a", "{\"amount\": 5}");
        pay("c", "{}");
        awaitPosition(4);
        given().get(PAYMENTS + "/dead-letters")
                .then()
                .statusCode(200)
                .body("position", contains(1, 3, 4))
                .body("status", contains("FAILED", "WAITING", "FAILED"))
                .body("code", contains("23502", null, "23502"))
                .body("entity", contains("a", "a", "c"));
        given().get("/api/v1/status").then().body("failingProjections.name", hasItem("payments"));
        run(Sql.of("ALTER TABLE rest.payments ALTER amount DROP NOT NULL"));
        given().post(PAYMENTS + "/dead-letters/1/retry").then().statusCode(200).body("retried", equalTo(1));
        Await.until(
                () -> "dead letters",
                () -> given().get(PAYMENTS + "/dead-letters")
                        .jsonPath()
                        .getList("position")
                        .equals(List.of(4)));
        assertThat(number("SELECT count(*) AS n FROM rest.payments")).isEqualTo(3);
        given().delete(PAYMENTS + "/dead-letters/4").then().statusCode(204);
        problem(given().delete(PAYMENTS + "/dead-letters/4").then(), 404, "postgres-p0002");
        given().post(PAYMENTS + "/dead-letters/retry").then().statusCode(200).body("retried", equalTo(0));
        given().get("/api/v1/status").then().body("failingProjections.name", not(hasItem("payments")));
    }

    @Test
    void wrong_requests_say_what_is_wrong_and_where() {
        String wrong = "\n  INSERT INTO rest.payments (id) SELECT event.nope";
        refused(Map.of("handlers", List.of(Map.of("types", List.of("paid"), "sql", wrong))), 400, "postgres-42703")
                .body("position", equalTo(wrong.indexOf("event.nope") + 1))
                .body("detail", containsString("the event has no column nope"))
                .body("hint", containsString("customer"));
        String column = "INSERT INTO rest.payments (nope) SELECT 1";
        refused(Map.of("handlers", List.of(Map.of("types", List.of("paid"), "sql", column))), 400, "postgres-42703")
                .body("position", equalTo(column.indexOf("nope") + 1))
                .body("detail", containsString("handler 1"));
        String call = "SELECT 1; nothing.there(event.id)";
        refused(Map.of("handlers", List.of(Map.of("types", List.of("paid"), "sql", call))), 400, "postgres-3f000")
                .body("position", equalTo(call.indexOf("nothing") + 1));
        refused(Map.of("positionColumn", "nope"), 400, "postgres-42703").body("hint", containsString("customer"));
        refused(Map.of("eventLog", "rest.nowhere"), 400, "postgres-42p01");
        refused(Map.of("failurePolicy", "PRAY"), 400, "postgres-22023").body("hint", containsString("DEAD_LETTER"));
        refused(Map.of("name", "a b"), 400, "postgres-42602");
        refused(Map.of("batchSize", 0), 400, "postgres-22023");
        refused(Map.of("schedule", "manual"), 400, "postgres-22023");
        refused(Map.of("scheduleTimeZone", "Nowhere"), 400, "postgres-22023");
        refused(Map.of("mode", "SYNCHRONOUS", "failurePolicy", "RETRY"), 400, "postgres-0a000");
        refused(Map.of("surprise", true), 400, null);
        send("POST", PROJECTIONS, payments(Map.of())).statusCode(201);
        problem(send("POST", PROJECTIONS, payments(Map.of())), 409, "postgres-42710");
    }

    @CanIgnoreReturnValue
    private static ValidatableResponse refused(Map<String, Object> wrong, int status, @Nullable String code) {
        return problem(send("POST", PROJECTIONS, payments(wrong)), status, code);
    }

    @Test
    void schedule_by_the_clock_is_set_shown_and_altered() throws Throwable {
        send(
                        "POST",
                        PROJECTIONS,
                        payments(Map.of("schedule", "0 3 * * *; @hourly", "scheduleTimeZone", "Europe/Berlin")))
                .statusCode(201)
                .body("schedule", equalTo("0 3 * * *; @hourly"))
                .body("scheduleTimeZone", equalTo("Europe/Berlin"));
        send("PATCH", PAYMENTS, Map.of("scheduleTimeZone", "Asia/Tokyo", "schedule", "*/5 * * * * *"))
                .statusCode(200)
                .body("schedule", equalTo("*/5 * * * * *"))
                .body("scheduleTimeZone", equalTo("Asia/Tokyo"));
        send("PATCH", PAYMENTS, Map.of("schedule", "manual"))
                .statusCode(400)
                .body("hint", containsString("cron expressions"));
    }

    @Test
    void number_of_workers_is_set_shown_altered_and_refused() throws Throwable {
        refused(Map.of("workers", 17), 400, "postgres-22023").body("hint", containsString("1 to 16"));
        refused(Map.of("workers", 2, "mode", "SYNCHRONOUS"), 400, "postgres-0a000");
        send("POST", PROJECTIONS, payments(Map.of("workers", 4)))
                .statusCode(201)
                .body("workers", equalTo(4));
        pay("a", "{\"amount\": 3}");
        pay("b", "{\"amount\": 4}");
        awaitPosition(2);
        send("PATCH", PAYMENTS, Map.of("workers", 2)).statusCode(200).body("workers", equalTo(2));
        send("PATCH", PAYMENTS, Map.of("batchSize", 5)).statusCode(200).body("workers", equalTo(2));
    }
}
