package io.runnel.demo;

import io.runnel.sql.Sql;

/** The event log of a shop, what reads it, and what goes on in it. */
final class OrderDomain {

    /** The transactions of all services that load the demo take turns; the number is this lock's alone. */
    static final Sql LOCK = Sql.of("SELECT pg_advisory_xact_lock(7266325, 1)");

    static final Sql EVENT_LOG = Sql.of("""
            CREATE SCHEMA IF NOT EXISTS demo;
            CREATE TABLE IF NOT EXISTS demo.order_events (
                id bigserial PRIMARY KEY,
                event_type text NOT NULL,
                order_id uuid NOT NULL,
                customer_id uuid NOT NULL,
                product_id bigint,
                quantity integer,
                amount numeric(12,2),
                occurred_at timestamptz NOT NULL DEFAULT clock_timestamp()
            );
            CREATE INDEX IF NOT EXISTS order_events_order_id ON demo.order_events (order_id, id);
            CREATE OR REPLACE VIEW demo.next_events AS
            SELECT
                last.order_id,
                last.customer_id,
                last.event_type AS after,
                (
                    SELECT min(placed.amount)
                    FROM demo.order_events AS placed
                    WHERE placed.order_id = last.order_id AND placed.event_type = 'ORDER_PLACED'
                ) AS amount,
                random() AS chance
            FROM (
                SELECT DISTINCT ON (recent.order_id) recent.*
                FROM (SELECT * FROM demo.order_events ORDER BY id DESC LIMIT 200) AS recent
                ORDER BY recent.order_id, recent.id DESC
            ) AS last
            WHERE last.event_type NOT IN ('CANCELLED', 'REFUNDED')
            """);

    static final Sql FIRST_EVENT = Sql.of("SELECT id FROM demo.order_events LIMIT 1");

    /** Customers place orders for one product each, which is reserved. */
    private static final String PLACE_ORDERS = """
            WITH placed AS (
                SELECT
                    gen_random_uuid() AS order_id,
                    md5('customer ' || floor(random() * 50))::uuid AS customer_id,
                    1 + floor(random() * 20)::bigint AS product_id,
                    1 + floor(random() * 4)::integer AS quantity,
                    (5 + random() * 200)::numeric(12,2) AS amount
                FROM generate_series(1, {})
            )
            INSERT INTO demo.order_events (event_type, order_id, customer_id, product_id, quantity, amount)
            SELECT 'ITEM_RESERVED', order_id, customer_id, product_id, quantity, NULL FROM placed
            UNION ALL
            SELECT 'ORDER_PLACED', order_id, customer_id, NULL, NULL, amount FROM placed""";

    /** One of the recent orders goes a step further. */
    static final Sql NEXT_EVENT = Sql.of("""
            INSERT INTO demo.order_events (event_type, order_id, customer_id, amount)
            SELECT
                CASE
                    WHEN after = 'DELIVERED' THEN 'REFUNDED'
                    WHEN after = 'SHIPPED' THEN 'DELIVERED'
                    WHEN after = 'PAYMENT_RECEIVED' THEN 'SHIPPED'
                    WHEN chance < 0.1 THEN 'CANCELLED'
                    WHEN chance < 0.2 THEN 'PAYMENT_FAILED'
                    ELSE 'PAYMENT_RECEIVED'
                END,
                order_id,
                customer_id,
                CASE WHEN after = 'DELIVERED' OR after IN ('ORDER_PLACED', 'PAYMENT_FAILED') AND chance >= 0.2 THEN amount END
            FROM demo.next_events
            WHERE after <> 'DELIVERED' OR chance < 0.05
            ORDER BY random()
            LIMIT 1""");

    static final Sql READ_MODELS = Sql.of("""
            SELECT runnel.create_stream_table_if_not_exists('demo.current_order_state', $query$
                SELECT
                    order_id,
                    customer_id,
                    max(occurred_at) FILTER (WHERE event_type = 'ORDER_PLACED') AS placed_at,
                    max(occurred_at) FILTER (WHERE event_type = 'PAYMENT_RECEIVED') AS paid_at,
                    max(occurred_at) FILTER (WHERE event_type = 'SHIPPED') AS shipped_at,
                    max(occurred_at) FILTER (WHERE event_type = 'DELIVERED') AS delivered_at,
                    max(occurred_at) FILTER (WHERE event_type = 'CANCELLED') AS cancelled_at,
                    sum(amount) FILTER (WHERE event_type = 'ORDER_PLACED') AS order_total,
                    CASE
                        WHEN bool_or(event_type = 'CANCELLED') THEN 'cancelled'
                        WHEN bool_or(event_type = 'DELIVERED') THEN 'delivered'
                        WHEN bool_or(event_type = 'SHIPPED') THEN 'shipped'
                        WHEN bool_or(event_type = 'PAYMENT_RECEIVED') THEN 'paid'
                        WHEN bool_or(event_type = 'PAYMENT_FAILED') THEN 'payment_failed'
                        ELSE 'placed'
                    END AS status
                FROM demo.order_events
                GROUP BY order_id, customer_id
            $query$, 'on-change', 'DIFFERENTIAL');
            SELECT runnel.create_stream_table_if_not_exists('demo.customer_lifetime_value', $query$
                SELECT
                    customer_id,
                    count(DISTINCT order_id) AS total_orders,
                    sum(amount) FILTER (WHERE event_type = 'PAYMENT_RECEIVED') AS total_spent,
                    sum(amount) FILTER (WHERE event_type = 'REFUNDED') AS total_refunded,
                    min(occurred_at) FILTER (WHERE event_type = 'ORDER_PLACED') AS first_order_at,
                    max(occurred_at) FILTER (WHERE event_type = 'ORDER_PLACED') AS last_order_at
                FROM demo.order_events
                GROUP BY customer_id
            $query$, '2s', 'DIFFERENTIAL');
            SELECT runnel.create_stream_table_if_not_exists('demo.inventory_levels', $query$
                SELECT
                    product_id,
                    sum(quantity) AS reserved,
                    count(DISTINCT order_id) AS orders
                FROM demo.order_events
                WHERE event_type = 'ITEM_RESERVED'
                GROUP BY product_id
            $query$, '5s', 'DIFFERENTIAL')
            """);

    private OrderDomain() {}

    static Sql placeOrders(int count) {
        return Sql.of(PLACE_ORDERS, count);
    }
}
