package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Events are appended over REST as by the SQL function: all of a request or none, and only to the version that is expected. */
@QuarkusTest
class EventsRestTest extends RowsFixture {

    private static final String EVENTS = "/api/v1/event-logs/rest.log/events";

    @BeforeEach
    void create_log() {
        send("POST", "/api/v1/event-logs", Map.of("name", "rest.log")).statusCode(201);
    }

    private static Map<String, Object> event(String entity, String type, Map<String, ?> more) {
        Map<String, Object> event = new HashMap<>(Map.of("entity", entity, "type", type));
        event.putAll(more);
        return event;
    }

    private static ValidatableResponse append(Object... events) {
        return send("POST", EVENTS, Map.of("events", List.of(events)));
    }

    private List<String> stored() throws Exception {
        return client.rows("SELECT entity, version, type FROM rest.log ORDER BY position");
    }

    @Test
    void events_are_appended_in_their_order_with_all_that_they_say() throws Exception {
        append(
                        event("a", "Opened", Map.of("expectedVersion", 0)),
                        event("b", "Opened", Map.of()),
                        event("a", "Paid", Map.of("expectedVersion", 1)))
                .statusCode(201)
                .body("events.version", contains(1, 1, 2))
                .body("events.position", contains(1, 2, 3));
        assertThat(stored()).containsExactly("a|1|Opened", "b|1|Opened", "a|2|Paid");
        assertThat(client.rows("SELECT DISTINCT body, metadata FROM rest.log")).containsExactly("{}|{}");
        String exact =
                "{\"big\": 12345678901234567890123, \"list\": [1.10, null, \"ä\\\"\"], \"exact\": 0.12345678901234567890}";
        given().contentType(ContentType.JSON)
                .body("{\"events\":[{\"entity\":\"c\",\"type\":\"x\",\"body\":" + exact
                        + ",\"metadata\":{\"by\":\"me\"},\"occurredAt\":\"2026-01-01T10:00:00.123456Z\"},"
                        + "{\"entity\":\"c\",\"type\":\"y\",\"body\":null}]}")
                .post(EVENTS)
                .then()
                .statusCode(201);
        assertThat(client.rows("SELECT body, metadata, occurred_at = '2026-01-01 10:00:00.123456+00' FROM rest.log"
                        + " WHERE entity = 'c' AND version = 1"))
                .containsExactly(exact + "|{\"by\": \"me\"}|t");
    }

    @Test
    void example_of_the_readme_does_what_it_says() throws Exception {
        Matcher example = Pattern.compile("(?s)account_events/events -H [^\n]* -d '(\\{.*?\\})'\n")
                .matcher(Files.readString(Path.of("README.md")));
        assertThat(example.find()).isTrue();
        for (int version = 2; version >= 0; version -= 2) {
            append(
                            event("5f0c8e0a-0d1e-4b0e-9a52-0c5e3d4b7a11", "opened", Map.of()),
                            event("5f0c8e0a-0d1e-4b0e-9a52-0c5e3d4b7a11", "deposited", Map.of()))
                    .statusCode(201);
            given().contentType(ContentType.JSON)
                    .body(example.group(1))
                    .post(EVENTS)
                    .then()
                    .statusCode(version == 2 ? 201 : 409);
        }
        assertThat(client.rows("SELECT version, type, body FROM rest.log WHERE type = 'withdrawn'"))
                .containsExactly("3|withdrawn|{\"amount\": 2.50}");
    }

    @Test
    void other_version_is_a_conflict_that_tells_it_and_nothing_is_appended() throws Exception {
        append(event("a", "Opened", Map.of()), event("a", "Paid", Map.of())).statusCode(201);
        problem(
                        append(event("b", "Opened", Map.of()), event("a", "Sent", Map.of("expectedVersion", 1))),
                        409,
                        "version-conflict")
                .body("actualVersion", is(2))
                .body("detail", containsString("events[1]: entity a is not at version 1"))
                .body("hint", containsString("Read the events"));
        problem(append(event("a", "Opened", Map.of("expectedVersion", 0))), 409, "version-conflict")
                .body("actualVersion", is(2));
        problem(append(event("new", "x", Map.of("expectedVersion", 5))), 409, "version-conflict")
                .body("actualVersion", is(0));
        assertThat(stored()).containsExactly("a|1|Opened", "a|2|Paid");
    }

    @Test
    void of_several_that_expect_the_same_version_one_is_let_in() throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(6);
        try {
            for (int version = 0; version < 10; version++) {
                Map<String, Integer> expected = Map.of("expectedVersion", version);
                List<Future<Integer>> answers = IntStream.range(0, 6)
                        .mapToObj(i -> clients.submit(() ->
                                append(event("a", "Moved", expected)).extract().statusCode()))
                        .toList();
                int appended = 0;
                for (Future<Integer> answer : answers) {
                    assertThat(answer.get()).isIn(201, 409);
                    appended += answer.get() == 201 ? 1 : 0;
                }
                assertThat(appended).isEqualTo(1);
            }
        } finally {
            clients.shutdown();
        }
        assertThat(client.rows("SELECT count(*), max(version) FROM rest.log")).containsExactly("10|10");
    }

    @Test
    void wrong_requests_say_what_is_wrong_and_append_nothing() throws Exception {
        problem(append(), 400, "invalid-request");
        problem(send("POST", EVENTS, Map.of()), 400, "invalid-request");
        problem(append(Map.of("entity", "a")), 400, "invalid-request").body("detail", containsString("events[0].type"));
        problem(append(event("a", "x", Map.of("expectedVersion", -1))), 400, "invalid-request")
                .body("detail", containsString("expectedVersion"));
        problem(append(event("a", "x", Map.of("version", 1))), 400, "unknown-property");
        problem(append(event("a", "x", Map.of("occurredAt", "yesterday"))), 400, "wrong-type");
        problem(append(event("a", "x", Map.of()), event("b\0", "x", Map.of())), 400, "invalid-request");
        problem(append(event("a", "x", Map.of()), event("b", "x", Map.of("body", Map.of("a", "\0")))), 400, null)
                .body("detail", containsString("events[1]"));
        problem(
                        send("POST", EVENTS, Map.of("events", Collections.nCopies(1001, event("a", "x", Map.of())))),
                        400,
                        "invalid-request")
                .body("detail", containsString("1000"));
        assertThat(given().contentType(ContentType.JSON)
                        .body("{\"events\":[{\"entity\":\"a\",\"type\":\"x\",\"body\":\"" + "x".repeat(2_100_000)
                                + "\"}]}")
                        .post(EVENTS)
                        .statusCode())
                .isEqualTo(413);
        problem(
                send(
                        "POST",
                        "/api/v1/event-logs/rest.nothing/events",
                        Map.of("events", List.of(event("a", "x", Map.of())))),
                404,
                "no-event-log");
        client.run("CREATE TABLE rest.own (id bigserial PRIMARY KEY)");
        send("POST", "/api/v1/event-logs", Map.of("name", "rest.own")).statusCode(201);
        problem(
                        send(
                                "POST",
                                "/api/v1/event-logs/rest.own/events",
                                Map.of("events", List.of(event("a", "x", Map.of())))),
                        409,
                        "postgres-55000")
                .body("detail", containsString("cannot append"));
        assertThat(stored()).isEmpty();
        send("POST", EVENTS, Map.of("events", Collections.nCopies(1000, event("a", "x", Map.of()))))
                .statusCode(201)
                .body("events[999].version", equalTo(1000));
    }
}
