package io.runnel;

import static io.runnel.Tutorial.CUSTOMER;
import static io.runnel.Tutorial.NEW_PROJECTION;
import static io.runnel.Tutorial.ORDER;
import static io.runnel.Tutorial.QUERIES;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
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

    @Inject
    DataSource database;

    private SqlClient client;
    private Tutorial tutorial;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        tutorial = new Tutorial(client, client::sync);
        tutorial.createEventLog();
        create("current_order_state", "5s", "DIFFERENTIAL", query("current_order_state"));
        client.run("CREATE INDEX ON current_order_state (order_id)");
        client.run("CREATE INDEX ON current_order_state (customer_id, placed_at DESC)");
        client.run("CREATE INDEX ON current_order_state (status, placed_at DESC)");
        create("customer_lifetime_value", "10s", "DIFFERENTIAL", query("customer_lifetime_value"));
        client.run("CREATE INDEX ON customer_lifetime_value (customer_id)");
        client.run("CREATE INDEX ON customer_lifetime_value (net_revenue DESC)");
        create("inventory_levels", "5s", "DIFFERENTIAL", query("inventory_levels"));
        client.run("CREATE INDEX ON inventory_levels (product_id)");
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT pgtrickle.drop_stream_table('inventory_levels')");
        client.run("SELECT pgtrickle.drop_stream_table('customer_lifetime_value')");
        client.run("SELECT pgtrickle.drop_stream_table('current_order_state')");
        tutorial.dropEventLog();
        client.close();
    }

    @Test
    void each_read_model_equals_its_query_after_each_sample_event() throws SQLException {
        tutorial.assertAllEqual();
        tutorial.sampleEvents();
        tutorial.furtherEvents();
        assertThat(client.rows("SELECT status FROM current_order_state ORDER BY order_id"))
                .containsExactly("delivered", "cancelled");
        assertMaintainedDifferentially();
    }

    @Test
    void read_queries_answer_what_the_sample_events_say() throws SQLException {
        tutorial.sampleEvents();
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
        tutorial.assertAllEqual();
    }

    @Test
    void update_and_delete_of_events_change_nothing() throws SQLException {
        tutorial.sampleEvents();
        client.run("UPDATE order_events SET amount = 0");
        client.run("DELETE FROM order_events");
        assertThat(client.rows("SELECT count(*), sum(amount) FROM order_events"))
                .containsExactly("4|5196.00");
        tutorial.assertAllEqual();
    }

    @Test
    void reinitialized_read_model_is_filled_anew_and_then_goes_on_differentially() throws SQLException {
        tutorial.sampleEvents();
        int before = client.modes("current_order_state").size();
        client.run("SELECT pgtrickle.reinitialize_stream_table('current_order_state')");
        client.awaitRow("SELECT FROM runnel.refresh_history WHERE table_name = 'current_order_state' AND mode = 'FULL'"
                + " OFFSET 1");
        tutorial.assertAllEqual();
        tutorial.delivered();
        List<String> modes = client.modes("current_order_state");
        assertThat(modes.subList(before, modes.size())).contains("FULL", "DIFFERENTIAL");
        assertThat(modes.get(modes.size() - 1)).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void new_projection_is_backfilled_in_full_and_then_maintained_differentially() throws SQLException {
        tutorial.sampleEvents();
        create("new_projection", "5s", "FULL", NEW_PROJECTION);
        client.awaitRow("SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'new_projection'"
                + " AND status = 'ACTIVE' AND last_refresh_at IS NOT NULL");
        client.assertEquals("new_projection", NEW_PROJECTION);
        assertThat(client.effectiveMode("new_projection")).isEqualTo("FULL");
        client.run("SELECT pgtrickle.alter_stream_table('new_projection', refresh_mode => 'DIFFERENTIAL')");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'new_projection'"
                + " AND status = 'ACTIVE' AND effective_mode = 'DIFFERENTIAL'");
        tutorial.assertEqual("new_projection", NEW_PROJECTION);
        client.run("INSERT INTO order_events (event_type, order_id, customer_id, amount) VALUES ('REFUNDED', " + ORDER
                + ", " + CUSTOMER + ", 1.25)");
        tutorial.assertEqual("new_projection", NEW_PROJECTION);
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
        tutorial.sampleEvents();
    }

    private void create(String name, String schedule, String mode, String query) throws SQLException {
        client.run("SELECT pgtrickle.create_stream_table(name => '" + name + "', query => $query$" + query
                + "$query$, schedule => '" + schedule + "', refresh_mode => '" + mode + "')");
    }

    private static String query(String name) {
        return requireNonNull(QUERIES.get(name));
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
