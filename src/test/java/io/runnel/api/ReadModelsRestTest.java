package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** All kinds side by side, and rows that are as fresh as a client asks for. */
@QuarkusTest
class ReadModelsRestTest extends RowsFixture {

    private static final String NAME = "rest.totals";
    private static final String PAYMENTS = "/api/v1/projections/payments";
    private static final String VIEW = "/api/v1/materialized-views/rest.totals";

    @AfterEach
    void drop_projection() throws Exception {
        given().delete(PAYMENTS);
        client.run("DELETE FROM runnel_internal.materialized_view");
    }

    private void view(String refreshKind) throws Exception {
        send(
                        "POST",
                        "/api/v1/materialized-views",
                        Map.of(
                                "name", NAME,
                                "query", QUERY,
                                "schedules", List.of("manual"),
                                "uniqueKey", List.of("customer"),
                                "refreshKind", refreshKind))
                .statusCode(201);
        client.run("CALL runnel.sync('rest.totals')");
    }

    private void payments(String mode) throws Exception {
        client.run(
                "CREATE TABLE rest.events (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), amount integer)");
        send(
                        "POST",
                        "/api/v1/projections",
                        Map.of(
                                "name", "payments",
                                "eventLog", "rest.events",
                                "positionColumn", "id",
                                "timeColumn", "at",
                                "mode", mode,
                                "ddl", "CREATE TABLE rest.payments (id bigint PRIMARY KEY, amount integer NOT NULL)",
                                "targets", List.of("rest.payments"),
                                "failurePolicy", mode.equals("SYNCHRONOUS") ? "STOP" : "DEAD_LETTER",
                                "defaultHandler", "INSERT INTO rest.payments VALUES (event.id, event.amount)"))
                .statusCode(201);
    }

    @Test
    void all_kinds_are_listed_side_by_side() throws Exception {
        table(NAME, QUERY, "manual");
        payments("ASYNCHRONOUS");
        given().post(PAYMENTS + "/pause").then().statusCode(200);
        client.run("INSERT INTO rest.events (amount) VALUES (1)");
        given().get("/api/v1/read-models")
                .then()
                .statusCode(200)
                .body("find { it.name == 'rest.totals' }.kind", equalTo("stream-table"))
                .body("find { it.name == 'rest.totals' }.status", equalTo("ACTIVE"))
                .body("find { it.name == 'rest.totals' }.schedule", equalTo("manual"))
                .body("find { it.name == 'rest.totals' }.lagSeconds", equalTo(0f))
                .body("find { it.name == 'rest.totals' }.refreshedAt", notNullValue())
                .body("find { it.name == 'payments' }.kind", equalTo("projection"))
                .body("find { it.name == 'payments' }.status", equalTo("PAUSED"))
                .body("find { it.name == 'payments' }.consecutiveErrors", equalTo(0))
                .body("find { it.name == 'payments' }.lagSeconds", greaterThan(0f))
                .body("find { it.name == 'payments' }.lastError", nullValue());
    }

    @Test
    void rows_of_a_materialized_view_are_served_as_fresh_as_asked_for() throws Exception {
        for (String kind : List.of("CONCURRENTLY", "PLAIN")) {
            view(kind);
            expect("", "fresh", "15");
            expect("maxStaleness=0s", "fresh", "15");
            given().get("/api/v1/read-models")
                    .then()
                    .body("find { it.name == 'rest.totals' }.kind", equalTo("materialized-view"))
                    .body("find { it.name == 'rest.totals' }.lagSeconds", equalTo(0f));
            client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
            String token = snapshot();
            expect("", "stale", "15");
            expect("maxStaleness=1m", "fresh", "15");
            problem(totals("maxStaleness=0s").then(), 503, "not-fresh");
            expect("maxStaleness=0s&fallback=live", "live", "20");
            Response rows = expect("token=" + token + "&wait=20s", "waited", "20");
            expect("token=" + rows.header("Runnel-Snapshot"), "fresh", "20");
            given().queryParam("order", "total.desc")
                    .queryParam("limit", "1")
                    .get(ROWS + NAME + "/rows")
                    .then()
                    .statusCode(200)
                    .body("rows.customer", equalTo(List.of("a")))
                    .body("next", notNullValue());
            given().delete(VIEW).then().statusCode(204);
            client.run("DELETE FROM rest.orders WHERE id = 4");
        }
    }

