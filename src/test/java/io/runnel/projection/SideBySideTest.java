package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Rebuilds in copies of the target tables, which take their place. */
@QuarkusTest
class SideBySideTest extends ProjectionFixture {

    private static final String CONTENTS = "SELECT c.name, o.id, o.total FROM customers AS c JOIN orders AS o"
            + " ON o.customer_id = c.id ORDER BY o.id";
    private static final String STATUS = "SELECT status FROM runnel.projection_rebuilds";

    @BeforeEach
    void create() throws SQLException {
        client.run(
                "CREATE TABLE log (position bigserial PRIMARY KEY, kind text NOT NULL, id int, customer int, amount int)");
        client.run("CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL UNIQUE)");
        client.run(
                "CREATE TABLE orders (id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,"
                        + " total int NOT NULL, line bigint GENERATED ALWAYS AS IDENTITY, twice int GENERATED ALWAYS AS (total * 2) STORED)");
        client.run("CREATE INDEX orders_total ON orders (total) WHERE total > 0");
        client.run("CREATE VIEW totals AS SELECT customer_id, sum(total) AS total FROM orders GROUP BY customer_id");
        client.run("""
                SELECT runnel.create_projection('shop', 'log', 'position', type_column => 'kind',
                    targets => '{orders,customers}', batch_size => 10, handlers => jsonb_build_object(
                    'joined', $$INSERT INTO customers VALUES (event.customer, 'customer ' || event.customer)$$,
                    'ordered', $$INSERT INTO orders (id, customer_id, total) VALUES (event.id, event.customer, event.amount)
                        ON CONFLICT (id) DO UPDATE SET total = orders.total + excluded.total$$))""");
        client.run("INSERT INTO log (kind, customer) SELECT 'joined', i FROM generate_series(1, 5) AS i");
        client.run("INSERT INTO log (kind, id, customer, amount) SELECT 'ordered', i % 40, i % 40 % 5 + 1, i"
                + " FROM generate_series(1, 100) AS i");
        awaitCaughtUp("shop");
    }

    private static final String DOUBLED = "handlers => jsonb_build_object("
            + "'joined', $$INSERT INTO customers VALUES (event.customer, 'Customer ' || event.customer)$$,"
            + " 'ordered', $$INSERT INTO orders (id, customer_id, total) VALUES (event.id, event.customer, 2 * event.amount)"
            + " ON CONFLICT (id) DO UPDATE SET total = orders.total + excluded.total$$)";

    private void rebuild(String arguments) throws SQLException {
        client.run("SELECT runnel.rebuild_projection('shop', side_by_side => true" + arguments + ")");
    }

    private void awaitRebuild(String status) throws SQLException {
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = '" + status + "'");
    }

