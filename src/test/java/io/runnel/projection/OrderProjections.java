package io.runnel.projection;

import io.runnel.SqlClient;
import java.sql.SQLException;

/** The order domain of the read model guide: a log, the order summary and the fact table of payments. */
final class OrderProjections {

    static final String CUSTOMER = "'00000000-0000-0000-0000-00000000000a'";

    static final String ORDER_CREATED = """
            INSERT INTO read_order_summary AS ros (order_id, customer_id, status, items_count, total_amount, currency,
                last_event_id, last_event_at, updated_at)
            SELECT event.order_id, (event.payload->>'customer_id')::uuid, 'CREATED', 0, 0,
                COALESCE(event.payload->>'currency','USD'), event.event_id, event.occurred_at, now()
            ON CONFLICT (order_id) DO UPDATE SET
                customer_id = EXCLUDED.customer_id, status = EXCLUDED.status, currency = EXCLUDED.currency,
                last_event_id = EXCLUDED.last_event_id, last_event_at = EXCLUDED.last_event_at, updated_at = now()
            """;
    static final String ORDER_ITEM_ADDED = """
            UPDATE read_order_summary ros
            SET items_count = ros.items_count + (event.payload->>'quantity')::int,
                total_amount = ros.total_amount + (event.payload->>'line_total')::numeric,
                last_event_id = event.event_id, last_event_at = event.occurred_at, updated_at = now()
            WHERE ros.order_id = event.order_id AND event.occurred_at >= ros.last_event_at
            """;
    static final String STATUS_CHANGED = """
            UPDATE read_order_summary
            SET status = CASE event.event_type WHEN 'OrderPaid' THEN 'PAID' ELSE 'SHIPPED' END,
                last_event_id = event.event_id, last_event_at = event.occurred_at, updated_at = now()
            WHERE order_id = event.order_id AND event.occurred_at >= last_event_at
            """;
    static final String PAYMENT_CAPTURED = """
            INSERT INTO fact_payments (payment_id, order_id, customer_id, amount, currency, paid_at)
            VALUES (event.event_id, event.order_id, (event.payload->>'customer_id')::uuid,
                (event.payload->>'amount')::numeric, COALESCE(event.payload->>'currency','USD'), event.occurred_at)
            """;
    static final String SUMMARY_TABLE = """
            CREATE TABLE read_order_summary (
                order_id uuid PRIMARY KEY, customer_id uuid NOT NULL, status text NOT NULL,
                items_count integer NOT NULL DEFAULT 0, total_amount numeric(12,2) NOT NULL DEFAULT 0,
                currency text NOT NULL DEFAULT 'USD', last_event_id uuid NOT NULL, last_event_at timestamptz NOT NULL,
                updated_at timestamptz NOT NULL DEFAULT now());
            CREATE INDEX read_order_summary_customer_status_idx
                ON read_order_summary (customer_id, status, last_event_at DESC)""";
    static final String PAYMENTS_TABLE = """
            CREATE TABLE fact_payments (
                payment_id uuid PRIMARY KEY, order_id uuid NOT NULL, customer_id uuid NOT NULL,
                amount numeric(12,2) NOT NULL, currency text NOT NULL, paid_at timestamptz NOT NULL);
            CREATE INDEX fact_payments_paid_at_idx ON fact_payments (paid_at)""";

    static final String OPEN_ORDERS = """
            SELECT order_id, status, items_count, total_amount FROM read_order_summary
            WHERE customer_id = %s AND status IN ('CREATED','PAID') ORDER BY last_event_at DESC LIMIT 50""".formatted(CUSTOMER);

    private OrderProjections() {}

    static void createLog(SqlClient client) throws SQLException {
        client.run("""
                CREATE TABLE order_events (
                    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
                    event_id uuid NOT NULL DEFAULT gen_random_uuid(),
                    event_type text NOT NULL,
                    order_id uuid NOT NULL,
                    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                    payload jsonb NOT NULL DEFAULT '{}')""");
    }

    static void createSummary(SqlClient client) throws SQLException {
        client.run("""
                SELECT runnel.create_projection('order_summary_projection', 'order_events', 'position',
                    type_column => 'event_type', entity_column => 'order_id', time_column => 'occurred_at',
                    targets => ARRAY['read_order_summary'], ddl => $ddl$%s$ddl$,
                    handlers => jsonb_build_array(
                        jsonb_build_object('types', ARRAY['OrderCreated'], 'sql', $sql$%s$sql$),
                        jsonb_build_object('types', ARRAY['OrderItemAdded'], 'sql', $sql$%s$sql$),
                        jsonb_build_object('types', ARRAY['OrderPaid', 'OrderShipped'], 'sql', $sql$%s$sql$)))""".formatted(SUMMARY_TABLE, ORDER_CREATED, ORDER_ITEM_ADDED, STATUS_CHANGED));
    }

    static void createPayments(SqlClient client) throws SQLException {
        client.run("""
                SELECT runnel.create_projection('payments_projection', 'order_events', 'position',
                    type_column => 'event_type', targets => ARRAY['fact_payments'], ddl => $ddl$%s$ddl$,
                    handlers => jsonb_build_object('PaymentCaptured', $sql$%s$sql$))""".formatted(PAYMENTS_TABLE, PAYMENT_CAPTURED));
    }

    static void append(SqlClient client, int order, String type, String payload) throws SQLException {
        client.run("INSERT INTO order_events (event_type, order_id, payload) VALUES ('" + type + "', " + order(order)
                + ", '" + payload + "')");
    }

    static String order(int number) {
        return "'00000000-0000-0000-0000-%012d'".formatted(number);
    }

    /** An order with an item, paid. */
    static void events(SqlClient client, int order) throws SQLException {
        append(client, order, "OrderCreated", "{\"customer_id\": " + CUSTOMER.replace('\'', '"') + "}");
        append(client, order, "OrderItemAdded", "{\"quantity\": 2, \"line_total\": \"19.90\"}");
        append(client, order, "OrderPaid", "{}");
        append(
                client,
                order,
                "PaymentCaptured",
                "{\"customer_id\": " + CUSTOMER.replace('\'', '"') + ", \"amount\": \"19.90\"}");
    }
}
