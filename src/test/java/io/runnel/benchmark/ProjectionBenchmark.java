package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures how fast a projection whose handler is an upsert gets through a log, beside one DO loop over the same log that
 * runs the same handler: {@code ./mvnw -B test -Pbenchmark -Dtest=ProjectionBenchmark -Drunnel.benchmark.events=100000}.
 * Loop and projection take turns, so that a machine that slows down slows both.
 */
@QuarkusTest
class ProjectionBenchmark {
    private static final int EVENTS = Integer.getInteger("runnel.benchmark.events", 20_000);
    private static final int ROUNDS = Integer.getInteger("runnel.benchmark.rounds", 5);
    private static final List<Integer> BATCH_SIZES = List.of(1, 100, 500, 5_000);
    private static final List<Integer> WORKERS = List.of(1, 2, 4);

    /** With small batches the log is shorter, because each batch is a commit. */
    private static final int BATCHES_MAX = 2_000;

    private static final int EVENTS_PER_CUSTOMER = 10;

    private static final String HANDLER = "INSERT INTO %s AS b VALUES (event.customer, event.amount)"
            + " ON CONFLICT (customer) DO UPDATE SET amount = b.amount + excluded.amount";
    private static final String DOUBLED = "INSERT INTO balances AS b VALUES (event.customer, 2 * event.amount)"
            + " ON CONFLICT (customer) DO UPDATE SET amount = b.amount + excluded.amount";
    private static final String BY_HAND = "DO $loop$ DECLARE event log; BEGIN"
            + " FOR event IN SELECT * FROM log ORDER BY position LOOP " + HANDLER.formatted("by_hand")
            + "; END LOOP; END $loop$";
    private static final String COMMITTING = "DO $loop$ DECLARE event log; handled int := 0; BEGIN"
            + " SET LOCAL synchronous_commit = off;"
            + " FOR event IN SELECT * FROM log ORDER BY position LOOP " + HANDLER.formatted("by_hand")
            + "; handled := handled + 1; IF handled %% %d = 0 THEN COMMIT; SET LOCAL synchronous_commit = off; END IF;"
            + " END LOOP; END $loop$";
    private static final String EXPECTED = "SELECT customer, sum(amount) FROM log GROUP BY customer";
    private static final String DOUBLED_EXPECTED = "SELECT customer, 2 * sum(amount) FROM log GROUP BY customer";

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    /** Events per second of the loop, and of the projection, round by round. */
    private record Rates(List<Double> byHand, List<Double> projection) {
        Rates() {
            this(new ArrayList<>(), new ArrayList<>());
        }

        double ratio() {
            List<Double> ratios = new ArrayList<>();
            for (int round = 0; round < byHand.size(); round++) {
                ratios.add(projection.get(round) / byHand.get(round));
            }
            return median(ratios);
        }
    }

