package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The read models of an event-sourced order system, from the creation of the event log to the clean-up, as an
 * application's administrator types it: indexes in the statement after the creation, types dropped right after tables.
 */
@QuarkusTest
class TutorialTest {

    private static final String ORDER = "'00000000-0000-0000-0000-000000000001'::uuid";
    private static final String OTHER_ORDER = "'00000000-0000-0000-0000-000000000002'::uuid";
    private static final String CUSTOMER = "'00000000-0000-0000-0000-00000000000a'::uuid";

    private static final String CURRENT_ORDER_STATE = """
            SELECT
                order_id,
                customer_id,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'ORDER_PLACED') AS placed_at,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'PAYMENT_RECEIVED') AS paid_at,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'SHIPPED') AS shipped_at,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'DELIVERED') AS delivered_at,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'CANCELLED') AS cancelled_at,
                SUM(amount)
                    FILTER (WHERE event_type = 'ORDER_PLACED') AS order_total,
                CASE
                    WHEN BOOL_OR(event_type = 'CANCELLED') THEN 'cancelled'
                    WHEN BOOL_OR(event_type = 'DELIVERED') THEN 'delivered'
                    WHEN BOOL_OR(event_type = 'SHIPPED') THEN 'shipped'
                    WHEN BOOL_OR(event_type = 'PAYMENT_RECEIVED') THEN 'paid'
                    WHEN BOOL_OR(event_type = 'PAYMENT_FAILED') THEN 'payment_failed'
                    ELSE 'placed'
                END AS status
            FROM order_events
            WHERE event_type IN (
                'ORDER_PLACED', 'PAYMENT_RECEIVED', 'PAYMENT_FAILED',
                'SHIPPED', 'DELIVERED', 'CANCELLED'
            )
            GROUP BY order_id, customer_id
            """;

    private static final String CUSTOMER_LIFETIME_VALUE = """
            SELECT
                customer_id,
                COUNT(DISTINCT order_id) AS total_orders,
                SUM(amount)
                    FILTER (WHERE event_type = 'PAYMENT_RECEIVED') AS total_spent,
                SUM(amount)
                    FILTER (WHERE event_type = 'REFUNDED') AS total_refunded,
                SUM(amount)
                    FILTER (WHERE event_type = 'PAYMENT_RECEIVED') -
                    COALESCE(SUM(amount)
                        FILTER (WHERE event_type = 'REFUNDED'), 0) AS net_revenue,
                MIN(occurred_at)
                    FILTER (WHERE event_type = 'ORDER_PLACED') AS first_order_at,
                MAX(occurred_at)
                    FILTER (WHERE event_type = 'ORDER_PLACED') AS last_order_at
            FROM order_events
            WHERE event_type IN ('ORDER_PLACED', 'PAYMENT_RECEIVED', 'REFUNDED')
            GROUP BY customer_id
            """;

    private static final String INVENTORY_LEVELS = """
            SELECT
                product_id,
                SUM(CASE
                    WHEN event_type = 'ITEM_RESERVED' THEN -quantity
                    WHEN event_type = 'ITEM_RELEASED' THEN quantity
                    ELSE 0
                END) AS reserved_delta,
                SUM(quantity)
                    FILTER (WHERE event_type = 'ITEM_RESERVED') AS total_reserved,
                SUM(quantity)
                    FILTER (WHERE event_type = 'ITEM_RELEASED') AS total_released,
                COUNT(DISTINCT order_id)
                    FILTER (WHERE event_type = 'ITEM_RESERVED') AS active_reservations
            FROM order_events
            WHERE event_type IN ('ITEM_RESERVED', 'ITEM_RELEASED')
                AND product_id IS NOT NULL
            GROUP BY product_id
            """;

    private static final String NEW_PROJECTION =
            "SELECT event_type, count(*) AS events, sum(amount) AS amount FROM order_events GROUP BY event_type";

    private static final Map<String, String> QUERIES = new LinkedHashMap<>();

