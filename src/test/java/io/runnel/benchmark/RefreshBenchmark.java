package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures what a refresh costs, against the alternatives. Not a test by name, so that only its profile runs it:
 * {@code ./mvnw -B test -Pbenchmark -Drunnel.benchmark.rows=100000,1000000}. Every refresh that is timed is also compared
 * with its query.
 */
@QuarkusTest
class RefreshBenchmark {
    private static final int CYCLES = Integer.getInteger("runnel.benchmark.cycles", 3);
    private static final List<Integer> ROWS = sizes("runnel.benchmark.rows", "100000");
    private static final List<Integer> GROWTH_ROWS = sizes("runnel.benchmark.growth-rows", "10000,100000");
    private static final int CHANGED_FEW = 100;

    private static final String HEADER = """
            | query | rows | DIFFERENTIAL, call | DIFFERENTIAL, refresh | FULL, refresh | REFRESH | CONCURRENTLY | REFRESH / DIFFERENTIAL |
            |---|---|---|---|---|---|---|---|
            """;
    private static final String AGGREGATE =
            "SELECT region, count(*) AS n, sum(amount) AS total, avg(score) AS mean FROM src GROUP BY region";
    private static final String JOIN_AGGREGATE =
            "SELECT dim.label, count(*) AS n, sum(src.amount) AS total FROM src JOIN dim ON dim.category = src.category"
                    + " GROUP BY dim.label";
    private static final List<Query> QUERIES = List.of(
            new Query("scan", "SELECT id, region, category, amount, score FROM src", "id"),
            new Query("filter", "SELECT id, region, amount FROM src WHERE score >= 50", "id"),
            new Query("aggregate", AGGREGATE, "region"),
            new Query(
                    "join",
                    "SELECT src.id, src.region, src.amount, dim.label FROM src JOIN dim ON dim.category = src.category",
                    "id"),
            new Query("join and aggregate", JOIN_AGGREGATE, "label"));

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    private record Query(String name, String sql, String key) {}

    private record Times(Map<String, List<Double>> seconds) {
        void add(String name, double time) {
            seconds.computeIfAbsent(name, unused -> new ArrayList<>()).add(time);
        }

        double median(String name) {
            List<Double> sorted =
                    seconds.getOrDefault(name, List.of()).stream().sorted().toList();
            return sorted.get(sorted.size() / 2);
        }
    }

    @Test
    void refreshes() throws SQLException {
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            StringBuilder table = new StringBuilder("\nOne row in 100 changed; median milliseconds\n\n" + HEADER);
            for (int rows : ROWS) {
                session.load(rows);
                for (Query query : QUERIES) {
                    table.append(row(query, rows, measure(session, query, rows, rows / 100)));
                }
            }
            print(table);
        }
    }

    @Test
    void refreshes_of_few_changes() throws SQLException {
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            StringBuilder table =
                    new StringBuilder("\n" + CHANGED_FEW + " rows changed; median milliseconds\n\n" + HEADER);
            List<Times> all = new ArrayList<>();
            for (int rows : GROWTH_ROWS) {
                session.load(rows);
                for (Query query : List.of(QUERIES.get(2), QUERIES.get(4))) {
                    Times times = measure(session, query, rows, CHANGED_FEW);
                    all.add(times);
                    table.append(row(query, rows, times));
                }
            }
            for (int i = 0; i < 2; i++) {
                table.append(String.format(
                        Locale.ROOT,
                        "\n%s, most rows to fewest: %.2f (inside the transaction)",
                        QUERIES.get(i == 0 ? 2 : 4).name(),
                        all.get(all.size() - 2 + i).median("inside")
                                / all.get(i).median("inside")));
            }
            print(table);
        }
    }

    /** Where computing anew becomes cheaper: without knowledge a refresh chooses by the share of changed rows. */
    @Test
    void refreshes_of_many_changes() throws SQLException {
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            StringBuilder table = new StringBuilder("\nMedian milliseconds by share of changed rows\n\n" + HEADER);
            for (Query query : QUERIES) {
                for (int percent : List.of(10, 25, 50, 100)) {
                    session.load(ROWS.get(0));
                    Times times = measure(session, query, ROWS.get(0), ROWS.get(0) / 100 * percent);
                    table.append(row(
                            new Query(query.name() + ", " + percent + " %", query.sql(), query.key()),
                            ROWS.get(0),
                            times));
                }
            }
            print(table);
        }
    }

    private static Times measure(BenchmarkSession session, Query query, int rows, int changed) throws SQLException {
        session.run("SELECT runnel.create_stream_table('differential', '" + query.sql()
                + "', schedule => 'manual', refresh_mode => 'DIFFERENTIAL')");
        session.run("SELECT runnel.create_stream_table('full_one', '" + query.sql()
                + "', schedule => 'manual', refresh_mode => 'FULL')");
        for (String view : List.of("plain", "concurrent")) {
            session.run("CREATE MATERIALIZED VIEW " + view + " AS " + query.sql());
            session.run("CREATE UNIQUE INDEX ON " + view + " (" + query.key() + ")");
        }
        session.refresh("differential");
        session.refresh("full_one");
        Times times = new Times(new TreeMap<>());
        for (int cycle = 0; cycle <= CYCLES; cycle++) {
            session.change(rows, changed);
            assertThat(session.differences("differential", query.sql())).isPositive();
            double differential = session.refresh("differential");
            double inside = session.lastRefresh("differential");
            session.refresh("full_one");
            double full = session.lastRefresh("full_one");
            double plain = session.run("REFRESH MATERIALIZED VIEW plain");
            double concurrent = session.run("REFRESH MATERIALIZED VIEW CONCURRENTLY concurrent");
            assertThat(session.differences("differential", query.sql())).isZero();
            assertThat(session.differences("full_one", query.sql())).isZero();
            // The first cycle warms up plans and caches.
            if (cycle > 0) {
                times.add("differential", differential);
                times.add("inside", inside);
                times.add("full", full);
                times.add("plain", plain);
                times.add("concurrent", concurrent);
            }
        }
        session.run("SELECT runnel.drop_stream_table('differential')");
        session.run("SELECT runnel.drop_stream_table('full_one')");
        session.run("DROP MATERIALIZED VIEW plain, concurrent");
        return times;
    }

    private static String row(Query query, int rows, Times times) {
        return String.format(
                Locale.ROOT,
                "| %s | %,d | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f |%n",
                query.name(),
                rows,
                1000 * times.median("differential"),
                1000 * times.median("inside"),
                1000 * times.median("full"),
                1000 * times.median("plain"),
                1000 * times.median("concurrent"),
                times.median("plain") / times.median("inside"));
    }

    private static List<Integer> sizes(String property, String preset) {
        return Arrays.stream(System.getProperty(property, preset).split(",", -1))
                .map(Integer::valueOf)
                .toList();
    }

    private static void print(StringBuilder table) {
        System.out.println(table);
    }
}
