package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;

/** Two tables, to which {@link Writer} writes, and stream tables of every kind over them. */
final class ExactnessTables {

    private static final Map<String, String> QUERIES = queries();

    private final DataSource database;

    ExactnessTables(DataSource database) {
        this.database = database;
    }

    void create() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run("CREATE TABLE exact_customers (id int PRIMARY KEY, name text, tier int)");
            client.run("CREATE TABLE exact_orders (id bigserial PRIMARY KEY, customer_id int NOT NULL, region text,"
                    + " amount numeric, quantity int, note text)");
            client.run("INSERT INTO exact_customers SELECT i, 'name ' || i % 7, i % 4 FROM generate_series(1, 40) i");
            client.run("INSERT INTO exact_orders (customer_id, region, amount, quantity)"
                    + " SELECT 1 + i % 40, 'r' || i % 5, i * 1.5, i % 6 FROM generate_series(1, 500) i");
            int i = 0;
            for (Map.Entry<String, String> query : QUERIES.entrySet()) {
                String schedule = i++ % 2 == 0 ? "on-change" : "100ms";
                client.run("SELECT runnel.create_stream_table('exact_" + query.getKey() + "', $query$"
                        + query.getValue() + "$query$, '" + schedule + "')");
                client.run("CALL runnel.sync('exact_" + query.getKey() + "', '60s')");
            }
        }
    }

    /** Brings every table up to date and compares it with its query. No refresh has ever failed. */
    void assertEqual() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            for (String name : QUERIES.keySet()) {
                client.run("CALL runnel.sync('exact_" + name + "', '60s')");
            }
            assertThat(client.rows("SELECT table_name, reason, error FROM runnel.refresh_history WHERE mode = 'FAILED'"
                            + " AND table_name LIKE 'exact%'"))
                    .isEmpty();
            for (Map.Entry<String, String> query : QUERIES.entrySet()) {
                String table = "exact_" + query.getKey();
                client.assertEquals(table, query.getValue());
                assertThat(client.effectiveMode(table)).as(table).isEqualTo("DIFFERENTIAL");
            }
            assertThat(client.rows("SELECT status FROM runnel.stream_tables WHERE table_name LIKE 'exact%'"))
                    .hasSize(QUERIES.size())
                    .containsOnly("ACTIVE");
            assertThat(client.rows("SELECT DISTINCT table_name FROM runnel.refresh_history"
                            + " WHERE mode = 'DIFFERENTIAL' AND table_name LIKE 'exact%'"))
                    .hasSize(QUERIES.size());
        }
    }

    void drop() throws SQLException {
        List<String> names = new ArrayList<>(QUERIES.keySet());
        Collections.reverse(names);
        try (SqlClient client = new SqlClient(database)) {
            for (String name : names) {
                client.run("SELECT runnel.drop_stream_table('exact_" + name + "')");
            }
            client.run("DROP TABLE exact_orders, exact_customers");
        }
    }

    private static Map<String, String> queries() {
        Map<String, String> queries = new LinkedHashMap<>();
        queries.put("ranked", """
                SELECT id, region, rank() OVER (PARTITION BY region ORDER BY amount DESC NULLS LAST, id) AS place
                FROM exact_orders""");
        queries.put("top", "SELECT id, amount FROM exact_orders ORDER BY amount DESC NULLS LAST, id LIMIT 7");
        queries.put("buyers", """
                SELECT c.id, c.name FROM exact_customers c
                WHERE EXISTS (SELECT FROM exact_orders o WHERE o.customer_id = c.id AND o.amount > 1)""");
        queries.put("others", """
                SELECT o.id, o.customer_id NOT IN (SELECT c.id FROM exact_customers c WHERE c.tier > 1) AS other
                FROM exact_orders o""");
        queries.put("latest", """
                SELECT c.id, l.id AS order_id, (SELECT max(o.amount) FROM exact_orders o WHERE o.customer_id = c.id) AS most
                FROM exact_customers c
                LEFT JOIN LATERAL (SELECT o.id FROM exact_orders o WHERE o.customer_id = c.id ORDER BY o.id DESC LIMIT 2) l
                  ON true""");
        queries.put("cube", """
                SELECT region, customer_id, count(*) AS n FROM exact_orders GROUP BY CUBE (region, customer_id)""");
        queries.put("unnamed", "SELECT region FROM exact_orders EXCEPT SELECT name FROM exact_customers");
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
}
