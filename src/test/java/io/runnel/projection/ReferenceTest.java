package io.runnel.projection;

import static io.runnel.projection.OrderProjections.append;
import static io.runnel.projection.OrderProjections.events;
import static io.runnel.projection.OrderProjections.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the first user's guides describe, in SQL: order summary and payments in batches, users in the writer's transaction. */
@QuarkusTest
class ReferenceTest extends ProjectionFixture {

    private static final String USER = "'11111111-1111-1111-1111-111111111111'";
    private static final String OTHER = "'22222222-2222-2222-2222-222222222222'";

    @Test
    void order_summary_follows_its_events() throws SQLException {
        OrderProjections.createLog(client);
        events(client, 1);
        OrderProjections.createSummary(client);
        events(client, 2);
        awaitCaughtUp("order_summary_projection");
        assertThat(client.rows(OrderProjections.OPEN_ORDERS))
                .containsExactly(
                        "00000000-0000-0000-0000-000000000002|PAID|2|19.90",
                        "00000000-0000-0000-0000-000000000001|PAID|2|19.90");
        append(client, 1, "OrderShipped", "{}");
        awaitCaughtUp("order_summary_projection");
        assertThat(client.rows(OrderProjections.OPEN_ORDERS))
                .containsExactly("00000000-0000-0000-0000-000000000002|PAID|2|19.90");
        assertThat(client.rows("SELECT projection_name, last_processed_position, last_event_at = ("
                        + "SELECT max(occurred_at) FROM order_events) FROM runnel.projection_checkpoint"))
                .containsExactly("order_summary_projection|9|t");
    }

    @Test
    void event_that_is_late_does_not_overwrite_a_newer_state() throws SQLException {
        OrderProjections.createLog(client);
        OrderProjections.createSummary(client);
        events(client, 1);
        client.run("INSERT INTO order_events (event_type, order_id, occurred_at, payload) VALUES ('OrderItemAdded', "
                + order(1) + ", now() - interval '1 day', '{\"quantity\": 5, \"line_total\": 100}')");
        awaitCaughtUp("order_summary_projection");
        assertThat(client.rows("SELECT items_count, total_amount FROM read_order_summary"))
                .containsExactly("2|19.90");
    }

    @Test
    void payments_are_facts_for_a_report() throws SQLException {
        OrderProjections.createLog(client);
        OrderProjections.createPayments(client);
        client.run("""
                CREATE MATERIALIZED VIEW mv_daily_revenue AS
                SELECT date_trunc('day', paid_at) AS day, currency, sum(amount) AS revenue, count(*) AS payments_count
                FROM fact_payments GROUP BY 1,2""");
        client.run("CREATE UNIQUE INDEX mv_daily_revenue_day_currency_uidx ON mv_daily_revenue (day, currency)");
        for (int i = 1; i <= 20; i++) {
            events(client, i);
        }
        awaitCaughtUp("payments_projection");
        client.run("REFRESH MATERIALIZED VIEW CONCURRENTLY mv_daily_revenue");
        assertThat(client.rows("SELECT currency, sum(revenue), sum(payments_count) FROM mv_daily_revenue GROUP BY 1"))
                .containsExactly("USD|398.00|20");
    }

    @Test
    void rebuild_empties_and_replays() throws SQLException {
        OrderProjections.createLog(client);
        OrderProjections.createSummary(client);
        for (int i = 1; i <= 30; i++) {
            events(client, i);
        }
        awaitCaughtUp("order_summary_projection");
        List<String> before = client.rows(
                "SELECT order_id, status, items_count, total_amount, last_event_id FROM read_order_summary ORDER BY 1");
        client.run("UPDATE read_order_summary SET items_count = 77 WHERE order_id = " + order(3));
        client.run("DELETE FROM read_order_summary WHERE order_id = " + order(4));
        client.run("SELECT runnel.rebuild_projection('order_summary_projection')");
        awaitCaughtUp("order_summary_projection");
        assertThat(
                        client.rows(
                                "SELECT order_id, status, items_count, total_amount, last_event_id FROM read_order_summary ORDER BY 1"))
                .isEqualTo(before)
                .hasSize(30);
    }

