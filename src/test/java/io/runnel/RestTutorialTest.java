package io.runnel;

import static io.restassured.RestAssured.given;
import static io.runnel.Tutorial.NEW_PROJECTION;
import static io.runnel.Tutorial.QUERIES;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.everyItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.is;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@link TutorialTest} once more, as an application does it that speaks to the service rather than to the database. */
@QuarkusTest
class RestTutorialTest {

    private static final String API = "/api/v1";
    private static final String TABLES = API + "/stream-tables";
    private static final Map<String, List<List<String>>> INDEXES = Map.of(
            "current_order_state",
                    List.of(List.of("order_id"), List.of("customer_id", "placed_at"), List.of("status", "placed_at")),
            "customer_lifetime_value", List.of(List.of("customer_id"), List.of("net_revenue")),
            "inventory_levels", List.of(List.of("product_id")));

    @Inject
    DataSource database;

    private SqlClient client;
    private Tutorial tutorial;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        tutorial = new Tutorial(client, this::bringUpToDate);
        tutorial.createEventLog();
        for (Map.Entry<String, String> query : QUERIES.entrySet()) {
            post(
                            TABLES + "?wait=30s",
                            Map.of(
                                    "name", query.getKey(),
                                    "query", query.getValue(),
                                    "schedule", "5s",
                                    "refreshMode", "DIFFERENTIAL",
                                    "indexes", INDEXES.get(query.getKey())))
                    .statusCode(201)
                    .body("name", equalTo("public." + query.getKey()))
                    .body("status", equalTo("ACTIVE"))
                    .body("effectiveMode", equalTo("DIFFERENTIAL"))
                    .body("lastError", nullValue());
        }
    }

    @AfterEach
    void clean_up() throws SQLException {
        for (String name : QUERIES.keySet()) {
            given().delete(TABLES + "/" + name).then().statusCode(204);
            given().get(TABLES + "/" + name).then().statusCode(404);
        }
        tutorial.dropEventLog();
        client.close();
    }

    @Test
    void each_read_model_equals_its_query_after_each_event() throws SQLException {
        tutorial.assertAllEqual();
        tutorial.sampleEvents();
        tutorial.furtherEvents();
        for (String name : QUERIES.keySet()) {
            assertThat(modes(name)).as(name).startsWith("DIFFERENTIAL").endsWith("FULL");
            assertThat(modes(name)).as(name).doesNotContain("FAILED").containsOnlyOnce("FULL");
        }
    }

    @Test
    void indexes_asked_for_are_there() throws SQLException {
        for (String name : QUERIES.keySet()) {
            for (List<String> columns : INDEXES.get(name)) {
                assertThat(client.rows("SELECT indexdef FROM pg_indexes WHERE tablename = '" + name + "'"))
                        .anyMatch(index -> index.endsWith("(" + String.join(", ", columns) + ")"));
            }
        }
    }

    @Test
    void refresh_tells_what_it_did_and_the_history_keeps_it() throws SQLException {
        tutorial.sampleEvents();
        alter("current_order_state", Map.of("schedule", "manual")).body("schedule", equalTo("manual"));
        client.run("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('DELIVERED', " + Tutorial.ORDER
                + ", " + Tutorial.CUSTOMER + ")");
        freshness("current_order_state").body("pendingChanges", equalTo(1)).body("lagSeconds", notNullValue());
        act("current_order_state", "refresh")
                .body("mode", equalTo("DIFFERENTIAL"))
                .body("rowsInserted", equalTo(0))
                .body("rowsUpdated", equalTo(1))
                .body("rowsDeleted", equalTo(0));
        client.assertEquals("current_order_state", QUERIES.get("current_order_state"));
        freshness("current_order_state").body("pendingChanges", equalTo(0));
        given().get(TABLES + "/current_order_state/history?limit=1")
                .then()
                .statusCode(200)
                .body("mode", contains("DIFFERENTIAL"))
                .body("rowsUpdated", contains(1))
                .body("error", contains(nullValue()));
        tutorial.assertAllEqual();
    }

    @Test
    void reinitialized_read_model_is_filled_anew_and_then_goes_on_differentially() throws SQLException {
        tutorial.sampleEvents();
        act("current_order_state", "reinitialize?wait=30s").body("status", equalTo("ACTIVE"));
        assertThat(modes("current_order_state").get(0)).isEqualTo("FULL");
        tutorial.assertAllEqual();
        tutorial.delivered();
        assertThat(modes("current_order_state").get(0)).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void new_projection_is_backfilled_in_full_and_then_maintained_differentially() throws SQLException {
        tutorial.sampleEvents();
        post(TABLES + "?wait=30s", Map.of("name", "new_projection", "query", NEW_PROJECTION, "refreshMode", "FULL"))
                .statusCode(201)
                .body("status", equalTo("ACTIVE"))
                .body("effectiveMode", equalTo("FULL"))
                .body("populated", is(true));
        client.assertEquals("new_projection", NEW_PROJECTION);
        alter("new_projection", Map.of("refreshMode", "DIFFERENTIAL"))
                .body("status", equalTo("ACTIVE"))
                .body("effectiveMode", equalTo("DIFFERENTIAL"));
        tutorial.assertEqual("new_projection", NEW_PROJECTION);
        tutorial.furtherEvents();
        tutorial.assertEqual("new_projection", NEW_PROJECTION);
        assertThat(modes("new_projection")).startsWith("DIFFERENTIAL").endsWith("FULL");
        given().delete(TABLES + "/new_projection").then().statusCode(204);
    }

    @Test
    void paused_read_model_stands_still_and_catches_up_when_resumed() throws SQLException {
        tutorial.sampleEvents();
        act("inventory_levels", "pause").body("status", equalTo("PAUSED"));
        List<String> before = client.rows("SELECT * FROM inventory_levels");
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity) VALUES"
                + " ('ITEM_RESERVED', " + Tutorial.OTHER_ORDER + ", " + Tutorial.CUSTOMER + ", 2, 7)");
        bringUpToDate("current_order_state");
        assertThat(client.rows("SELECT * FROM inventory_levels")).isEqualTo(before);
        freshness("inventory_levels").body("status", equalTo("PAUSED")).body("pendingChanges", equalTo(1));
        act("inventory_levels", "verify").body("equal", is(false)).body("missing", equalTo(1));
        act("inventory_levels", "resume").body("status", equalTo("ACTIVE"));
        tutorial.assertAllEqual();
    }

    @Test
    void explanation_status_graph_and_sources_show_the_read_models() throws SQLException {
        String[] names = QUERIES.keySet().stream().map(name -> "public." + name).toArray(String[]::new);
        for (String name : QUERIES.keySet()) {
            given().get(TABLES + "/" + name + "/explain")
                    .then()
                    .statusCode(200)
                    .body("mode", equalTo("DIFFERENTIAL"))
                    .body("refusals", empty())
                    .body("operators.maintained", everyItem(is(true)))
                    .body("sources", contains("public.order_events"))
                    .body("statement", notNullValue());
        }
        given().get(API + "/status").then().statusCode(200).body("failing.name", not(hasItems(names)));
        given().get(TABLES)
                .then()
                .body("findAll { it.query.contains('order_events') }.name", containsInAnyOrder(names));
        given().get(API + "/graph")
                .then()
                .statusCode(200)
                .body("edges.findAll { it.from == 'public.order_events' }.to", containsInAnyOrder(names))
                .body("edges.findAll { it.from == 'public.order_events' }.captured", everyItem(is(true)));
        given().get(API + "/sources")
                .then()
                .statusCode(200)
                .body("find { it.name == 'public.order_events' }.dependants", containsInAnyOrder(names));
    }

    /** Waits until the table includes everything committed so far, and lets the service compare it with its query too. */
    private void bringUpToDate(String table) throws SQLException {
        String token = client.rows("SELECT pg_current_snapshot()").get(0);
        given().queryParam("token", token)
                .queryParam("wait", "30s")
                .get(TABLES + "/" + table + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(true));
        act(table, "verify").body("equal", is(true));
    }

    private static ValidatableResponse post(String path, Object body) {
        return given().contentType(ContentType.JSON).body(body).post(path).then();
    }

    private static ValidatableResponse alter(String table, Object body) {
        return given().contentType(ContentType.JSON)
                .body(body)
                .patch(TABLES + "/" + table + "?wait=30s")
                .then()
                .statusCode(200);
    }

    private static ValidatableResponse act(String table, String action) {
        return given().post(TABLES + "/" + table + "/" + action).then().statusCode(200);
    }

    private static ValidatableResponse freshness(String table) {
        return given().get(TABLES + "/" + table + "/freshness").then().statusCode(200);
    }

    /** The modes of all refreshes so far, latest first. */
    private static List<String> modes(String table) {
        return given().get(TABLES + "/" + table + "/history?limit=1000")
                .then()
                .statusCode(200)
                .extract()
                .jsonPath()
                .getList("mode");
    }
}
