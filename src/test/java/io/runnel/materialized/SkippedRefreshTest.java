package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A refresh is left out when nothing has changed, and never when something has. */
@QuarkusTest
class SkippedRefreshTest extends ViewFixture {

    private static final int ROUNDS = 150;
    private static final int WRITERS = 4;

    private static final String TOUCHES = "SELECT count(*) FROM runnel_internal.touch"
            + " JOIN runnel_internal.touched_source ON id = source_id WHERE relation = 'orders'::regclass";

    private void create() throws SQLException {
        create("totals", TOTALS, "'{20ms}', unique_key => '{customer}'");
    }

    private void awaitSkipped() throws SQLException {
        long skipped = Long.parseLong(one("totals", "skipped"));
        await("totals", "skipped > " + (skipped + 2));
    }

    private String refreshes() throws SQLException {
        return one("totals", "refreshes");
    }

    @Test
    void unchanged_sources_cost_no_refresh_and_advance_the_frontier() throws SQLException {
        create();
        awaitSkipped();
        String refreshes = refreshes();
        client.run("CREATE TABLE unrelated AS SELECT 1 AS a");
        client.run("UPDATE orders SET amount = 1 WHERE false");
        client.run("ANALYZE orders");
        client.run("CREATE INDEX ON orders (customer)");
        awaitCurrent("totals");
        awaitSkipped();
        assertThat(refreshes()).isEqualTo(refreshes);
        assertThat(client.rows("SELECT kind FROM runnel.materialized_view_history"))
                .containsExactly("PLAIN");
        assertThat(one("totals", "coalesce(never_skipped_because, 'skips')")).isEqualTo("skips");
        assertThat(client.rows("SELECT source_name, watched FROM runnel.materialized_view_dependencies"))
                .containsExactly("orders|t");
    }

    @Test
    void every_kind_of_write_is_seen() throws SQLException {
        client.run("CREATE TABLE copy (LIKE orders)");
        create();
        for (String write : List.of(
                "INSERT INTO orders (customer, amount) VALUES ('x', 1)",
                "UPDATE orders SET amount = amount + 1",
                "DELETE FROM orders WHERE customer = 'x'",
                "MERGE INTO orders USING (VALUES (900)) AS v (id) ON v.id = orders.id"
                        + " WHEN NOT MATCHED THEN INSERT VALUES (v.id, 'm', 3)",
                "INSERT INTO orders (id, customer) VALUES (900, 'y') ON CONFLICT (id) DO UPDATE SET amount = 77",
                "WITH gone AS (DELETE FROM orders WHERE id = 900 RETURNING id) SELECT count(*) FROM gone",
                "BEGIN; SAVEPOINT a; DELETE FROM orders; ROLLBACK TO a; SAVEPOINT b; UPDATE orders SET amount = 5;"
                        + " RELEASE b; COMMIT",
                "TRUNCATE orders",
                "SET session_replication_role = replica; INSERT INTO orders (customer, amount) VALUES ('r', 1);"
                        + " RESET session_replication_role")) {
            client.run(write);
            awaitCurrent("totals");
            client.assertEquals("totals", TOTALS);
        }
    }

    @Test
    void what_fires_no_trigger_is_seen() throws SQLException {
        client.run("CREATE VIEW paid AS SELECT * FROM orders WHERE amount > 0");
        client.run("CREATE MATERIALIZED VIEW names AS SELECT DISTINCT customer FROM orders");
        String query = "SELECT customer, sum(amount) AS total FROM paid JOIN names USING (customer) GROUP BY customer";
        create("totals", query, "'{20ms}'");
        awaitSkipped();
        for (String change : List.of(
                "CREATE OR REPLACE VIEW paid AS SELECT * FROM orders WHERE amount > 4",
                "INSERT INTO orders (customer, amount) VALUES ('n', 50); REFRESH MATERIALIZED VIEW names",
                "CREATE UNIQUE INDEX ON names (customer); INSERT INTO orders (customer, amount) VALUES ('o', 50);",
                "REFRESH MATERIALIZED VIEW CONCURRENTLY names",
                "ALTER TABLE orders DISABLE TRIGGER ALL; DELETE FROM orders WHERE customer = 'n';"
                        + " ALTER TABLE orders ENABLE TRIGGER ALL",
                "UPDATE orders SET amount = amount * 3")) {
            client.run(change);
            awaitCurrent("totals");
            client.assertEquals("totals", query);
            awaitSkipped();
        }
        String before = refreshes();
        client.run("ALTER TABLE orders ADD COLUMN note text DEFAULT 'x'");
        await("totals", "refreshes > " + before);
    }

    @Test
    void contents_that_somebody_else_refreshed_from_an_older_snapshot_are_not_trusted() throws SQLException {
        create();
        try (SqlClient slow = client()) {
            slow.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
            slow.rows("SELECT count(*) FROM orders");
            client.run("INSERT INTO orders (customer, amount) VALUES ('late', 1)");
            awaitCurrent("totals");
            slow.run("REFRESH MATERIALIZED VIEW totals");
            slow.commit();
        }
        client.awaitRow("SELECT FROM totals WHERE customer = 'late'");
        client.assertEquals("totals", TOTALS);
    }