    @Test
    void added_column_is_filled_by_altered_handlers_and_a_rebuild() throws SQLException {
        OrderProjections.createLog(client);
        OrderProjections.createPayments(client);
        events(client, 1);
        awaitCaughtUp("payments_projection");
        client.run("ALTER TABLE fact_payments ADD COLUMN position bigint");
        client.run("""
                SELECT runnel.alter_projection('payments_projection', handlers => jsonb_build_object('PaymentCaptured', $sql$
                    INSERT INTO fact_payments (payment_id, order_id, customer_id, amount, currency, paid_at, position)
                    VALUES (event.event_id, event.order_id, (event.payload->>'customer_id')::uuid,
                        (event.payload->>'amount')::numeric, 'USD', event.occurred_at, event.position)$sql$))""");
        events(client, 2);
        awaitCaughtUp("payments_projection");
        assertThat(client.rows("SELECT position FROM fact_payments ORDER BY position NULLS FIRST"))
                .containsExactly("null", "8");
        client.run("SELECT runnel.rebuild_projection('payments_projection')");
        awaitCaughtUp("payments_projection");
        assertThat(client.rows("SELECT position FROM fact_payments ORDER BY position"))
                .containsExactly("4", "8");
    }

    @Test
    void users_are_projected_in_the_transaction_of_the_writer() throws SQLException {
        createUsers();
        client.begin();
        client.run(
                "insert into events (type, uuid, body) values ('user_create', " + USER + ", '{\"name\": \"blah\"}')");
        assertThat(users()).containsExactly("11111111-1111-1111-1111-111111111111|blah");
        client.run("ROLLBACK");
        assertThat(users()).isEmpty();
        client.run("insert into events (type, uuid, body) values ('user_create', " + USER + ", '{\"name\": \"blah\"}'),"
                + " ('user_update', " + USER + ", '{\"name\": \"vtha\"}'), ('user_create', " + OTHER
                + ", '{\"name\": \"toby\"}')");
        assertThat(users())
                .containsExactly(
                        "11111111-1111-1111-1111-111111111111|vtha", "22222222-2222-2222-2222-222222222222|toby");
        assertThat(client.rows("SELECT projection_name, last_processed_position FROM runnel.projection_checkpoint"))
                .containsExactly("users_projection|4");
        assertThat(client.rows(
                        "with t as (select *, row_number() over(partition by uuid order by inserted_at desc, id desc)"
                                + " as row_number from events where type = 'user_update')"
                                + " select uuid, body->>'name' as name from t where row_number = 1"))
                .containsExactly("11111111-1111-1111-1111-111111111111|vtha");
    }

    @Test
    void failing_handler_of_a_synchronous_projection_fails_its_writer() throws SQLException {
        createUsers();
        assertThatThrownBy(() -> client.run("insert into events (type, uuid, body) values ('user_create', " + USER
                        + ", '{\"nickname\": \"blah\"}')"))
                .hasMessageContaining("null value in column \"name\"");
        assertThat(client.rows("SELECT * FROM events")).isEmpty();
    }

    @Test
    void users_are_replayed_by_type_and_by_entity() throws SQLException {
        createUsers();
        client.run("insert into events (type, uuid, body) values ('user_create', " + USER + ", '{\"name\": \"blah\"}'),"
                + " ('user_create', " + OTHER + ", '{\"name\": \"toby\"}'), ('user_update', " + USER
                + ", '{\"name\": \"vtha\"}')");
        client.run("TRUNCATE users");
        client.run("SELECT runnel.replay_projection('users_projection', types => '{user_create}')");
        assertThat(users())
                .containsExactly(
                        "11111111-1111-1111-1111-111111111111|blah", "22222222-2222-2222-2222-222222222222|toby");
        client.run("TRUNCATE users");
        client.run("SELECT runnel.replay_projection('users_projection', entity => " + USER + ")");
        assertThat(users()).containsExactly("11111111-1111-1111-1111-111111111111|vtha");
        client.run("SELECT runnel.rebuild_projection('users_projection')");
        assertThat(users())
                .containsExactly(
                        "11111111-1111-1111-1111-111111111111|vtha", "22222222-2222-2222-2222-222222222222|toby");
        assertThat(client.rows("SELECT status, events_handled FROM runnel.projection_replays ORDER BY id"))
                .containsExactly("FINISHED|2", "FINISHED|2");
    }

