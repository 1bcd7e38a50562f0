package io.runnel.refresh.random;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** In how many queries each construct of SQL stands. */
final class Constructs {

    private static final Map<String, Pattern> PATTERNS = new LinkedHashMap<>();

    static {
        for (String words : List.of(
                "INNER JOIN",
                "LEFT JOIN",
                "RIGHT JOIN",
                "FULL JOIN",
                "CROSS JOIN",
                "NATURAL",
                "USING \\(",
                "EXISTS",
                "NOT EXISTS",
                "\\bIN \\(SELECT",
                "NOT IN \\(SELECT",
                "ANY \\(SELECT",
                "ALL \\(SELECT",
                "\\(\\(\\S.*, .*\\) IN \\(SELECT",
                "ARRAY\\(SELECT",
                "HAVING",
                "FILTER \\(",
                "count\\(DISTINCT",
                "string_agg",
                "array_agg\\(DISTINCT",
                "jsonb_agg",
                "stddev|var_pop|variance",
                "regr_count",
                "WITHIN GROUP",
                "percentile_cont",
                "mode\\(\\)",
                "rank\\(1\\) WITHIN GROUP",
                "random_sum",
                "GROUPING SETS",
                "CUBE",
                "ROLLUP",
                "grouping\\(",
                "OVER",
                "PARTITION BY",
                "WINDOW w",
                "ROWS BETWEEN",
                "RANGE BETWEEN",
                "GROUPS",
                "EXCLUDE",
                "row_number",
                "lag\\(|lead\\(",
                "DISTINCT ON",
                "SELECT DISTINCT (?!ON)",
                "LIMIT",
                "OFFSET",
                "WITH TIES",
                "UNION ALL",
                "\\bUNION SELECT",
                "EXCEPT(?! ALL)",
                "EXCEPT ALL",
                "INTERSECT(?! ALL)",
                "INTERSECT ALL",
                "LATERAL",
                "unnest",
                "generate_series",
                "jsonb_array_elements",
                "WITH ORDINALITY",
                "ROWS FROM",
                "VALUES",
                "XMLTABLE",
                "AS MATERIALIZED",
                "AS NOT MATERIALIZED",
                "w9\\(c0, c1\\)",
                "SEARCH DEPTH",
                "SEARCH BREADTH",
                "CYCLE",
                "now\\(\\)",
                "CASE WHEN",
                "nullif",
                "random_view",
                "random_summary",
                "random_parted",
                "random_stream")) {
            PATTERNS.put(words, Pattern.compile(words));
        }
        PATTERNS.put("reads a stream table", Pattern.compile("random_q\\d"));
    }

    private final Map<String, Integer> counts = new TreeMap<>();

    Constructs() {
        PATTERNS.keySet().forEach(construct -> counts.put(construct, 0));
    }

    void add(String query) {
        PATTERNS.forEach((construct, pattern) -> {
            if (pattern.matcher(query).find()) {
                counts.merge(construct, 1, Integer::sum);
            }
        });
    }

    /** Those that stand in fewer queries. */
    List<String> below(int count) {
        return counts.entrySet().stream()
                .filter(entry -> entry.getValue() < count)
                .map(Map.Entry::getKey)
                .toList();
    }

    @Override
    public String toString() {
        return counts.entrySet().stream()
                .map(entry -> entry.getKey() + ": " + entry.getValue())
                .collect(Collectors.joining(", "));
    }
}