    @Test
    void page_of_a_materialized_view_never_has_more_than_its_token_says() throws Exception {
        view("PLAIN");
        for (int i = 10; i < 25; i++) {
            client.run("INSERT INTO rest.orders VALUES (" + i + ", 'a', 1)");
            client.run("SELECT runnel.refresh_materialized_view('rest.totals')");
            Response rows = totals("fallback=stale");
            if (rows.statusCode() == 200) {
                String token = rows.header("Runnel-Snapshot");
                String shown = rows.jsonPath().getString("rows.find { it.customer == 'a' }.orders");
                assertThat(client.rows("SELECT count(*) >= " + shown + " FROM rest.orders WHERE customer = 'a'"
                                + " AND pg_visible_in_snapshot((SELECT runnel_internal.full_transaction_id(orders.xmin)), '"
                                + token + "')"))
                        .containsExactly("t");
            }
        }
    }

    @Test
    void view_that_was_never_filled_has_no_rows_and_an_adopted_one_has_rows_of_unknown_age() throws Exception {
        client.run("CREATE MATERIALIZED VIEW rest.totals AS " + QUERY);
        client.run("SELECT runnel.adopt_materialized_view('rest.totals', '{manual}')");
        Response rows = expect("", "stale", "15");
        assertThat(rows.header("Runnel-Staleness")).isNull();
        problem(totals("maxStaleness=1m").then(), 503, "not-fresh").body("detail", containsString("is not known"));
        client.run("SELECT runnel.pause_materialized_view('rest.totals')");
        client.run("REFRESH MATERIALIZED VIEW rest.totals WITH NO DATA");
        problem(totals("").then(), 503, "not-populated");
    }

    @Test
    void materialized_view_tells_how_far_it_is_behind_and_whether_it_includes_a_token() throws Exception {
        view("AUTO");
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        String token = snapshot();
        given().queryParam("token", token)
                .get(VIEW + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(false))
                .body("pendingStatements", is(1))
                .body("lagSeconds", greaterThan(0f));
        given().queryParam("token", token)
                .queryParam("wait", "20s")
                .get(VIEW + "/freshness")
                .then()
                .statusCode(200)
                .body("name", equalTo(NAME))
                .body("status", equalTo("ACTIVE"))
                .body("includes", is(true))
                .body("lagSeconds", equalTo(0f))
                .body("frontier", notNullValue())
                .body("refreshedAt", notNullValue())
                .body("checkedAt", notNullValue());
        given().post(VIEW + "/pause").then().statusCode(200);
        client.run("INSERT INTO rest.orders VALUES (5, 'a', 5)");
        given().queryParam("token", snapshot())
                .queryParam("wait", "20s")
                .get(VIEW + "/freshness")
                .then()
                .statusCode(200)
                .body("status", equalTo("PAUSED"))
                .body("includes", is(false));
        given().get(VIEW + "/freshness").then().body("includes", nullValue());
        problem(given().get(VIEW + "/freshness?token=x").then(), 400, "postgres-22p02");
        problem(given().get(VIEW + "/freshness?token=").then(), 400, "invalid-token");
        problem(given().get("/api/v1/materialized-views/rest.nothing/freshness").then(), 404, "no-materialized-view");
    }

    @Test
    void projection_tells_how_far_it_is_behind_and_whether_it_includes_a_token() throws Exception {
        payments("ASYNCHRONOUS");
        client.run("INSERT INTO rest.events (amount) VALUES (1), (NULL)");
        String token = snapshot();
        given().queryParam("token", token)
                .queryParam("wait", "20s")
                .get(PAYMENTS + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(true))
                .body("lagSeconds", equalTo(0f))
                .body("positionsBehind", equalTo(0))
                .body("deadLetters", equalTo(1))
                .body("lastProcessedPosition", equalTo(2))
                .body("frontier", notNullValue())
                .body("lastEventAt", notNullValue());
        given().post(PAYMENTS + "/pause").then().statusCode(200);
        client.run("INSERT INTO rest.events (amount) VALUES (2), (3), (4)");
        given().queryParam("token", snapshot())
                .queryParam("wait", "20s")
                .get(PAYMENTS + "/freshness")
                .then()
                .statusCode(200)
                .body("status", equalTo("PAUSED"))
                .body("includes", is(false))
                .body("lagSeconds", greaterThan(0f))
                .body("positionsBehind", equalTo(3));
        given().get(PAYMENTS + "/freshness").then().body("includes", nullValue());
        problem(given().get(PAYMENTS + "/freshness?token=x").then(), 400, "postgres-22p02");
        problem(given().get(PAYMENTS + "/freshness?token=").then(), 400, "invalid-token");
        problem(given().get("/api/v1/projections/nothing/freshness").then(), 404, "no-projection");
    }