    static {
        QUERIES.put("current_order_state", CURRENT_ORDER_STATE);
        QUERIES.put("customer_lifetime_value", CUSTOMER_LIFETIME_VALUE);
        QUERIES.put("inventory_levels", INVENTORY_LEVELS);
    }

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        client.run("""
                CREATE TYPE order_event_type AS ENUM (
                    'ORDER_PLACED', 'PAYMENT_RECEIVED', 'PAYMENT_FAILED', 'SHIPPED', 'DELIVERED', 'CANCELLED',
                    'REFUNDED', 'ITEM_RESERVED', 'ITEM_RELEASED')""");
        client.run("""
                CREATE TABLE order_events (
                    id BIGSERIAL PRIMARY KEY,
                    event_type order_event_type NOT NULL,
                    order_id UUID NOT NULL,
                    customer_id UUID NOT NULL,
                    product_id BIGINT,
                    quantity INT,
                    amount NUMERIC(12,2),
                    payload JSONB,
                    occurred_at TIMESTAMPTZ DEFAULT now())""");
        client.run("CREATE RULE no_update_order_events AS ON UPDATE TO order_events DO INSTEAD NOTHING");
        client.run("CREATE RULE no_delete_order_events AS ON DELETE TO order_events DO INSTEAD NOTHING");
        create("current_order_state", "5s", "DIFFERENTIAL", CURRENT_ORDER_STATE);
        client.run("CREATE INDEX ON current_order_state (order_id)");
        client.run("CREATE INDEX ON current_order_state (customer_id, placed_at DESC)");
        client.run("CREATE INDEX ON current_order_state (status, placed_at DESC)");
        create("customer_lifetime_value", "10s", "DIFFERENTIAL", CUSTOMER_LIFETIME_VALUE);
        client.run("CREATE INDEX ON customer_lifetime_value (customer_id)");
        client.run("CREATE INDEX ON customer_lifetime_value (net_revenue DESC)");
        create("inventory_levels", "5s", "DIFFERENTIAL", INVENTORY_LEVELS);
        client.run("CREATE INDEX ON inventory_levels (product_id)");
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT pgtrickle.drop_stream_table('inventory_levels')");
        client.run("SELECT pgtrickle.drop_stream_table('customer_lifetime_value')");
        client.run("SELECT pgtrickle.drop_stream_table('current_order_state')");
        client.run("DROP TABLE order_events");
        client.run("DROP TYPE order_event_type");
        client.close();
    }

    @Test
    void each_read_model_equals_its_query_after_each_sample_event() throws SQLException {
        assertAllEqual();
        sampleEvents();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('DELIVERED', " + ORDER + ", "
                + CUSTOMER + ")");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('REFUNDED', " + ORDER
                + ", " + CUSTOMER + ", 98.50)");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity, amount) VALUES"
                + " ('ORDER_PLACED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1, 10),"
                + " ('ITEM_RESERVED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1, NULL),"
                + " ('PAYMENT_FAILED', " + OTHER_ORDER + ", " + CUSTOMER + ", NULL, NULL, NULL)");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity) VALUES"
                + " ('ITEM_RELEASED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1),"
                + " ('CANCELLED', " + OTHER_ORDER + ", " + CUSTOMER + ", NULL, NULL)");
        assertAllEqual();
        assertThat(client.rows("SELECT status FROM current_order_state ORDER BY order_id"))
                .containsExactly("delivered", "cancelled");
        assertMaintainedDifferentially();
    }

    @Test
    void read_queries_answer_what_the_sample_events_say() throws SQLException {
        sampleEvents();
        assertThat(client.rows("SELECT order_id, status, order_total, shipped_at >= placed_at FROM current_order_state"
                        + " WHERE customer_id = " + CUSTOMER + " AND status NOT IN ('delivered', 'cancelled')"
                        + " ORDER BY placed_at DESC"))
                .containsExactly("00000000-0000-0000-0000-000000000001|shipped|2598.00|t");
        assertThat(client.rows("SELECT customer_id, total_orders, net_revenue, last_order_at IS NOT NULL"
                        + " FROM customer_lifetime_value ORDER BY net_revenue DESC LIMIT 20"))
                .containsExactly("00000000-0000-0000-0000-00000000000a|1|2598.00|t");
        assertThat(client.rows("SELECT status FROM current_order_state WHERE order_id = " + ORDER))
                .containsExactly("shipped");
        assertThat(client.rows("SELECT total_orders, total_spent, total_refunded FROM customer_lifetime_value"
                        + " WHERE customer_id = " + CUSTOMER))
                .containsExactly("1|2598.00|null");
        assertThat(client.rows("SELECT * FROM inventory_levels WHERE product_id = 1"))
                .containsExactly("1|-2|2|null|1");
        assertThat(client.rows("SELECT pgt_name, status, refresh_mode, last_refresh_at IS NOT NULL, consecutive_errors,"
                        + " rows_in_last_refresh >= 0 FROM pgtrickle.pgt_stream_tables WHERE pgt_name IN"
                        + " ('current_order_state', 'customer_lifetime_value', 'inventory_levels') ORDER BY pgt_name"))
                .containsExactly(
                        "current_order_state|ACTIVE|DIFFERENTIAL|t|0|t",
                        "customer_lifetime_value|ACTIVE|DIFFERENTIAL|t|0|t",
                        "inventory_levels|ACTIVE|DIFFERENTIAL|t|0|t");
    }

    @Test
    void schedule_alone_brings_the_read_models_up_to_date() throws SQLException {
        client.sync("current_order_state");
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('ORDER_PLACED', "
                + ORDER + ", " + CUSTOMER + ", 1)");
        client.awaitRow("SELECT FROM current_order_state WHERE status = 'placed'");
        client.awaitRow("SELECT FROM customer_lifetime_value WHERE total_orders = 1");
        assertAllEqual();
    }

    @Test
    void update_and_delete_of_events_change_nothing() throws SQLException {
        sampleEvents();
        client.run("UPDATE order_events SET amount = 0");
        client.run("DELETE FROM order_events");
        assertThat(client.rows("SELECT count(*), sum(amount) FROM order_events"))
                .containsExactly("4|5196.00");
        assertAllEqual();
    }

    @Test
    void reinitialized_read_model_is_filled_anew_and_then_goes_on_differentially() throws SQLException {
        sampleEvents();
        int before = client.modes("current_order_state").size();
        client.run("SELECT pgtrickle.reinitialize_stream_table('current_order_state')");
        client.awaitRow("SELECT FROM runnel.refresh_history WHERE table_name = 'current_order_state' AND mode = 'FULL'"
                + " OFFSET 1");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('DELIVERED', " + ORDER + ", "
                + CUSTOMER + ")");
        assertAllEqual();
        List<String> modes = client.modes("current_order_state");
        assertThat(modes.subList(before, modes.size())).contains("FULL", "DIFFERENTIAL");
        assertThat(modes.get(modes.size() - 1)).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void new_projection_is_backfilled_in_full_and_then_maintained_differentially() throws SQLException {
        sampleEvents();
        create("new_projection", "5s", "FULL", NEW_PROJECTION);
        client.awaitRow("SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'new_projection'"
                + " AND status = 'ACTIVE' AND last_refresh_at IS NOT NULL");
        client.assertEquals("new_projection", NEW_PROJECTION);
        assertThat(client.effectiveMode("new_projection")).isEqualTo("FULL");
        client.run("SELECT pgtrickle.alter_stream_table('new_projection', refresh_mode => 'DIFFERENTIAL')");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'new_projection'"
                + " AND status = 'ACTIVE' AND effective_mode = 'DIFFERENTIAL'");
        client.assertSyncedEquals("new_projection", NEW_PROJECTION);
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('REFUNDED', " + ORDER
                + ", " + CUSTOMER + ", 1.25)");
        client.assertSyncedEquals("new_projection", NEW_PROJECTION);
        assertThat(client.modes("new_projection")).startsWith("FULL").endsWith("DIFFERENTIAL");
        client.run("SELECT pgtrickle.drop_stream_table('new_projection')");
    }

    @Test
    void clean_up_works_while_changes_are_pending_and_everything_can_be_built_again() throws SQLException {
        for (int i = 0; i < 3; i++) {
            if (i > 0) {
                client.sync("inventory_levels");
            }
            client.run("INSERT INTO order_events (event_type, order_id, customer_id) SELECT 'ORDER_PLACED',"
                    + " gen_random_uuid(), " + CUSTOMER + " FROM generate_series(1, 1000)");
            clean_up();
            build();
        }
        sampleEvents();
    }

    private void create(String name, String schedule, String mode, String query) throws SQLException {
        client.run("SELECT pgtrickle.create_stream_table(name => '" + name + "', query => $query$" + query
                + "$query$, schedule => '" + schedule + "', refresh_mode => '" + mode + "')");
    }

    private void sampleEvents() throws SQLException {
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity, amount) VALUES"
                + " ('ORDER_PLACED', " + ORDER + ", " + CUSTOMER + ", 1, 2, 2598.00),"
                + " ('ITEM_RESERVED', " + ORDER + ", " + CUSTOMER + ", 1, 2, NULL)");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('PAYMENT_RECEIVED', "
                + ORDER + ", " + CUSTOMER + ", 2598.00)");
        assertAllEqual();
        client.run("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('SHIPPED', " + ORDER + ", "
                + CUSTOMER + ")");
        assertAllEqual();
    }

    private void assertAllEqual() throws SQLException {
        for (Map.Entry<String, String> query : QUERIES.entrySet()) {
            client.assertSyncedEquals(query.getKey(), query.getValue());
        }
    }

    private void assertMaintainedDifferentially() throws SQLException {
        for (String table : QUERIES.keySet()) {
            assertThat(client.effectiveMode(table)).as(table).isEqualTo("DIFFERENTIAL");
            List<String> modes = client.modes(table);
            assertThat(modes).as(table).startsWith("FULL").contains("DIFFERENTIAL");
            assertThat(modes.subList(1, modes.size())).as(table).doesNotContain("FULL", "FAILED");
        }
    }
}
