package io.runnel;

import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;

/** The order domain of the tutorial: its event log, its events and its read models, for tests through either surface. */
final class Tutorial {

    static final String ORDER = "'00000000-0000-0000-0000-000000000001'::uuid";
    static final String OTHER_ORDER = "'00000000-0000-0000-0000-000000000002'::uuid";
    static final String CUSTOMER = "'00000000-0000-0000-0000-00000000000a'::uuid";

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

    static final String NEW_PROJECTION =
            "SELECT event_type, count(*) AS events, sum(amount) AS amount FROM order_events GROUP BY event_type";

    /** The queries of the three read models by name. */
    static final Map<String, String> QUERIES = queries();

    private static Map<String, String> queries() {
        Map<String, String> queries = new LinkedHashMap<>();
        queries.put("current_order_state", CURRENT_ORDER_STATE);
        queries.put("customer_lifetime_value", CUSTOMER_LIFETIME_VALUE);
        queries.put("inventory_levels", INVENTORY_LEVELS);
        return queries;
    }

    private final SqlClient client;
    private final UpToDate upToDate;

    Tutorial(SqlClient client, UpToDate upToDate) {
        this.client = client;
        this.upToDate = upToDate;
    }

    void createEventLog() throws SQLException {
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
    }

    void dropEventLog() throws SQLException {
        client.run("DROP TABLE order_events");
        client.run("DROP TYPE order_event_type");
    }

    /** An order that is placed, paid and shipped; after each event each read model equals its query. */
    void sampleEvents() throws SQLException {
        event("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity, amount) VALUES"
                + " ('ORDER_PLACED', " + ORDER + ", " + CUSTOMER + ", 1, 2, 2598.00),"
                + " ('ITEM_RESERVED', " + ORDER + ", " + CUSTOMER + ", 1, 2, NULL)");
        event("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('PAYMENT_RECEIVED', "
                + ORDER + ", " + CUSTOMER + ", 2598.00)");
        event("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('SHIPPED', " + ORDER + ", "
                + CUSTOMER + ")");
    }

    /** The order is delivered and partly refunded; another one fails and is cancelled. */
    void furtherEvents() throws SQLException {
        delivered();
        event("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('REFUNDED', " + ORDER + ", "
                + CUSTOMER + ", 98.50)");
        event("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity, amount) VALUES"
                + " ('ORDER_PLACED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1, 10),"
                + " ('ITEM_RESERVED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1, NULL),"
                + " ('PAYMENT_FAILED', " + OTHER_ORDER + ", " + CUSTOMER + ", NULL, NULL, NULL)");
        event("INSERT INTO order_events (event_type, order_id, customer_id, product_id, quantity) VALUES"
                + " ('ITEM_RELEASED', " + OTHER_ORDER + ", " + CUSTOMER + ", 1, 1),"
                + " ('CANCELLED', " + OTHER_ORDER + ", " + CUSTOMER + ", NULL, NULL)");
    }

    void delivered() throws SQLException {
        event("INSERT INTO order_events (event_type, order_id, customer_id) VALUES ('DELIVERED', " + ORDER + ", "
                + CUSTOMER + ")");
    }

    private void event(String insert) throws SQLException {
        client.run(insert);
        assertAllEqual();
    }

    void assertAllEqual() throws SQLException {
        for (Map.Entry<String, String> query : QUERIES.entrySet()) {
            assertEqual(query.getKey(), query.getValue());
        }
    }

    void assertEqual(String table, String query) throws SQLException {
        upToDate.bring(table);
        client.assertEquals(table, query);
    }

    /** How a table is brought up to date with all that was committed before. */
    @FunctionalInterface
    interface UpToDate {
        void bring(String table) throws SQLException;
    }
}
