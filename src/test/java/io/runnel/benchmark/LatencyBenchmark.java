package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures how soon a commit is visible in a stream table with schedule {@code on-change}, while commits arrive at a
 * steady rate: from the answer to the writer's INSERT until a reader that asks all the time sees it.
 */
@QuarkusTest
class LatencyBenchmark {
    private static final int COMMITS_PER_SECOND = Integer.getInteger("runnel.benchmark.commits-per-second", 100);
    private static final Duration WARM_UP = Duration.ofSeconds(10);
    private static final Duration MEASURED = Duration.ofSeconds(20);
    private static final long BETWEEN_LOOKS_NANOS = 300_000;

    private static final String QUERY =
            "SELECT id % 10 AS part, count(*) AS n, max(id) AS last, sum(amount) AS total FROM latency_source GROUP BY 1";

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    @Test
    void latency() throws Exception {
        int commits = (int) (COMMITS_PER_SECOND * WARM_UP.plus(MEASURED).toSeconds());
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            session.run("CREATE TABLE latency_source (id bigint PRIMARY KEY, amount numeric(12,2))");
            session.run("INSERT INTO latency_source SELECT -i, i FROM generate_series(1, 100000) AS i");
            session.run("SELECT runnel.create_stream_table('latency', '" + QUERY + "', 'on-change', 'DIFFERENTIAL')");
            session.refresh("latency");
            long[] committed = new long[commits];
            long[] seen = new long[commits];
            ExecutorService threads = Executors.newFixedThreadPool(2);
            Future<?> reader = threads.submit(() -> read(seen));
            Future<?> writer = threads.submit(() -> write(committed));
            writer.get();
            reader.get();
            threads.shutdown();
            assertThat(session.differences("latency", QUERY)).isZero();
            print(committed, seen, session);
        }
    }

    private Void write(long[] committed) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, "");
                PreparedStatement insert = connection.prepareStatement("INSERT INTO latency_source VALUES (?, 1)")) {
            long began = System.nanoTime();
            for (int i = 0; i < committed.length; i++) {
                long due = began + i * 1_000_000_000L / COMMITS_PER_SECOND;
                LockSupport.parkNanos(due - System.nanoTime());
                insert.setLong(1, i + 1L);
                insert.executeUpdate();
                committed[i] = System.nanoTime();
            }
            return null;
        }
    }

    private Void read(long[] seen) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, "");
                PreparedStatement look = connection.prepareStatement("SELECT max(last) FROM latency")) {
            int visible = 0;
            while (visible < seen.length) {
                try (ResultSet result = look.executeQuery()) {
                    result.next();
                    long now = System.nanoTime();
                    while (visible < result.getLong(1)) {
                        seen[visible++] = now;
                    }
                }
                LockSupport.parkNanos(BETWEEN_LOOKS_NANOS);
            }
            return null;
        }
    }

    private static void print(long[] committed, long[] seen, BenchmarkSession session) throws SQLException {
        int first = (int) (COMMITS_PER_SECOND * WARM_UP.toSeconds());
        double[] millis = new double[committed.length - first];
        for (int i = 0; i < millis.length; i++) {
            millis[i] = (seen[first + i] - committed[first + i]) / 1e6;
        }
        Arrays.sort(millis);
        System.out.println(String.format(
                Locale.ROOT,
                "%nFrom commit to visible with on-change, %d commits per second, %,d of them; milliseconds%n%n"
                        + "| p50 | p90 | p99 | most | refreshes | inside a refresh, mean |%n|---|---|---|---|---|---|%n"
                        + "| %.1f | %.1f | %.1f | %.1f | %.0f | %.1f |%n",
                COMMITS_PER_SECOND,
                millis.length,
                millis[millis.length / 2],
                millis[millis.length * 9 / 10],
                millis[millis.length * 99 / 100],
                millis[millis.length - 1],
                session.number("SELECT count(*) FROM runnel.refresh_history WHERE table_name = 'latency'"),
                session.number("SELECT 1000 * avg(duration_seconds) FROM runnel.refresh_history"
                        + " WHERE table_name = 'latency' AND mode = 'DIFFERENTIAL'")));
    }
}