    private List<String> traces() throws SQLException {
        return client.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'runnel\\_shadow%'"
                + " UNION ALL SELECT tgname FROM pg_trigger WHERE tgname LIKE 'runnel\\_guard%'"
                + " UNION ALL SELECT proname FROM pg_proc WHERE proname ~ '^(guard|exchange)_[0-9]'"
                + " UNION ALL SELECT name FROM runnel_internal.projection WHERE rebuild_of IS NOT NULL");
    }

    @Test
    void same_handlers_lead_to_the_same_rows_without_writing_one() throws SQLException {
        String before = client.rows("SELECT md5(string_agg(xmin::text || ctid::text, ',' ORDER BY id)) FROM customers")
                .get(0);
        List<String> orders = client.rows("SELECT id, customer_id, total FROM orders ORDER BY id");
        rebuild("");
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT id, customer_id, total FROM orders ORDER BY id"))
                .isEqualTo(orders);
        assertThat(client.rows("SELECT md5(string_agg(xmin::text || ctid::text, ',' ORDER BY id)) FROM customers"))
                .containsExactly(before);
        client.run("SELECT runnel.finish_rebuild('shop')");
        assertThat(traces()).isEmpty();
    }

    @Test
    void new_handlers_take_their_place_with_all_events_and_can_be_rolled_back() throws SQLException {
        List<String> before = client.rows(CONTENTS);
        String table = client.rows("SELECT 'orders'::regclass::oid").get(0);
        rebuild(", " + DOUBLED);
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT 'orders'::regclass::oid")).containsExactly(table);
        assertThat(client.rows(CONTENTS))
                .isEqualTo(client.rows("SELECT 'Customer ' || max(customer), id, 2 * sum(amount) FROM log"
                        + " WHERE kind = 'ordered' GROUP BY id ORDER BY id"));
        assertThat(client.rows("SELECT sum(total) FROM totals"))
                .isEqualTo(client.rows("SELECT 2 * sum(amount) FROM log WHERE kind = 'ordered'"));
        client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 1000, 1, 7)");
        awaitCaughtUp("shop");
        assertThat(client.rows("SELECT total, twice FROM orders WHERE id = 1000"))
                .containsExactly("14|28");
        client.run("SELECT runnel.roll_back_rebuild('shop')");
        awaitRebuild("ROLLED_BACK");
        assertThat(client.rows(CONTENTS)).containsAll(before).contains("customer 1|1000|7");
        client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 1000, 1, 7)");
        awaitCaughtUp("shop");
        assertThat(client.rows("SELECT total FROM orders WHERE id = 1000")).containsExactly("14");
        client.run("SELECT runnel.finish_rebuild('shop')");
        assertThat(traces()).isEmpty();
        assertThatThrownBy(() -> client.run("SELECT runnel.roll_back_rebuild('shop')"))
                .hasMessageContaining("has no side-by-side rebuild");
    }

    @Test
    void cancelled_rebuild_leaves_no_trace() throws SQLException {
        List<String> before = client.rows(CONTENTS);
        rebuild(", handlers => jsonb_build_object('ordered', 'INSERT INTO customers VALUES (1, NULL)')");
        awaitRebuild("FAILED");
        assertThat(client.rows("SELECT last_error_code, failing_position FROM runnel.projection_rebuilds"))
                .containsExactly("23502|6");
        assertThat(client.rows("SELECT status FROM runnel.projections")).containsExactly("ACTIVE");
        assertThatThrownBy(() -> client.run("SELECT runnel.finish_rebuild('shop')"))
                .hasMessageContaining("under way");
        assertThatThrownBy(() -> rebuild("")).hasMessageContaining("has a side-by-side rebuild");
        client.run("SELECT runnel.cancel_rebuild('shop')");
        assertThat(traces()).isEmpty();
        assertThat(client.rows(CONTENTS)).isEqualTo(before);
        client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 1000, 1, 7)");
        awaitCaughtUp("shop");
        assertThat(client.rows("SELECT total FROM orders WHERE id = 1000")).containsExactly("7");
    }

    @Test
    void dropped_projection_takes_its_rebuild_along() throws SQLException {
        rebuild(", " + DOUBLED);
        awaitRebuild("EXCHANGED");
        client.run("SELECT runnel.drop_projection('shop')");
        assertThat(traces()).isEmpty();
        assertThat(client.rows("SELECT count(*) FROM orders")).containsExactly("40");
    }

    @Test
    void handler_that_reaches_a_target_itself_is_refused_or_stopped() throws SQLException {
        client.run("CREATE VIEW large AS SELECT * FROM orders WHERE total > 100");
        client.run("CREATE VIEW larger AS SELECT * FROM large");
        assertThatThrownBy(() -> rebuild(", handlers => jsonb_build_object('ordered',"
                        + " 'DELETE FROM customers USING larger WHERE larger.id = event.id')"))
                .hasMessageContaining("handler 1 reaches projected.orders through the view larger");
        assertThat(traces()).isEmpty();
        client.run(
                "CREATE FUNCTION direct(int) RETURNS void LANGUAGE sql AS 'DELETE FROM projected.orders WHERE id = $1'");
        List<String> before = client.rows(CONTENTS);
        rebuild(", handlers => jsonb_build_object('ordered', 'direct(event.id)')");
        awaitRebuild("FAILED");
        assertThat(client.rows("SELECT last_error FROM runnel.projection_rebuilds"))
                .containsExactly("a handler writes to projected.orders itself, and not to its copy");
        assertThat(client.rows(CONTENTS)).isEqualTo(before);
        client.run("SELECT runnel.cancel_rebuild('shop')");
    }

    @Test
    void handlers_may_name_targets_with_their_schema() throws SQLException {
        rebuild(", handlers => jsonb_build_object("
                + "'joined', $$INSERT INTO projected.customers VALUES (event.customer, 'projected.customers ' || event.customer)$$,"
                + " 'ordered', $$INSERT INTO \"projected\" . Orders AS orders (id, customer_id, total) -- into projected.orders\n"
                + " VALUES (event.id, event.customer, -event.amount)"
                + " ON CONFLICT (id) DO UPDATE SET total = orders.total + excluded.total$$)");
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT sum(total) FROM orders"))
                .isEqualTo(client.rows("SELECT -sum(amount) FROM log WHERE kind = 'ordered'"));
        assertThat(client.rows("SELECT name FROM customers ORDER BY 1 LIMIT 1"))
                .containsExactly("projected.customers 1");
        client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 1000, 1, 7)");
        awaitCaughtUp("shop");
        assertThat(client.rows("SELECT total FROM orders WHERE id = 1000")).containsExactly("-7");
        client.run("SELECT runnel.roll_back_rebuild('shop')");
        awaitRebuild("ROLLED_BACK");
        client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 1000, 1, 7)");
        awaitCaughtUp("shop");
        assertThat(client.rows("SELECT total FROM orders WHERE id = 1000")).containsExactly("14");
    }

    @Test
    void projection_goes_on_while_an_open_transaction_keeps_its_rebuild_from_catching_up() throws SQLException {
        try (SqlClient slow = client()) {
            slow.begin();
            slow.run("LOCK TABLE log IN ROW EXCLUSIVE MODE");
            client.run("INSERT INTO log (kind, customer) VALUES ('joined', 100)");
            rebuild("");
            for (int i = 0; i < 10; i++) {
                client.run("INSERT INTO log (kind, id, customer, amount) VALUES ('ordered', 2000, 1, 1)");
                client.run("SELECT pg_sleep(0.3)");
            }
            assertThat(client.rows(STATUS)).containsExactly("RUNNING");
            slow.run("ROLLBACK");
        }
        awaitCaughtUp("shop");
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT total FROM orders WHERE id = 2000")).containsExactly("10");
    }

    @Test
    void exchange_that_foreign_keys_forbid_fails_and_is_tried_again_when_resumed() throws SQLException {
        client.run("CREATE TABLE notes (order_id int REFERENCES orders)");
        client.run("INSERT INTO notes VALUES (3)");
        rebuild(", handlers => jsonb_build_object("
                + "'joined', $$INSERT INTO customers VALUES (event.customer, 'customer ' || event.customer)$$)");
        awaitRebuild("FAILED");
        assertThat(client.rows("SELECT last_error_code FROM runnel.projection_rebuilds"))
                .containsExactly("23503");
        assertThat(client.rows("SELECT count(*) FROM orders")).containsExactly("40");
        client.run("DELETE FROM notes");
        client.run("SELECT runnel.resume_rebuild('shop')");
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT count(*) FROM orders")).containsExactly("0");
    }

    @Test
    void owner_without_further_rights_rebuilds_what_is_his() throws SQLException {
        client.run("CREATE ROLE rebuilder");
        client.run("GRANT USAGE, CREATE ON SCHEMA projected TO rebuilder; GRANT SELECT ON log TO rebuilder");
        try (SqlClient owner = client()) {
            owner.run("SET ROLE rebuilder");
            owner.run("CREATE TABLE mine (position bigint PRIMARY KEY, who text)");
            owner.run("SELECT runnel.create_projection('mine', 'log', 'position', targets => '{mine}',"
                    + " default_handler => 'INSERT INTO mine VALUES (event.position, current_user)')");
            awaitCaughtUp("mine");
            owner.run("SELECT runnel.rebuild_projection('mine', side_by_side => true,"
                    + " default_handler => 'INSERT INTO mine VALUES (event.position, upper(current_user))')");
            owner.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED'");
            assertThat(owner.rows("SELECT who, count(*) FROM mine GROUP BY who"))
                    .containsExactly("REBUILDER|105");
            assertThatThrownBy(() -> owner.run("SELECT runnel.rebuild_projection('shop', side_by_side => true)"))
                    .hasMessageContaining("must be owner of projection shop");
            String shop = client.rows("SELECT id FROM runnel.projections WHERE name = 'shop'")
                    .get(0);
            assertThatThrownBy(() -> owner.run("SELECT runnel_internal.make_shadow_schema(" + shop + ")"))
                    .hasMessageContaining("a projection is rebuilt by its owner");
            owner.run("SELECT runnel.finish_rebuild('mine')");
            owner.run("SELECT runnel.drop_projection('mine')");
            owner.run("RESET ROLE");
        }
        client.run("DROP OWNED BY rebuilder; DROP ROLE rebuilder");
    }

    @Test
    void tables_without_a_key_are_exchanged_row_by_row() throws SQLException {
        client.run("CREATE TABLE lines (what text, amount numeric)");
        client.run("SELECT runnel.create_projection('lines', 'log', 'position', targets => '{lines}',"
                + " default_handler => 'INSERT INTO lines VALUES (event.kind, event.amount % 3)')");
        awaitCaughtUp("lines");
        client.run("SELECT runnel.rebuild_projection('lines', side_by_side => true,"
                + " default_handler => 'INSERT INTO lines VALUES (event.kind, event.amount % 2)')");
        awaitRebuild("EXCHANGED");
        assertThat(client.rows("SELECT * FROM lines ORDER BY 1, 2"))
                .isEqualTo(client.rows("SELECT kind, amount % 2 FROM log ORDER BY 1, 2"));
        client.run("SELECT runnel.roll_back_rebuild('lines')");
        awaitRebuild("ROLLED_BACK");
        assertThat(client.rows("SELECT * FROM lines ORDER BY 1, 2"))
                .isEqualTo(client.rows("SELECT kind, amount % 3 FROM log ORDER BY 1, 2"));
    }

    @Test
    void what_cannot_be_copied_is_refused_before_anything_is_made() throws SQLException {
        client.run("CREATE TABLE parts (id int) PARTITION BY RANGE (id)");
        client.run("SELECT runnel.create_projection('parts', 'log', 'position', targets => '{parts}',"
                + " default_handler => 'INSERT INTO parts VALUES (event.id)', start_from => 'NOW')");
        assertThatThrownBy(() -> client.run("SELECT runnel.rebuild_projection('parts', side_by_side => true)"))
                .hasMessageContaining("parts cannot be rebuilt side by side: it is partitioned");
        client.run("ALTER TABLE orders ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY");
        assertThatThrownBy(() -> rebuild("")).hasMessageContaining("row-level security hides rows from its owner");
        assertThat(traces()).isEmpty();
        assertThat(client.rows(STATUS)).isEmpty();
    }
}
