package io.runnel.projection;

import static io.restassured.RestAssured.given;
import static io.runnel.projection.OrderProjections.append;
import static io.runnel.projection.OrderProjections.events;
import static io.runnel.projection.OrderProjections.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.containsInAnyOrder;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.response.ValidatableResponse;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the first user's guides describe, over REST; each answer is compared with plain SQL over the events. */
@QuarkusTest
class ReferenceRestTest extends ProjectionFixture {

    private static final String API = "/api/v1";
    private static final String SUMMARY = API + "/projections/order_summary_projection";
    private static final String USERS = API + "/projections/users_projection";
    private static final String USER = "11111111-1111-1111-1111-111111111111";
    private static final String OTHER = "22222222-2222-2222-2222-222222222222";
    private static final String CUSTOMER = OrderProjections.CUSTOMER.replace("'", "");

    /** The state of each order as its events in the order of their positions leave it, older ones left out. */
    private static final String SUMMARY_OF_EVENTS = """
            WITH RECURSIVE numbered AS (
                SELECT *, row_number() OVER (PARTITION BY order_id ORDER BY position) AS n FROM order_events
                WHERE event_type IN ('OrderCreated', 'OrderItemAdded', 'OrderPaid', 'OrderShipped')
            ), state AS (
                SELECT order_id, n, 'CREATED' AS status, 0 AS items, 0::numeric AS total, event_id, occurred_at
                FROM numbered WHERE n = 1
                UNION ALL
                SELECT e.order_id, e.n,
                    CASE WHEN e.occurred_at < s.occurred_at THEN s.status WHEN e.event_type = 'OrderPaid' THEN 'PAID'
                        WHEN e.event_type = 'OrderShipped' THEN 'SHIPPED' ELSE s.status END,
                    s.items + CASE WHEN e.event_type = 'OrderItemAdded' AND e.occurred_at >= s.occurred_at
                        THEN (e.payload->>'quantity')::int ELSE 0 END,
                    s.total + CASE WHEN e.event_type = 'OrderItemAdded' AND e.occurred_at >= s.occurred_at
                        THEN (e.payload->>'line_total')::numeric ELSE 0 END,
                    CASE WHEN e.occurred_at >= s.occurred_at THEN e.event_id ELSE s.event_id END,
                    greatest(e.occurred_at, s.occurred_at)
                FROM state AS s JOIN numbered AS e ON e.order_id = s.order_id AND e.n = s.n + 1
            )
            SELECT DISTINCT ON (order_id) order_id, status, items, total::numeric(12,2) AS total, event_id FROM state
            ORDER BY order_id, n DESC""";