    @Test
    void rows_are_served_as_fresh_as_asked_for() throws Exception {
        table(NAME, QUERY, "manual");
        expect("", "fresh", "15");
        expect("maxStaleness=0s", "fresh", "15");
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        expect("", "stale", "15");
        expect("maxStaleness=1m", "fresh", "15");
        problem(totals("maxStaleness=0s").then(), 503, "not-fresh")
                .header("Retry-After", "1")
                .body("detail", containsString("seconds behind"));
        expect("maxStaleness=0s&fallback=stale", "stale", "15");
        Response live = expect("maxStaleness=0s&fallback=live", "live", "20");
        assertThat(live.header("Runnel-Staleness")).isEqualTo("0.000");
        expect("maxStaleness=0s&wait=20s", "waited", "20");
        expect("maxStaleness=0s", "fresh", "20");
    }

    @Test
    void own_writes_are_read_and_what_was_read_is_a_token() throws Exception {
        table(NAME, QUERY, "manual");
        table("rest.sums", "SELECT sum(amount) AS total FROM rest.orders", "manual");
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        String token = snapshot();
        problem(totals("token=" + token).then(), 503, "not-fresh");
        Response rows = expect("wait=20s&token=" + token, "waited", "20");
        expect("token=" + token, "fresh", "20");
        given().queryParam("token", rows.header("Runnel-Snapshot"))
                .queryParam("wait", "20s")
                .get(ROWS + "rest.sums/rows")
                .then()
                .statusCode(200)
                .body("rows.total", equalTo(List.of(21)));
        client.run("BEGIN");
        client.run("INSERT INTO rest.orders VALUES (5, 'a', 5)");
        String open = client.rows("SELECT pg_current_xact_id()").get(0);
        for (String fallback : List.of("error", "live")) {
            problem(totals("wait=50ms&token=" + open + "&fallback=" + fallback).then(), 503, "not-fresh");
        }
        expect("token=" + open + "&fallback=stale", "stale", "20");
        client.run("COMMIT");
        expect("token=" + open + "&fallback=live", "live", "25");
    }

    /** The query itself is no fresher than the read models that it reads. */
    @Test
    void live_rows_are_as_stale_as_what_the_query_reads() throws Exception {
        table(NAME, QUERY, "manual");
        table("rest.grand", "SELECT sum(total) AS total FROM " + NAME, "manual");
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        String live = ROWS + "rest.grand/rows?fallback=live&";
        problem(given().get(live + "maxStaleness=0s").then(), 503, "not-fresh");
        problem(given().queryParam("token", snapshot()).get(live).then(), 503, "not-fresh");
        client.run("CALL runnel.sync('" + NAME + "')");
        given().queryParam("token", snapshot())
                .get(live)
                .then()
                .statusCode(200)
                .header("Runnel-Freshness", "live")
                .body("rows.total", equalTo(List.of(21)));
    }

    @Test
    void table_that_will_not_be_refreshed_is_not_waited_for() throws Exception {
        table(NAME, QUERY, "manual");
        given().post(TOTALS + "/pause").then().statusCode(200);
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        long began = System.nanoTime();
        expect("maxStaleness=0s&wait=30s&fallback=live", "live", "20");
        expect("maxStaleness=0s&wait=30s&fallback=stale", "stale", "15");
        assertThat(System.nanoTime() - began).isLessThan(10_000_000_000L);
    }

