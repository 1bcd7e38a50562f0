package io.runnel.refresh;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Queries with windows, DISTINCT ON and limits over the tables of {@link OrderedQueriesTest}. Where an order decides what is
 * shown, it tells all rows apart.
 */
final class OrderedQueries {

    static final Map<String, String> ALL = queries();

    private OrderedQueries() {}

    private static Map<String, String> queries() {
        Map<String, String> queries = new LinkedHashMap<>();
        windows(queries);
        limits(queries);
        return queries;
    }

    private static void windows(Map<String, String> queries) {
        queries.put("ranks", """
                SELECT id, k, rank() OVER w AS a, dense_rank() OVER w AS b, row_number() OVER (w, id) AS c,
                  percent_rank() OVER w AS d, cume_dist() OVER w AS e, ntile(2) OVER (PARTITION BY k ORDER BY id) AS f
                FROM ordered_t WINDOW w AS (PARTITION BY k ORDER BY n DESC NULLS LAST)""".replace("(w, id)", "(PARTITION BY k ORDER BY n, id)"));
        queries.put("running", """
                SELECT id, sum(n) OVER w AS total, count(*) FILTER (WHERE flag) OVER w AS flagged, lag(n, 1, -1.0) OVER w AS before,
                  lead(label) OVER w AS next, first_value(id) OVER w AS first, last_value(id) OVER w AS last,
                  nth_value(id, 2) OVER w AS second, array_agg(label) OVER w AS labels
                FROM ordered_t WINDOW w AS (PARTITION BY label ORDER BY id)""");
        queries.put("frames", """
                SELECT id, sum(n) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) AS a,
                  count(*) OVER (PARTITION BY k ORDER BY n RANGE BETWEEN 1 PRECEDING AND 0.5 FOLLOWING) AS b,
                  count(*) OVER (ORDER BY k NULLS FIRST GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS c,
                  max(n) OVER (PARTITION BY k ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS d,
                  min(id) OVER (PARTITION BY k ORDER BY day RANGE BETWEEN interval '2 days' PRECEDING AND CURRENT ROW EXCLUDE GROUP) AS e
                FROM ordered_t""");
        queries.put("partitions", """
                SELECT id, sum(k) OVER (PARTITION BY label) AS a, avg(n) OVER (PARTITION BY flag, k % 2) AS b,
                  count(*) OVER (PARTITION BY n) AS c, count(*) OVER () AS d, ordered_total(k) OVER (PARTITION BY day ORDER BY id) AS e
                FROM ordered_t""");
        queries.put("duplicates", "SELECT k, label, count(*) OVER (PARTITION BY k) AS c FROM ordered_t");
        queries.put("incomparable", """
                SELECT k, note, count(*) OVER (PARTITION BY k ORDER BY label) AS c
                FROM (SELECT k, json_build_object('n', n) AS note, to_json(label) AS label_json, to_json(k)::text AS label FROM ordered_t) t""");
        queries.put("only_count", "SELECT count(*) OVER () AS c FROM ordered_t WHERE flag");
        queries.put("inexact_keys", """
                SELECT n, f, count(*) OVER (PARTITION BY n) AS a, count(*) OVER (PARTITION BY f) AS b FROM ordered_t""");
        queries.put("shares", """
                SELECT k, sum(n) AS total, round(100 * sum(n) / nullif(sum(sum(n)) OVER (), 0), 3) AS share,
                  rank() OVER (ORDER BY count(*) DESC, k) AS place, lag(sum(n)) OVER (ORDER BY k) AS before
                FROM ordered_t GROUP BY k HAVING count(*) > 1""");
        queries.put("distinct_windows", """
                SELECT DISTINCT k, count(*) OVER (PARTITION BY k) AS c, max(id / 2) OVER (PARTITION BY k, flag) AS m FROM ordered_t""");
        queries.put("top_per_group", """
                SELECT id, k, place FROM (SELECT id, k, row_number() OVER (PARTITION BY k ORDER BY n DESC NULLS LAST, id) AS place
                FROM ordered_t) t WHERE place <= 2""");
        queries.put("window_of_window", """
                SELECT id, sum(place) OVER (PARTITION BY label ORDER BY id) AS s
                FROM (SELECT id, label, row_number() OVER (PARTITION BY k ORDER BY id) AS place FROM ordered_t) t""");
        queries.put("window_of_join", """
                SELECT t.id, u.name, count(*) OVER (PARTITION BY u.name) AS c, rank() OVER (PARTITION BY u.k ORDER BY t.id) AS r
                FROM ordered_t t LEFT JOIN ordered_u u ON u.k = t.k""");
        queries.put("join_of_windows", """
                SELECT a.id, a.place, b.c FROM (SELECT id, k, rank() OVER (PARTITION BY k ORDER BY id) AS place FROM ordered_t) a
                JOIN (SELECT k, count(*) OVER () AS c FROM ordered_u) b ON a.place = b.c OR a.k = b.k""");
        queries.put("aggregate_of_window", """
                SELECT place, count(*) AS c, sum(n) AS s FROM (SELECT n, row_number() OVER (PARTITION BY label ORDER BY id) AS place
                FROM ordered_t) t GROUP BY place""");
    }

