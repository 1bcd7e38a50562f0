package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.benchmark.CostQueries.CostQuery;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures, operator by operator, that a refresh costs what has changed and not what is there:
 * {@code ./mvnw -B test -Pbenchmark -Dtest=CostBenchmark -Drunnel.benchmark.cost-rows=10000,100000,1000000}.
 */
@QuarkusTest
class CostBenchmark {
    private static final List<Integer> ROWS = Arrays.stream(
                    System.getProperty("runnel.benchmark.cost-rows", "10000,100000")
                            .split(",", -1))
            .map(Integer::valueOf)
            .toList();
    private static final String ONLY = System.getProperty("runnel.benchmark.query", ".*");
    private static final int CYCLES = Integer.getInteger("runnel.benchmark.cycles", 3);
    private static final int CHANGED = 100;

    /** PostgreSQL counts what was scanned once a second at most. */
    private static final int STATISTICS_MILLISECONDS = 1_100;

    /** A scan of a table with more rows than this is one that grows. */
    private static final int LARGE = 5_000;

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    private static final int SHARE_ROWS = Integer.getInteger("runnel.benchmark.share-rows", 100_000);

    /** After so many refreshes with the same share of changes AUTO knows what either way costs. */
    private static final int SETTLED_AFTER = 4;

    private static final List<Double> PERCENTS = Arrays.stream(
                    System.getProperty("runnel.benchmark.percents", "0.1,1,10").split(",", -1))
            .map(Double::valueOf)
            .toList();

    private record Cost(double seconds, String scans) {}

    @Test
    void cost_follows_the_change() throws SQLException {
        Map<String, List<Cost>> costs = new LinkedHashMap<>();
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            for (int rows : ROWS) {
                CostTables tables = new CostTables(session, rows);
                tables.load();
                for (CostQuery query : queries()) {
                    costs.computeIfAbsent(query.name(), unused -> new ArrayList<>())
                            .add(measure(session, tables, query));
                }
            }
        }
        StringBuilder table = new StringBuilder(
                "\n" + CHANGED + " rows changed; median milliseconds inside the database\n\n| query |");
        ROWS.forEach(rows -> table.append(String.format(Locale.ROOT, " %,d |", rows)));
        table.append(" largest / smallest | scans of large tables |\n|---|")
                .append("---|".repeat(ROWS.size() + 2))
                .append('\n');
        costs.forEach((name, list) -> {
            table.append("| ").append(name).append(" |");
            list.forEach(cost -> table.append(String.format(Locale.ROOT, " %.1f |", 1000 * cost.seconds())));
            Cost last = list.get(list.size() - 1);
            table.append(String.format(
                    Locale.ROOT, " %.1f | %s |%n", last.seconds() / list.get(0).seconds(), last.scans()));
        });
        System.out.println(table);
    }

    /** In mode AUTO, which may choose to compute anew, against mode FULL, which always does. */
    @Test
    void applying_is_not_slower_than_computing_anew() throws SQLException {
        StringBuilder table = new StringBuilder("\nMedian milliseconds inside the database, " + SHARE_ROWS
                + " rows: AUTO (how it chose), FULL, and FULL / AUTO, by share of changed rows\n\n| query |");
        PERCENTS.forEach(percent -> table.append(' ').append(percent).append(" % |"));
        table.append("\n|---|").append("---|".repeat(PERCENTS.size())).append('\n');
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            CostTables tables = new CostTables(session, SHARE_ROWS);
            tables.load();
            for (CostQuery query : queries()) {
                session.run("SELECT runnel.create_stream_table('automatic', $$" + query.sql()
                        + "$$, schedule => 'manual', refresh_mode => 'AUTO')");
                session.run("SELECT runnel.create_stream_table('anew', $$" + query.sql()
                        + "$$, schedule => 'manual', refresh_mode => 'FULL')");
                session.refresh("automatic");
                session.refresh("anew");
                StringBuilder row = new StringBuilder("| " + query.name() + " |");
                for (double percent : PERCENTS) {
                    row.append(compared(session, tables, (int) (SHARE_ROWS * percent / 100)));
                }
                assertThat(session.differences("automatic", query.sql()))
                        .as(query.name())
                        .isZero();
                session.run("SELECT runnel.drop_stream_table('automatic')");
                session.run("SELECT runnel.drop_stream_table('anew')");
                System.out.println(row);
                table.append(row).append('\n');
            }
        }
        System.out.println(table);
    }

    private static String compared(BenchmarkSession session, CostTables tables, int changed) throws SQLException {
        List<Double> automatic = new ArrayList<>();
        List<Double> anew = new ArrayList<>();
        for (int cycle = 0; cycle < SETTLED_AFTER + CYCLES; cycle++) {
            tables.change(changed);
            session.refresh("automatic");
            session.refresh("anew");
            if (cycle >= SETTLED_AFTER) {
                automatic.add(session.lastRefresh("automatic"));
                anew.add(session.lastRefresh("anew"));
            }
        }
        String mode = session.numbers(
                        "SELECT lower(left(mode, 4)), count(*) FROM (SELECT mode FROM runnel.refresh_history"
                                + " WHERE table_name = 'automatic' ORDER BY id DESC LIMIT " + CYCLES
                                + ") AS h GROUP BY 1")
                .keySet()
                .toString();
        return String.format(
                Locale.ROOT,
                " %.0f %s, %.0f, %.1f |",
                1000 * median(automatic),
                mode,
                1000 * median(anew),
                median(anew) / median(automatic));
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    private static List<CostQuery> queries() {
        return CostQueries.ALL.stream()
                .filter(query -> query.name().matches(ONLY))
                .toList();
    }

    private static Cost measure(BenchmarkSession session, CostTables tables, CostQuery query) throws SQLException {
        session.run("SELECT runnel.create_stream_table('costly', $$" + query.sql()
                + "$$, schedule => 'manual', refresh_mode => 'DIFFERENTIAL')");
        session.refresh("costly");
        List<Double> seconds = new ArrayList<>();
        String scans = "";
        for (int cycle = 0; cycle <= CYCLES; cycle++) {
            tables.change(CHANGED);
            pause();
            session.run("SELECT pg_stat_force_next_flush()");
            Map<String, Long> before = session.numbers(SCANNED);
            session.refresh("costly");
            pause();
            if (cycle > 0) {
                seconds.add(session.lastRefresh("costly"));
                scans = scans(before, session.numbers(SCANNED));
            }
        }
        assertThat(session.differences("costly", query.sql())).as(query.name()).isZero();
        session.run("SELECT runnel.drop_stream_table('costly')");
        Cost cost = new Cost(median(seconds), scans);
        System.out.println(query.name() + " " + cost);
        return cost;
    }

    /** Rows read by sequential scans of tables that are large. */
    private static final String SCANNED =
            "SELECT relname, seq_tup_read FROM pg_stat_user_tables" + " WHERE n_live_tup > " + LARGE;

    private static String scans(Map<String, Long> before, Map<String, Long> after) {
        StringBuilder scans = new StringBuilder();
        after.forEach((name, count) -> {
            long read = count - before.getOrDefault(name, 0L);
            if (read > LARGE) {
                scans.append(name).append(' ').append(read).append(' ');
            }
        });
        return scans.toString();
    }

    private static void pause() {
        try {
            Thread.sleep(STATISTICS_MILLISECONDS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
