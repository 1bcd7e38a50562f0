package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/** Measures what stream tables cost while nothing changes: the processor time of the service and of PostgreSQL. */
@QuarkusTest
class IdleBenchmark {
    private static final int TABLES = Integer.getInteger("runnel.benchmark.tables", 1000);
    private static final int SOURCES = 50;
    private static final Duration SETTLING = Duration.ofSeconds(15);
    private static final Duration MEASURED = Duration.ofSeconds(60);
    private static final Duration INITIALISED_WITHIN = Duration.ofMinutes(15);

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    private record Used(Duration service, Duration postgresql) {
        Used minus(Used earlier) {
            return new Used(service.minus(earlier.service), postgresql.minus(earlier.postgresql));
        }
    }

    @Test
    void idle() throws SQLException {
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            ProcessHandle postgres = ProcessHandle.of(
                            (long) session.number("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"))
                    .orElseThrow();
            Used without = measure(postgres);
            double created = create(session);
            Used with = measure(postgres);
            assertThat(
                            session.number(
                                    "SELECT count(*) FROM runnel.stream_tables WHERE table_name LIKE 'idle%' AND status = 'ACTIVE'"))
                    .isEqualTo(TABLES);
            System.out.println(String.format(
                    Locale.ROOT,
                    "%n%,d idle stream tables over %d sources, half on-change, half 1s; created within %.0f s%n%n"
                            + "| stream tables | service, %% of a core | PostgreSQL, %% of a core |%n|---|---|---|%n"
                            + "| none | %.2f | %.2f |%n| %,d | %.2f | %.2f |%n",
                    TABLES,
                    SOURCES,
                    created,
                    percent(without.service()),
                    percent(without.postgresql()),
                    TABLES,
                    percent(with.service()),
                    percent(with.postgresql())));
            drop(session);
        }
    }

    private static double create(BenchmarkSession session) throws SQLException {
        long began = System.nanoTime();
        for (int source = 0; source < SOURCES; source++) {
            session.run("CREATE TABLE idle_source_" + source + " AS SELECT i AS id, i % 10 AS part FROM"
                    + " generate_series(1, 100) AS i");
        }
        for (int table = 0; table < TABLES; table++) {
            session.run("SELECT runnel.create_stream_table('idle_" + table + "', 'SELECT part, count(*) AS n FROM"
                    + " idle_source_" + table % SOURCES + " GROUP BY part', '" + (table % 2 == 0 ? "on-change" : "1s")
                    + "', 'DIFFERENTIAL')");
        }
        while (session.number("SELECT count(*) FROM runnel.stream_tables WHERE status = 'INITIALIZING'") > 0) {
            assertThat(System.nanoTime() - began).isLessThan(INITIALISED_WITHIN.toNanos());
            LockSupport.parkNanos(Duration.ofMillis(500).toNanos());
        }
        return (System.nanoTime() - began) / 1e9;
    }

    /** What is left would be in the way of the other benchmarks. */
    private static void drop(BenchmarkSession session) throws SQLException {
        for (int table = 0; table < TABLES; table++) {
            session.run("SELECT runnel.drop_stream_table('idle_" + table + "')");
        }
        for (int source = 0; source < SOURCES; source++) {
            session.run("DROP TABLE idle_source_" + source);
        }
    }

    private static Used measure(ProcessHandle postgres) {
        LockSupport.parkNanos(SETTLING.toNanos());
        Used before = used(postgres);
        LockSupport.parkNanos(MEASURED.toNanos());
        return used(postgres).minus(before);
    }

    private static Used used(ProcessHandle postgres) {
        return new Used(
                cpu(Stream.of(ProcessHandle.current())),
                cpu(Stream.concat(Stream.of(postgres), postgres.descendants())));
    }

    private static Duration cpu(Stream<ProcessHandle> processes) {
        return processes
                .flatMap(process -> process.info().totalCpuDuration().stream())
                .reduce(Duration.ZERO, Duration::plus);
    }

    private static double percent(Duration used) {
        return 100.0 * used.toMillis() / MEASURED.toMillis();
    }
}