    private static void limits(Map<String, String> queries) {
        queries.put("top", "SELECT id, n FROM ordered_t ORDER BY n DESC NULLS LAST, id LIMIT 4");
        queries.put("top_one", "SELECT id, label FROM ordered_t ORDER BY id DESC LIMIT 1");
        queries.put("skipped", "SELECT id, n FROM ordered_t ORDER BY n, id LIMIT 3 OFFSET 2");
        queries.put("rest", "SELECT id, label FROM ordered_t ORDER BY label NULLS FIRST, id OFFSET 3");
        queries.put("tied", "SELECT id, k FROM ordered_t ORDER BY k DESC FETCH FIRST 3 ROWS WITH TIES");
        queries.put("tied_later", """
                SELECT k, count(*) AS c FROM ordered_t GROUP BY k ORDER BY count(*), k OFFSET 1 FETCH FIRST 2 ROWS WITH TIES""");
        queries.put("tied_images", "SELECT n, f FROM ordered_t ORDER BY n, f FETCH FIRST 4 ROWS WITH TIES");
        queries.put(
                "hidden_sort", "SELECT label FROM ordered_t WHERE flag ORDER BY day, upper(label) || 'x', id LIMIT 3");
        queries.put("none", "SELECT id FROM ordered_t LIMIT 0");
        queries.put("many", "SELECT id, k FROM ordered_t ORDER BY id LIMIT 1000");
        queries.put("duplicates_limited", "SELECT k, flag FROM ordered_t ORDER BY k, flag LIMIT 6");
        queries.put("first_of_each", "SELECT DISTINCT ON (k) k, id, n FROM ordered_t ORDER BY k, n DESC, id");
        queries.put("first_of_inexact", """
                SELECT DISTINCT ON (n, label) id, n FROM ordered_t ORDER BY n, label DESC, day DESC, id LIMIT 5""");
        queries.put("distinct_limited", "SELECT DISTINCT k, flag FROM ordered_t ORDER BY k DESC, flag LIMIT 3");
        queries.put("union_of_limits", """
                (SELECT id, label FROM ordered_t ORDER BY id LIMIT 2) UNION ALL (SELECT k, name FROM ordered_u ORDER BY k, name LIMIT 2)
                ORDER BY 2, 1 LIMIT 3""");
        queries.put("join_of_limits", """
                WITH top AS (SELECT id, k FROM ordered_t ORDER BY n DESC, id LIMIT 5)
                SELECT top.id, u.name FROM top JOIN (SELECT k, name FROM ordered_u ORDER BY name DESC, k LIMIT 3) u ON u.k = top.k""");
        queries.put("limit_of_windows", """
                SELECT id, rank() OVER (ORDER BY n) AS r FROM ordered_t ORDER BY rank() OVER (ORDER BY n), id LIMIT 4 OFFSET 1""");
        queries.put("limit_of_limit", """
                SELECT k, count(*) AS c FROM (SELECT id, k FROM ordered_t ORDER BY id DESC LIMIT 6) t GROUP BY k ORDER BY 2, 1 LIMIT 2""");
        queries.put("limit_of_first", """
                SELECT id FROM (SELECT DISTINCT ON (k) k, id FROM ordered_t ORDER BY k, id DESC) t ORDER BY id LIMIT 2""");
    }
}