    @Test
    void writers_that_commit_in_any_order_are_all_seen() throws SQLException {
        create();
        long seed = System.nanoTime();
        Random random = new Random(seed);
        List<SqlClient> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            writers.add(client());
        }
        boolean[] open = new boolean[WRITERS];
        for (int round = 0; round < ROUNDS; round++) {
            int chosen = random.nextInt(WRITERS);
            SqlClient writer = writers.get(chosen);
            if (open[chosen] && random.nextBoolean()) {
                writer.run(random.nextInt(4) == 0 ? "ROLLBACK" : "COMMIT");
                open[chosen] = false;
                if (random.nextInt(3) == 0) {
                    awaitCurrent("totals");
                    client.assertEquals("totals", TOTALS);
                }
                continue;
            }
            if (!open[chosen]) {
                writer.run(random.nextBoolean() ? "BEGIN" : "BEGIN ISOLATION LEVEL SERIALIZABLE");
                open[chosen] = true;
            }
            writer.run("INSERT INTO orders (customer, amount) VALUES ('" + (char) ('a' + random.nextInt(5)) + "', "
                    + random.nextInt(100) + ")");
        }
        for (int i = 0; i < WRITERS; i++) {
            if (open[i]) {
                writers.get(i).run("COMMIT");
            }
            writers.get(i).close();
        }
        awaitCurrent("totals");
        assertThat(client.rows("(TABLE totals EXCEPT " + TOTALS + ") UNION ALL (" + TOTALS + " EXCEPT TABLE totals)"))
                .as("seed " + seed)
                .isEmpty();
        awaitSkipped();
        client.run("SELECT runnel_internal.maintain_views()");
        assertThat(client.rows(TOUCHES)).containsExactly("0");
    }

    @Test
    void too_many_recorded_writers_cost_one_refresh() throws SQLException {
        create("totals", TOTALS, "'{manual}'");
        for (int i = 0; i < 12; i++) {
            client.run("INSERT INTO orders (customer, amount) VALUES ('a', 1)");
        }
        assertThat(client.rows(TOUCHES)).containsExactly("12");
        client.run("SELECT runnel_internal.maintain_views(10)");
        assertThat(client.rows(TOUCHES)).containsExactly("0");
        client.run("SELECT runnel.alter_materialized_view('totals', '{20ms}')");
        awaitCurrent("totals");
        client.assertEquals("totals", TOTALS);
        awaitSkipped();
    }

    @Test
    void what_cannot_be_proven_is_never_skipped() throws SQLException {
        client.run("CREATE UNLOGGED TABLE quick (a int)");
        client.run("CREATE TABLE parted (a int) PARTITION BY LIST (a)");
        client.run("CREATE TABLE secured (a int); ALTER TABLE secured ENABLE ROW LEVEL SECURITY");
        client.run("CREATE FUNCTION spy(int) RETURNS bigint IMMUTABLE LANGUAGE sql AS 'SELECT count(*) FROM orders'");
        client.run("CREATE VIEW hidden AS SELECT now() AS at, id FROM orders");
        assertReason("SELECT current_date AS d", "contains the time");
        assertReason("SELECT id FROM hidden WHERE at > '2020-01-01'", "function now tells the time");
        assertReason("SELECT random() AS r", "function random is volatile");
        assertReason("SELECT spy(1) AS n", "spy may read tables");
        assertReason("SELECT * FROM quick", "unlogged table viewed.quick");
        assertReason("SELECT * FROM parted", "viewed.parted is partitioned");
        assertReason("SELECT * FROM secured", "viewed.secured has row-level security");
        assertReason("SELECT ('{' || customer || '}')::timestamptz[] AS d FROM orders", "text as a time");
        assertReason(
                "SELECT r.at FROM orders, jsonb_to_record(to_jsonb(orders)) AS r (at timestamptz)",
                "function jsonb_to_record");
        assertReason("SELECT to_tsvector(customer) AS v FROM orders", "function to_tsvector");
        assertReason("SELECT to_tsvector('english', customer) AS v FROM orders", "names of objects");
        assertReason("SELECT relname FROM pg_class", "pg_class is a system catalog");
        assertReason("SELECT customer::date AS d FROM orders", "text as a time");
        assertReason("SELECT pg_relation_size(id::oid) AS s FROM orders", "function pg_relation_size");
        create("always", "SELECT count(*) AS n FROM parted", "'{20ms}'");
        await("always", "refreshes > 3 AND skipped = 0");
        create("blind", TOTALS, "'{20ms}', skip_unchanged => false");
        await("blind", "refreshes > 3 AND skipped = 0 AND never_skipped_because IS NULL");
        assertThat(client.rows("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'runnel\\_touch%'"))
                .containsExactly("0");
    }

    private void assertReason(String query, String expected) throws SQLException {
        client.run("SELECT runnel.create_materialized_view('probe', $query$" + query + "$query$, '{manual}')");
        assertThat(one("probe", "never_skipped_because")).as(query).contains(expected);
        client.run("SELECT runnel.drop_materialized_view('probe')");
    }
}