    @Test
    void paused_synchronous_projection_catches_up_when_it_is_resumed() throws SQLException {
        createTables(client);
        client.run(
                "insert into events (type, uuid, body) values ('user_create', " + OTHER + ", '{\"name\": \"early\"}')");
        createProjection();
        assertThat(users()).containsExactly("22222222-2222-2222-2222-222222222222|early");
        client.run("SELECT runnel.pause_projection('users_projection')");
        client.run(
                "insert into events (type, uuid, body) values ('user_create', " + USER + ", '{\"name\": \"blah\"}')");
        assertThat(users()).containsExactly("22222222-2222-2222-2222-222222222222|early");
        client.run("SELECT runnel.resume_projection('users_projection')");
        assertThat(users())
                .containsExactly(
                        "11111111-1111-1111-1111-111111111111|blah", "22222222-2222-2222-2222-222222222222|early");
        client.run(
                "insert into events (type, uuid, body) values ('user_update', " + USER + ", '{\"name\": \"vtha\"}')");
        assertThat(users())
                .containsExactly(
                        "11111111-1111-1111-1111-111111111111|vtha", "22222222-2222-2222-2222-222222222222|early");
    }

    private void createUsers() throws SQLException {
        createTables(client);
        createProjection();
    }

    private List<String> users() throws SQLException {
        return client.rows("SELECT uuid, name FROM users ORDER BY uuid");
    }

    static void createTables(SqlClient client) throws SQLException {
        client.run("""
                CREATE TABLE "events" (
                    "id" serial primary key not null, "uuid" uuid NOT NULL, "type" text NOT NULL, "body" jsonb NOT NULL,
                    "inserted_at" timestamp(6) NOT NULL DEFAULT statement_timestamp());
                CREATE INDEX "idx_events_type" ON "events" (type ASC);
                CREATE INDEX "idx_events_uuid" ON "events" (uuid);
                CREATE INDEX "idx_events_inserted_at" ON "events" (inserted_at DESC);
                CREATE TABLE "users" (
                    "id" serial primary key not null, "uuid" uuid NOT NULL, "name" text NOT NULL,
                    "inserted_at" timestamp(6) NOT NULL DEFAULT 'NOW()', "updated_at" timestamp(6) NOT NULL DEFAULT 'NOW()');
                CREATE UNIQUE INDEX "users_uuid_index" ON "users" USING btree(uuid);
                create or replace function fn_project_user_create(uuid uuid, body jsonb) returns integer as $$
                declare result int;
                begin
                    insert into users(uuid, name, inserted_at, updated_at)
                    values(uuid, body->>'name', NOW(), NOW())
                    returning id into result;
                    return result;
                end;
                $$ language plpgsql security definer;
                create or replace function fn_project_user_update(uuid uuid, body jsonb) returns void as $$
                begin
                    update users SET name = body->>'name', updated_at = NOW()
                    where users.uuid = fn_project_user_update.uuid;
                end;
                $$ language plpgsql security definer;
                create or replace function fn_trigger_reject_update_or_delete() returns trigger as $$
                begin
                    RETURN NULL;
                end;
                $$ language plpgsql security definer;
                create trigger event_reject_update_or_delete before update or delete on events
                    for each row execute procedure fn_trigger_reject_update_or_delete()""");
    }

    private void createProjection() throws SQLException {
        client.run("""
                SELECT runnel.create_projection('users_projection', 'events', 'id', mode => 'SYNCHRONOUS',
                    type_column => 'type', entity_column => 'uuid', targets => ARRAY['users'],
                    handlers => jsonb_build_object(
                        'user_create', 'fn_project_user_create(event.uuid, event.body)',
                        'user_update', 'fn_project_user_update(event.uuid, event.body)'))""");
    }
}
