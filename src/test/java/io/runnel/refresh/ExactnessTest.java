package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Stream tables under concurrent writers of every kind. The service compares each refresh with the query at the
 * refresh's own snapshot ({@code runnel.refresh.verify}) and suspends the table if they differ; at the end each table is
 * compared once more. The seed is printed; give {@code -Dexactness.seed} and {@code -Dexactness.seconds} to repeat or to
 * run longer.
 */
@QuarkusTest
class ExactnessTest {

    private static final long SEED = Long.getLong("exactness.seed", System.nanoTime());
    private static final int SECONDS = Integer.getInteger("exactness.seconds", 12);
    private static final int WRITERS = 4;

    private static final Map<String, String> QUERIES = queries();

    @Inject
    DataSource database;

    private static Map<String, String> queries() {
        Map<String, String> queries = new LinkedHashMap<>();
        queries.put("by_region", """
                SELECT region, count(*) AS n, count(amount) AS amounts, sum(amount) AS total, avg(amount) AS mean,
                  min(amount) AS least, max(quantity) AS most, sum(quantity) FILTER (WHERE quantity > 2) AS big,
                  bool_or(quantity > 4) AS some, bool_and(quantity > 0) AS every, count(DISTINCT customer_id) AS customers,
                  avg(quantity) AS mean_quantity
                FROM exact_orders GROUP BY region""");
        queries.put("by_tier", """
                SELECT c.tier, count(*) AS n, sum(o.amount) AS total, max(o.amount) - min(o.amount) AS spread
                FROM exact_orders o JOIN exact_customers c ON c.id = o.customer_id
                WHERE o.quantity <> 3 GROUP BY c.tier HAVING count(*) > 1""");
        queries.put("overall", "SELECT count(*) AS n, sum(amount) AS total, max(quantity) AS most FROM exact_orders");
        queries.put("details", """
                SELECT o.id, c.id AS customer, c.name, o.amount * 2 AS doubled
                FROM exact_orders o JOIN exact_customers c ON c.id = o.customer_id""");
        queries.put("duplicates", "SELECT region, quantity FROM exact_orders WHERE quantity > 1");
        queries.put("numbers", "SELECT DISTINCT amount FROM exact_orders");
        queries.put("pairs", """
                SELECT a.id AS a, b.id AS b FROM exact_customers a JOIN exact_customers b ON a.tier = b.tier AND a.id < b.id""");
        queries.put("everyone", """
                SELECT name AS label FROM exact_customers UNION ALL SELECT region FROM exact_orders WHERE quantity = 2""");
        queries.put("collected", """
                SELECT region, array_agg(quantity ORDER BY quantity, id) AS quantities, sum(amount::float8 * 0) AS zero
                FROM exact_orders GROUP BY region""");
        queries.put("top_regions", "SELECT n, count(*) AS regions FROM exact_by_region GROUP BY n");
        queries.put("nested", """
                WITH per AS (SELECT customer_id, sum(quantity) AS q FROM exact_orders GROUP BY customer_id)
                SELECT c.tier, count(*) AS n, sum(p.q) AS q FROM per p JOIN exact_customers c ON c.id = p.customer_id
                GROUP BY c.tier""");
        queries.put("outer_joined", """
                SELECT c.id, o.amount FROM exact_customers c LEFT JOIN exact_orders o ON o.customer_id = c.id""");
        return queries;
    }

    @Test
    void every_refresh_equals_the_query_at_its_own_snapshot_under_concurrent_writers() throws Exception {
        System.out.println("exactness.seed=" + SEED);
        create();
        long end = System.nanoTime() + SECONDS * 1_000_000_000L;
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Future<Integer>> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Callable<Integer> writer = new Writer(database, new Random(SEED + i), end, i);
            writers.add(threads.submit(writer));
        }
        int transactions = 0;
        for (Future<Integer> writer : writers) {
            transactions += writer.get();
        }
        threads.shutdown();
        for (String name : QUERIES.keySet()) {
            sql("CALL runnel.sync('exact_" + name + "', '60s')");
        }
        assertThat(transactions).isGreaterThan(10);
        assertThat(rows("SELECT table_name, reason, error FROM runnel.refresh_history WHERE mode = 'FAILED'"
                        + " AND table_name LIKE 'exact%'"))
                .isEmpty();
        for (Map.Entry<String, String> query : QUERIES.entrySet()) {
            String table = "exact_" + query.getKey();
            assertThat(rows("(SELECT t::text FROM " + table + " t EXCEPT ALL SELECT whole::text FROM ("
                            + query.getValue()
                            + ") whole) UNION ALL (SELECT whole::text FROM (" + query.getValue()
                            + ") whole EXCEPT ALL SELECT t::text FROM " + table + " t)"))
                    .as(table)
                    .isEmpty();
            String wanted = query.getKey().equals("outer_joined") ? "FULL" : "DIFFERENTIAL";
            assertThat(rows("SELECT effective_mode FROM runnel.stream_tables WHERE table_name = '" + table + "'"))
                    .as(table)
                    .containsExactly(wanted);
        }
        assertThat(rows("SELECT DISTINCT h.table_name FROM runnel.refresh_history h WHERE h.mode = 'DIFFERENTIAL'"
                        + " AND h.table_name LIKE 'exact%'"))
                .hasSize(QUERIES.size() - 1);
        List<String> names = new ArrayList<>(QUERIES.keySet());
        java.util.Collections.reverse(names);
        for (String name : names) {
            sql("SELECT runnel.drop_stream_table('exact_" + name + "')");
        }
        sql("DROP TABLE exact_orders, exact_customers");
    }

    private void create() throws SQLException {
        sql("CREATE TABLE exact_customers (id int PRIMARY KEY, name text, tier int)");
        sql("CREATE TABLE exact_orders (id bigserial PRIMARY KEY, customer_id int NOT NULL, region text,"
                + " amount numeric, quantity int, note text)");
        sql("INSERT INTO exact_customers SELECT i, 'name ' || i % 7, i % 4 FROM generate_series(1, 40) i");
        sql("INSERT INTO exact_orders (customer_id, region, amount, quantity)"
                + " SELECT 1 + i % 40, 'r' || i % 5, i * 1.5, i % 6 FROM generate_series(1, 500) i");
        int i = 0;
        for (Map.Entry<String, String> query : QUERIES.entrySet()) {
            String schedule = i++ % 2 == 0 ? "on-change" : "100ms";
            sql("SELECT runnel.create_stream_table('exact_" + query.getKey() + "', $query$" + query.getValue()
                    + "$query$, '" + schedule + "')");
            sql("CALL runnel.sync('exact_" + query.getKey() + "', '60s')");
        }
    }

    private void sql(String statement) throws SQLException {
        try (Connection connection = database.getConnection();
                Statement session = connection.createStatement()) {
            session.execute(statement);
        }
    }

    private List<String> rows(String query) throws SQLException {
        try (Connection connection = database.getConnection();
                Statement session = connection.createStatement();
                ResultSet result = session.executeQuery(query)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                StringBuilder row = new StringBuilder();
                for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
                    row.append(i > 1 ? " | " : "").append(result.getString(i));
                }
                rows.add(row.toString());
            }
            return rows;
        }
    }
}