    @Test
    void batches() throws SQLException {
        StringBuilder table = new StringBuilder(header("Events per second by batch size", "batch size"));
        StringBuilder committed = new StringBuilder(header(
                "The same beside a loop that commits after each batch, without waiting for the disk", "batch size"));
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            for (int size : BATCH_SIZES) {
                int events = (int) Math.min(EVENTS, (long) BATCHES_MAX * size);
                load(session, events);
                create(session, size);
                Rates rates = new Rates();
                Rates committing = new Rates();
                for (int round = 0; round <= ROUNDS; round++) {
                    double byHand = loop(session, BY_HAND);
                    double projection = rebuild(session);
                    double inBatches = loop(session, COMMITTING.formatted(size));
                    add(rates, round, events / byHand, events / projection);
                    add(committing, round, events / inBatches, events / projection);
                }
                String name = String.format(Locale.ROOT, "%,d", size);
                table.append(row(name, events, rates));
                committed.append(row(name, events, committing));
                drop(session);
            }
        }
        System.out.println(table.append(committed));
    }

    /** Each customer's rows are written by one worker. */
    @Test
    void workers() throws SQLException {
        StringBuilder table = new StringBuilder(header("Events per second by workers, batches of 500", "workers"));
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            load(session, EVENTS);
            create(session, 500);
            for (int workers : WORKERS) {
                session.run("SELECT runnel.alter_projection('balances', workers => " + workers + ")");
                Rates rates = new Rates();
                for (int round = 0; round <= ROUNDS; round++) {
                    double byHand = loop(session, BY_HAND);
                    add(rates, round, EVENTS / byHand, EVENTS / rebuild(session));
                }
                table.append(row(Integer.toString(workers), EVENTS, rates));
            }
            drop(session);
        }
        System.out.println(table);
    }

    /** Into emptied tables, and side by side with a handler that changes every row. */
    @Test
    void rebuilds() throws SQLException {
        Rates emptied = new Rates();
        Rates sideBySide = new Rates();
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            load(session, EVENTS);
            create(session, 500);
            for (int round = 0; round <= ROUNDS; round++) {
                double byHand = loop(session, BY_HAND);
                double inPlace = rebuild(session);
                double beside = rebuildSideBySide(session);
                assertThat(session.differences("balances", DOUBLED_EXPECTED)).isZero();
                session.run("SELECT runnel.finish_rebuild('balances')");
                session.run("SELECT runnel.alter_projection('balances', default_handler => '"
                        + HANDLER.formatted("balances") + "')");
                add(emptied, round, EVENTS / byHand, EVENTS / inPlace);
                add(sideBySide, round, EVENTS / byHand, EVENTS / beside);
            }
            drop(session);
        }
        System.out.println(header("Events per second of a rebuild, batches of 500", "rebuild")
                + row("into emptied tables", EVENTS, emptied)
                + row("side by side, with the exchange", EVENTS, sideBySide));
    }

    private static void load(BenchmarkSession session, int events) throws SQLException {
        session.run("DROP TABLE IF EXISTS log, balances, by_hand CASCADE");
        session.run("CREATE TABLE log (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                + " customer int NOT NULL, amount numeric(12,2) NOT NULL)");
        session.run("INSERT INTO log (customer, amount) SELECT i * 7919::bigint % "
                + Math.max(1, events / EVENTS_PER_CUSTOMER) + ", i % 100 FROM generate_series(1, " + events + ") AS i");
        for (String target : List.of("balances", "by_hand")) {
            session.run("CREATE TABLE " + target + " (customer int PRIMARY KEY, amount numeric NOT NULL)");
        }
        session.run("VACUUM ANALYZE log");
    }

    private static void create(BenchmarkSession session, int batchSize) throws SQLException {
        session.run("SELECT runnel.create_projection('balances', 'log', 'position', targets => '{balances}',"
                + " entity_column => 'customer', batch_size => " + batchSize + ", default_handler => '"
                + HANDLER.formatted("balances") + "')");
        session.run("CALL runnel.sync('balances', '10min')");
    }

    private static void drop(BenchmarkSession session) throws SQLException {
        session.run("SELECT runnel.drop_projection('balances')");
    }

    /** Seconds by hand. */
    private static double loop(BenchmarkSession session, String byHand) throws SQLException {
        session.run("TRUNCATE by_hand");
        double seconds = session.run(byHand);
        assertThat(session.differences("by_hand", EXPECTED)).isZero();
        return seconds;
    }

    /** Seconds from before the request to the end of the last batch. */
    private static double rebuild(BenchmarkSession session) throws SQLException {
        double began = session.number("SELECT extract(epoch FROM clock_timestamp())");
        session.run("SELECT runnel.rebuild_projection('balances')");
        session.run("CALL runnel.sync('balances', '10min')");
        assertThat(session.differences("balances", EXPECTED)).isZero();
        return session.number("SELECT extract(epoch FROM updated_at) FROM runnel.projections WHERE name = 'balances'")
                - began;
    }

    /** Seconds from the request to the exchange. */
    private static double rebuildSideBySide(BenchmarkSession session) throws SQLException {
        double began = session.number("SELECT extract(epoch FROM clock_timestamp())");
        session.run("SELECT runnel.rebuild_projection('balances', side_by_side => true, default_handler => '" + DOUBLED
                + "')");
        session.run(
                "DO $wait$ BEGIN WHILE NOT EXISTS (SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED')"
                        + " LOOP COMMIT; PERFORM pg_sleep(0.05); END LOOP; END $wait$");
        return session.number("SELECT extract(epoch FROM exchanged_at) FROM runnel.projection_rebuilds") - began;
    }

    /** The first round warms up. */
    private static void add(Rates rates, int round, double byHand, double projection) {
        if (round > 0) {
            rates.byHand().add(byHand);
            rates.projection().add(projection);
        }
    }

    private static String header(String title, String first) {
        return String.format(
                Locale.ROOT,
                "%n%s; medians of %d rounds%n%n"
                        + "| %s | events | DO loop by hand | projection | of the loop |%n|---|---|---|---|---|%n",
                title,
                ROUNDS,
                first);
    }

    private static String row(String name, int events, Rates rates) {
        return String.format(
                Locale.ROOT,
                "| %s | %,d | %,.0f | %,.0f | %.2f |%n",
                name,
                events,
                median(rates.byHand()),
                median(rates.projection()),
                rates.ratio());
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }
}