    @AfterEach
    void drop_stream_tables() throws SQLException {
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                + " FROM runnel.stream_tables WHERE schema_name = 'projected'");
    }

    private static ValidatableResponse post(String path, Object body) {
        return given().contentType(ContentType.JSON).body(body).post(API + path).then();
    }

    private void createSummary() throws SQLException {
        OrderProjections.createLog(client);
        client.run("SET search_path = public");
        post(
                        "/projections",
                        Map.of(
                                "name", "order_summary_projection",
                                "eventLog", "projected.order_events",
                                "positionColumn", "position",
                                "typeColumn", "event_type",
                                "entityColumn", "order_id",
                                "timeColumn", "occurred_at",
                                "targets", List.of("projected.read_order_summary"),
                                "ddl", inSchema(OrderProjections.SUMMARY_TABLE),
                                "handlers",
                                        List.of(
                                                handler(OrderProjections.ORDER_CREATED, "OrderCreated"),
                                                handler(OrderProjections.ORDER_ITEM_ADDED, "OrderItemAdded"),
                                                handler(OrderProjections.STATUS_CHANGED, "OrderPaid", "OrderShipped"))))
                .statusCode(201);
        client.run("SET search_path = projected, public");
    }

    private static Map<String, Object> handler(String sql, String... types) {
        return Map.of("types", List.of(types), "sql", inSchema(sql));
    }

    private static String inSchema(String sql) {
        return sql.replaceAll("(TABLE|INTO|UPDATE|ON)( +)(read_order_summary|fact_payments)", "$1 projected.$3");
    }

    @Test
    void order_summary_of_late_and_disordered_events_is_what_their_fold_is() throws SQLException {
        createSummary();
        Random random = new Random(3);
        for (int i = 1; i <= 10; i++) {
            append(client, i, "OrderCreated", "{\"customer_id\": \"" + CUSTOMER + "\"}");
        }
        for (int i = 0; i < 120; i++) {
            String type = List.of("OrderItemAdded", "OrderItemAdded", "OrderPaid", "OrderShipped")
                    .get(random.nextInt(4));
            client.run("INSERT INTO order_events (event_type, order_id, occurred_at, payload) VALUES ('" + type + "', "
                    + order(1 + random.nextInt(10)) + ", clock_timestamp() + interval '1 min' * "
                    + (random.nextInt(40) - 5)
                    + ", '{\"quantity\": " + (1 + random.nextInt(3)) + ", \"line_total\": \"" + random.nextInt(100)
                    + ".5\"}')");
            if (i % 40 == 39) {
                includes(SUMMARY);
                client.assertEquals(
                        "(SELECT order_id, status, items_count, total_amount, last_event_id FROM read_order_summary)",
                        SUMMARY_OF_EVENTS);
            }
        }
        given().post(SUMMARY + "/rebuild").then().statusCode(200);
        includes(SUMMARY);
        client.assertEquals(
                "(SELECT order_id, status, items_count, total_amount, last_event_id FROM read_order_summary)",
                SUMMARY_OF_EVENTS);
        post("/projections/order_summary_projection/replay?wait=20s", Map.of())
                .statusCode(200)
                .body("status", equalTo("FINISHED"));
    }

    @Test
    void open_orders_of_a_customer_are_read_over_rest() throws SQLException {
        createSummary();
        for (int i = 1; i <= 6; i++) {
            events(client, i);
        }
        append(client, 2, "OrderShipped", "{}");
        String token = client.rows("SELECT pg_current_snapshot()").get(0);
        Response open = given().queryParam("customer_id", "eq." + CUSTOMER)
                .queryParam("status", "in.(CREATED,PAID)")
                .queryParam("order", "last_event_at.desc")
                .queryParam("select", "order_id,status,items_count,total_amount")
                .queryParam("limit", "50")
                .queryParam("token", token)
                .queryParam("wait", "20s")
                .get(API + "/read-models/projected.read_order_summary/rows");
        assertThat(open.statusCode()).isEqualTo(200);
        assertThat(open.header("Runnel-Freshness")).isIn("fresh", "waited");
        assertThat(open.jsonPath().getList("rows.collect { it.order_id + '|' + it.status + '|' + it.items_count }"))
                .isEqualTo(client.rows("SELECT order_id || '|' || status || '|' || items_count FROM ("
                        + OrderProjections.OPEN_ORDERS + ") AS open_orders"))
                .hasSize(5);
    }

    @Test
    void daily_revenue_is_a_stream_table_over_the_facts() throws SQLException {
        OrderProjections.createLog(client);
        post(
                        "/projections",
                        Map.of(
                                "name", "payments_projection",
                                "eventLog", "projected.order_events",
                                "positionColumn", "position",
                                "typeColumn", "event_type",
                                "targets", List.of("projected.fact_payments"),
                                "ddl", inSchema(OrderProjections.PAYMENTS_TABLE),
                                "handlers", List.of(handler(OrderProjections.PAYMENT_CAPTURED, "PaymentCaptured"))))
                .statusCode(201);
        post(
                        "/stream-tables",
                        Map.of(
                                "name", "projected.mv_daily_revenue",
                                "query",
                                        "SELECT date_trunc('day', paid_at) AS day, currency, sum(amount) AS revenue,"
                                                + " count(*) AS payments_count FROM projected.fact_payments GROUP BY 1, 2",
                                "schedule", "manual",
                                "refreshMode", "DIFFERENTIAL"))
                .statusCode(201);
        for (int i = 1; i <= 20; i++) {
            client.run(
                    "INSERT INTO order_events (event_type, order_id, occurred_at, payload) VALUES ('PaymentCaptured', "
                            + order(i) + ", now() - interval '1 day' * " + i % 7 + ", '{\"customer_id\": \"" + CUSTOMER
                            + "\", \"amount\": \"" + i + ".25\"}')");
            if (i % 5 == 0) {
                includes(API + "/stream-tables/projected.mv_daily_revenue");
                client.assertEquals(
                        "mv_daily_revenue",
                        "SELECT date_trunc('day', occurred_at), 'USD', sum((payload->>'amount')::numeric), count(*)"
                                + " FROM order_events GROUP BY 1");
            }
        }
        given().queryParam(
                        "day",
                        "gte."
                                + client.rows("SELECT date_trunc('day', now()) - interval '3 days'")
                                        .get(0))
                .queryParam("order", "day,currency")
                .get(API + "/read-models/projected.mv_daily_revenue/rows")
                .then()
                .statusCode(200)
                .body("rows.size()", is(4));
        given().get(API + "/read-models")
                .then()
                .body(
                        "findAll { it.name in ['projected.mv_daily_revenue', 'payments_projection'] }.kind",
                        containsInAnyOrder("stream-table", "projection"));
    }

    @Test
    void users_are_projected_replayed_and_viewed() throws SQLException {
        ReferenceTest.createTables(client);
        client.run("ALTER FUNCTION fn_project_user_create SET search_path = projected");
        client.run("ALTER FUNCTION fn_project_user_update SET search_path = projected");
        post(
                        "/projections",
                        Map.of(
                                "name", "users_projection",
                                "eventLog", "projected.events",
                                "positionColumn", "id",
                                "typeColumn", "type",
                                "entityColumn", "uuid",
                                "mode", "SYNCHRONOUS",
                                "targets", List.of("projected.users"),
                                "handlers",
                                        List.of(
                                                Map.of(
                                                        "types",
                                                        List.of("user_create"),
                                                        "sql",
                                                        "projected.fn_project_user_create(event.uuid, event.body)"),
                                                Map.of(
                                                        "types",
                                                        List.of("user_update"),
                                                        "sql",
                                                        "projected.fn_project_user_update(event.uuid, event.body)"))))
                .statusCode(201);
        post(
                        "/stream-tables",
                        Map.of(
                                "name", "projected.users_view",
                                "query",
                                        "with t as (select *, row_number() over(partition by uuid order by inserted_at desc, id desc)"
                                                + " as row_number from projected.events where type = 'user_update')"
                                                + " select uuid, body->>'name' as name, inserted_at from t where row_number = 1",
                                "schedule", "manual"))
                .statusCode(201);
        client.run("SET search_path = projected, public");
        client.run(
                "insert into events (type, uuid, body) values ('user_create', '" + USER + "', '{\"name\": \"blah\"}'),"
                        + " ('user_update', '" + USER + "', '{\"name\": \"vtha\"}'), ('user_create', '" + OTHER
                        + "', '{\"name\": \"toby\"}'), ('user_update', '" + USER + "', '{\"name\": \"last\"}')");
        given().get(USERS + "/freshness").then().statusCode(200).body("lagSeconds", equalTo(0f));
        users("last", "toby");
        client.run("TRUNCATE users");
        post("/projections/users_projection/replay?wait=20s", Map.of("types", List.of("user_create")))
                .statusCode(200)
                .body("eventsHandled", equalTo(2));
        users("blah", "toby");
        client.run("TRUNCATE users");
        post("/projections/users_projection/replay?wait=20s", Map.of("entity", USER))
                .statusCode(200)
                .body("eventsHandled", equalTo(3));
        users("last");
        client.run("DELETE FROM events");
        assertThat(client.rows("SELECT count(*) FROM events")).containsExactly("4");
        includes(API + "/stream-tables/projected.users_view");
        client.assertEquals(
                "users_view",
                "SELECT DISTINCT ON (uuid) uuid, body->>'name', inserted_at FROM events"
                        + " WHERE type = 'user_update' ORDER BY uuid, inserted_at DESC, id DESC");
        given().get(API + "/read-models/projected.users_view/rows?select=uuid,name")
                .then()
                .body("rows.name", contains("last"));
    }

    private static void users(String... names) {
        given().get(API + "/read-models/users_projection/rows?order=uuid")
                .then()
                .statusCode(200)
                .header("Runnel-Freshness", "fresh")
                .body("rows.name", contains((Object[]) names));
    }

    /** Waits until the read model includes what was committed so far. */
    private void includes(String model) throws SQLException {
        given().queryParam("token", client.rows("SELECT pg_current_snapshot()").get(0))
                .queryParam("wait", "20s")
                .get(model + "/freshness")
                .then()
                .statusCode(200)
                .body("includes", is(true));
    }
}
