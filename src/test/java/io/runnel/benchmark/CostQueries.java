package io.runnel.benchmark;

import java.util.List;

/**
 * For each operator a query that stands for it, over tables indexed as a user would: {@code orders} and {@code items} of
 * the given number of rows, {@code customers} and {@code products} of a tenth, {@code blocked} of a thousandth.
 */
final class CostQueries {

    record CostQuery(String name, String sql) {}

    private CostQueries() {}

    static final List<CostQuery> ALL = List.of(
            query("scan", "SELECT id, customer_id, status, amount FROM orders"),
            query("filter", "SELECT id, amount FROM orders WHERE status = 'paid'"),
            query("projection without key", "SELECT status, amount * 2 AS twice FROM orders"),
            query("join", "SELECT o.id, o.amount, c.name FROM orders o JOIN customers c ON c.id = o.customer_id"),
            query("range join", """
                    SELECT o.id, o.amount, t.tier FROM orders o
                    JOIN tiers t ON o.amount >= t.low AND o.amount < t.high"""),
            query("join of 5", """
                    SELECT i.id, o.amount, c.name, p.category, r.name AS region FROM items i
                    JOIN orders o ON o.id = i.order_id JOIN customers c ON c.id = o.customer_id
                    JOIN products p ON p.id = i.product_id JOIN regions r ON r.id = c.region_id"""),
            query("join of 8", """
                    SELECT i.id, o.amount, c.name, p.category, r.name AS region, f.name AS friend, a.name AS area,
                      q.amount AS previous
                    FROM items i JOIN orders o ON o.id = i.order_id JOIN customers c ON c.id = o.customer_id
                    JOIN products p ON p.id = i.product_id JOIN regions r ON r.id = c.region_id
                    JOIN customers f ON f.id = c.friend_id JOIN regions a ON a.id = f.region_id
                    JOIN orders q ON q.id = o.previous_id"""),
            query(
                    "left join",
                    "SELECT o.id, o.amount, i.quantity FROM orders o LEFT JOIN items i ON i.order_id = o.id"),
            query(
                    "full join",
                    "SELECT o.id, o.amount, i.id AS item FROM orders o FULL JOIN items i ON i.order_id = o.id"),
            query("left join below aggregate", """
                    SELECT c.id, count(o.id) AS n, sum(o.amount) AS total
                    FROM customers c LEFT JOIN orders o ON o.customer_id = c.id GROUP BY c.id"""),
            query("exists", """
                    SELECT o.id, o.amount FROM orders o
                    WHERE EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id AND i.quantity > 5)"""),
            query("not exists, under or", """
                    SELECT o.id, o.amount FROM orders o
                    WHERE o.amount > 990 OR NOT EXISTS (SELECT 1 FROM items i WHERE i.order_id = o.id)"""),
            query("in", "SELECT id FROM orders WHERE customer_id IN (SELECT id FROM customers WHERE credit < 10)"),
            query("not in", "SELECT id FROM orders WHERE customer_id NOT IN (SELECT customer_id FROM blocked)"),
            query("scalar subquery", """
                    SELECT c.id, (SELECT max(o.amount) FROM orders o WHERE o.customer_id = c.id) AS most
                    FROM customers c"""),
            query("nested subqueries", """
                    SELECT c.id FROM customers c
                    WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.id AND o.amount >
                      (SELECT avg(i.quantity) FROM items i WHERE i.order_id = o.id AND i.product_id <> c.friend_id))"""),
            query("distinct", "SELECT DISTINCT customer_id, status FROM orders"),
            query("union", "SELECT customer_id FROM orders UNION SELECT id FROM customers"),
            query("intersect", "SELECT customer_id FROM orders INTERSECT SELECT id FROM customers"),
            query("except all", "SELECT order_id FROM items EXCEPT ALL SELECT id FROM orders"),
            query("aggregate", "SELECT status, count(*) AS n, sum(amount) AS total FROM orders GROUP BY status"),
            query(
                    "aggregate, many groups",
                    "SELECT customer_id, count(*) AS n, sum(amount) AS total FROM orders GROUP BY customer_id"),
            query(
                    "min, max",
                    "SELECT customer_id, min(amount) AS least, max(amount) AS most FROM orders GROUP BY customer_id"),
            query("count distinct", "SELECT customer_id, count(DISTINCT status) AS n FROM orders GROUP BY customer_id"),
            query("recomputed aggregate", """
                    SELECT customer_id, string_agg(status, ',' ORDER BY id) AS states, stddev(amount) AS spread
                    FROM orders GROUP BY customer_id"""),
            query("having with subquery", """
                    SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id
                    HAVING sum(amount) > (SELECT c.credit FROM customers c WHERE c.id = customer_id)"""),
            query("grouping sets", """
                    SELECT customer_id, status, count(*) AS n, sum(amount) AS total FROM orders
                    GROUP BY ROLLUP (customer_id, status)"""),
            query("aggregate of aggregate", """
                    SELECT n, count(*) AS customers FROM
                    (SELECT customer_id, count(*) AS n FROM orders GROUP BY customer_id) q GROUP BY n"""),
            query("join with aggregate", """
                    SELECT o.id, o.amount, q.total FROM orders o
                    JOIN (SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id) q
                    ON q.customer_id = o.customer_id"""),
            query("two aggregates joined", """
                    SELECT a.customer_id, a.total, b.items FROM
                    (SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id) a JOIN
                    (SELECT o.customer_id, count(*) AS items FROM items i JOIN orders o ON o.id = i.order_id
                     GROUP BY o.customer_id) b ON a.customer_id = b.customer_id"""),
            query("window", """
                    SELECT id, customer_id, row_number() OVER (PARTITION BY customer_id ORDER BY ordered_at, id) AS nr,
                      sum(amount) OVER (PARTITION BY customer_id ORDER BY ordered_at, id) AS running FROM orders"""),
            query("distinct on", """
                    SELECT DISTINCT ON (customer_id) customer_id, id, amount FROM orders
                    ORDER BY customer_id, ordered_at DESC, id"""),
            query("limit", "SELECT id, amount FROM orders ORDER BY amount DESC, id LIMIT 100"),
            query("lateral limit", """
                    SELECT c.id, o.id AS order_id, o.amount FROM customers c, LATERAL
                    (SELECT id, amount FROM orders WHERE customer_id = c.id ORDER BY amount DESC, id LIMIT 3) o"""),
            query("lateral aggregate", """
                    SELECT c.id, o.n, o.last FROM customers c LEFT JOIN LATERAL
                    (SELECT count(*) AS n, max(ordered_at) AS last FROM orders
                     WHERE customer_id = c.id AND amount > c.credit) o ON true"""),
            query("function in from", "SELECT o.id, t.word FROM orders o, string_to_table(o.tags, ',') AS t(word)"),
            query("common table expression", """
                    WITH totals AS (SELECT customer_id, sum(amount) AS total FROM orders GROUP BY customer_id)
                    SELECT c.id, t.total, u.total AS friends FROM customers c
                    LEFT JOIN totals t ON t.customer_id = c.id LEFT JOIN totals u ON u.customer_id = c.friend_id"""),
            query("recursion", """
                    WITH RECURSIVE chain(id, root, depth) AS (
                      SELECT id, id, 1 FROM parts WHERE parent_id IS NULL
                      UNION ALL SELECT p.id, c.root, c.depth + 1 FROM parts p JOIN chain c ON p.parent_id = c.id)
                    SELECT id, root, depth FROM chain"""),
            query("time", "SELECT id, amount FROM orders WHERE ordered_at > now() - interval '30 days'"),
            query("union all of joins", """
                    SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.amount < 500
                    UNION ALL SELECT i.id, p.category FROM items i JOIN products p ON p.id = i.product_id"""));

    private static CostQuery query(String name, String sql) {
        return new CostQuery(name, sql);
    }
}
