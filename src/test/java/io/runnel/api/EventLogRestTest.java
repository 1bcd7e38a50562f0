package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.sql.Sql;
import java.util.Map;
import org.junit.jupiter.api.Test;

@QuarkusTest
class EventLogRestTest extends RestFixture {

    private static final String LOGS = "/api/v1/event-logs";

    @Test
    void log_is_created_shown_and_made_an_ordinary_table_again() throws Throwable {
        String location = send("POST", LOGS, Map.of("name", "rest.log", "entityType", "uuid"))
                .statusCode(201)
                .body("name", equalTo("rest.log"))
                .body("positionColumn", equalTo("position"))
                .body("declared", is(true))
                .body("appendable", is(true))
                .body("immutable", is(true))
                .body("onUpdate", equalTo("REFUSED"))
                .body("guardedBy", contains("trigger runnel_refuse_change"))
                .body("projections", empty())
                .extract()
                .header("Location");
        given().get(location).then().statusCode(200).body("name", equalTo("rest.log"));
        run(Sql.of("SELECT runnel.append('rest.log', gen_random_uuid()::text, 'a')"));
        given().get(LOGS).then().statusCode(200).body("name", hasItem("rest.log"));
        given().delete(location).then().statusCode(204);
        run(Sql.of("DELETE FROM rest.log"));
        problem(given().get(location).then(), 404, "no-event-log");
        problem(given().delete(location).then(), 404, "no-event-log");
        given().get(LOGS).then().body("name", not(hasItem("rest.log")));
    }

    @Test
    void existing_table_is_made_immutable_and_names_the_projections_over_it() throws Throwable {
        run(Sql.of("CREATE TABLE rest.events (id bigserial PRIMARY KEY, kind text)"));
        send("POST", LOGS, Map.of("name", "rest.events"))
                .statusCode(201)
                .body("positionColumn", equalTo("id"))
                .body("appendable", is(false));
        run(Sql.of("SELECT runnel.create_projection('seen', 'rest.events', 'id', default_handler => 'SELECT 1')"));
        try {
            given().get(LOGS + "/rest.events").then().body("projections", contains("seen"));
            given().delete(LOGS + "/rest.events").then().statusCode(204);
            given().get(LOGS + "/rest.events")
                    .then()
                    .statusCode(200)
                    .body("declared", is(false))
                    .body("immutable", is(false))
                    .body("onTruncate", equalTo("ALLOWED"));
            problem(given().delete(LOGS + "/rest.events").then(), 404, "postgres-p0002");
        } finally {
            run(Sql.of("SELECT runnel.drop_projection('seen')"));
        }
    }

    @Test
    void wrong_requests_say_what_is_wrong() {
        problem(send("POST", LOGS, Map.of()), 400, null);
        problem(send("POST", LOGS, Map.of("name", "a.b.c")), 400, "invalid-name");
        problem(send("POST", LOGS, Map.of("name", "rest.x", "positionColum", "a")), 400, null);
        problem(send("POST", LOGS, Map.of("name", "rest.x", "entityType", "nothing")), 400, "postgres-42704")
                .body("hint", containsString("uuid"));
        problem(send("POST", LOGS, Map.of("name", "rest.orders", "positionColumn", "amount")), 400, "postgres-42804")
                .body("hint", containsString("bigint"));
        problem(send("POST", LOGS, Map.of("name", "rest.orders", "entityType", "uuid")), 409, "postgres-42p07");
        problem(given().get(LOGS + "/rest.nothing").then(), 404, "no-event-log").body("hint", containsString(LOGS));
    }
}