    @Test
    void rows_of_a_projection_are_waited_for() throws Exception {
        payments("ASYNCHRONOUS");
        for (int i = 1; i <= 20; i++) {
            client.run("INSERT INTO rest.events (amount) VALUES (" + i + ")");
            given().get(ROWS + (i % 2 == 0 ? "payments" : "rest.payments") + "/rows?maxStaleness=0s&wait=20s")
                    .then()
                    .statusCode(200)
                    .body("rows.size()", is(i));
        }
        problem(given().get(ROWS + "payments/rows?fallback=live").then(), 400, "no-definition");
        given().post(PAYMENTS + "/rebuild").then().statusCode(200);
        given().get(ROWS + "payments/rows?maxStaleness=0s&wait=20s")
                .then()
                .statusCode(200)
                .body("rows.size()", is(20));
    }

    @Test
    void synchronous_projection_is_always_fresh() throws Exception {
        payments("SYNCHRONOUS");
        client.run("INSERT INTO rest.events (amount) VALUES (1)");
        given().get(ROWS + "payments/rows?maxStaleness=0s")
                .then()
                .statusCode(200)
                .header("Runnel-Freshness", "fresh")
                .header("Runnel-Staleness", "0.000")
                .body("rows.size()", is(1));
    }

    @Test
    void table_that_was_never_filled_has_no_rows_to_serve() throws Exception {
        create(Map.of("name", NAME, "query", QUERY, "schedule", "manual", "initialize", false));
        problem(totals("maxStaleness=1m").then(), 503, "not-populated");
        problem(totals("").then(), 503, "not-populated");
    }

    @Test
    void projection_with_several_targets_is_read_by_one_of_them() throws Exception {
        client.run("CREATE TABLE rest.events (id bigserial PRIMARY KEY)");
        client.run("CREATE TABLE rest.payments (id bigint)");
        client.run("CREATE TABLE rest.others (id bigint)");
        client.run(
                "SELECT runnel.create_projection('payments', 'rest.events', 'id',"
                        + " targets => '{rest.payments,rest.others}',"
                        + " default_handler => 'INSERT INTO rest.payments VALUES (event.id); INSERT INTO rest.others VALUES (event.id)')");
        problem(given().get(ROWS + "payments/rows").then(), 400, "several-targets")
                .body("hint", equalTo("name one of them: rest.others, rest.payments"));
        client.run("INSERT INTO rest.events DEFAULT VALUES");
        given().get(ROWS + "rest.others/rows?maxStaleness=0s&wait=20s").then().body("rows.size()", is(1));
    }

    @Test
    void rows_are_read_with_the_rights_of_the_owner() throws Exception {
        client.run("DO $$ BEGIN CREATE ROLE rows_owner; EXCEPTION WHEN duplicate_object THEN END $$");
        client.run("GRANT USAGE, CREATE ON SCHEMA rest TO rows_owner");
        client.run("GRANT SELECT ON rest.orders TO rows_owner");
        try {
            client.run("SET ROLE rows_owner");
            client.run("SELECT runnel.create_stream_table('rest.totals', $$" + QUERY + "$$, 'manual')");
            client.run("RESET ROLE");
            client.awaitStatus("totals", "ACTIVE");
            expect("", "fresh", "15");
            client.run("REVOKE SELECT ON rest.orders FROM rows_owner");
            client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
            problem(totals("maxStaleness=0s&fallback=live").then(), 403, "postgres-42501");
            expect("", "stale", "15");
        } finally {
            client.run("RESET ROLE");
            client.run("SELECT runnel.drop_stream_table('rest.totals')");
            client.run("DROP OWNED BY rows_owner");
            client.run("DROP ROLE rows_owner");
        }
    }

    @CanIgnoreReturnValue
    private static Response expect(String parameters, String how, String total) {
        Response response = totals(parameters);
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(200);
        assertThat(response.header("Runnel-Freshness")).as(parameters).isEqualTo(how);
        assertThat(response.header("Runnel-Snapshot")).matches("\\d+:\\d+:.*");
        assertThat(response.jsonPath().getString("rows.find { it.customer == 'a' }.total"))
                .isEqualTo(total);
        return response;
    }

    private static Response totals(String parameters) {
        return given().urlEncodingEnabled(false)
                .get(ROWS + NAME + "/rows" + (parameters.isEmpty() ? "" : "?" + parameters));
    }

    private String snapshot() throws Exception {
        return client.rows("SELECT pg_current_snapshot()").get(0);
    }
}
