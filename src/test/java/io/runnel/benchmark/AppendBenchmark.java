package io.runnel.benchmark;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures what a projection costs those who append to its log: single events from several clients, and many events in one
 * statement, into like logs that differ in what follows them. The variants take turns.
 */
@QuarkusTest
class AppendBenchmark {
    private static final int CLIENTS = 8;
    private static final int ROUNDS = Integer.getInteger("runnel.benchmark.rounds", 5);
    private static final Duration ROUND = Duration.ofSeconds(3);
    private static final int EVENTS_AT_ONCE = 10_000;
    private static final int CUSTOMERS = 10_000;

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    private enum Variant {
        NONE("nothing"),
        PAUSED("an asynchronous projection that is paused"),
        ASYNCHRONOUS("an asynchronous projection, at work on the same cores"),
        SYNCHRONOUS("a synchronous projection");

        final String text;

        Variant(String text) {
            this.text = text;
        }

        String log() {
            return "appended_" + name().toLowerCase(Locale.ROOT);
        }

        String target() {
            return "balances_" + name().toLowerCase(Locale.ROOT);
        }

        String expected() {
            return "SELECT customer, sum(amount) FROM " + log() + " GROUP BY customer";
        }
    }

    /** What was measured in the rounds. */
    private static final class Measured {
        final List<Double> perSecond = new ArrayList<>();
        final List<Double> atOnceSeconds = new ArrayList<>();
        final List<Double> behindSeconds = new ArrayList<>();
    }

    @Test
    void appends() throws Exception {
        Map<Variant, Measured> all = new EnumMap<>(Variant.class);
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            for (Variant variant : Variant.values()) {
                create(session, variant);
                all.put(variant, new Measured());
            }
            for (int round = 0; round <= ROUNDS; round++) {
                for (Variant variant : Variant.values()) {
                    // The first round warms up.
                    measure(session, variant, round == 0 ? new Measured() : all.getOrDefault(variant, new Measured()));
                }
            }
            for (Variant variant : List.of(Variant.PAUSED, Variant.ASYNCHRONOUS, Variant.SYNCHRONOUS)) {
                assertThat(session.differences(variant.target(), variant.expected()))
                        .as(variant.text)
                        .isZero();
                session.run("SELECT runnel.drop_projection('" + variant.target() + "')");
            }
        }
        print(all);
    }

    private static void create(BenchmarkSession session, Variant variant) throws SQLException {
        session.run("CREATE TABLE " + variant.log() + " (position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                + " customer int NOT NULL, amount numeric(12,2) NOT NULL)");
        if (variant == Variant.NONE) {
            return;
        }
        session.run("CREATE TABLE " + variant.target() + " (customer int PRIMARY KEY, amount numeric NOT NULL)");
        session.run("SELECT runnel.create_projection('" + variant.target() + "', '" + variant.log()
                + "', 'position', targets => '{" + variant.target() + "}', mode => '"
                + (variant == Variant.SYNCHRONOUS ? "SYNCHRONOUS" : "ASYNCHRONOUS")
                + "', default_handler => 'INSERT INTO "
                + variant.target() + " AS b VALUES (event.customer, event.amount)"
                + " ON CONFLICT (customer) DO UPDATE SET amount = b.amount + excluded.amount')");
    }

    private void measure(BenchmarkSession session, Variant variant, Measured measured) throws Exception {
        String name = "('" + variant.target() + "')";
        if (variant == Variant.PAUSED) {
            session.run("SELECT runnel.pause_projection" + name);
        }
        measured.perSecond.add(singleEvents(variant));
        if (variant == Variant.ASYNCHRONOUS) {
            measured.behindSeconds.add(session.run("CALL runnel.sync" + name));
        }
        measured.atOnceSeconds.add(session.run("INSERT INTO " + variant.log() + " (customer, amount) SELECT i % "
                + CUSTOMERS + ", 1 FROM generate_series(1, " + EVENTS_AT_ONCE + ") AS i"));
        if (variant == Variant.PAUSED) {
            session.run("SELECT runnel.resume_projection" + name);
        }
        if (variant != Variant.NONE) {
            session.run("CALL runnel.sync('" + variant.target() + "', '10min')");
        }
    }

    /** Events per second, by all clients together. */
    private double singleEvents(Variant variant) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        try {
            List<Callable<Integer>> work = new ArrayList<>();
            for (int client = 0; client < CLIENTS; client++) {
                long seed = client;
                work.add(() -> appendFor(variant, new SplittableRandom(seed)));
            }
            int events = 0;
            for (Future<Integer> done : clients.invokeAll(work)) {
                events += done.get();
            }
            return events / (double) ROUND.toSeconds();
        } finally {
            clients.shutdownNow();
        }
    }

    private int appendFor(Variant variant, SplittableRandom random) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, "");
                PreparedStatement insert = connection.prepareStatement(
                        "INSERT INTO " + variant.log() + " (customer, amount) VALUES (?, 1)")) {
            int events = 0;
            long until = System.nanoTime() + ROUND.toNanos();
            while (System.nanoTime() < until) {
                insert.setInt(1, random.nextInt(CUSTOMERS));
                insert.executeUpdate();
                events++;
            }
            return events;
        }
    }

    private static void print(Map<Variant, Measured> all) {
        StringBuilder table = new StringBuilder(String.format(
                Locale.ROOT,
                "%nAppends: single events by %d clients, and %,d events at once; medians of %d rounds%n%n"
                        + "| followed by | events per second | of nothing | at once, ms | of nothing | behind at the end, ms |%n"
                        + "|---|---|---|---|---|---|%n",
                CLIENTS,
                EVENTS_AT_ONCE,
                ROUNDS));
        Measured none = all.getOrDefault(Variant.NONE, new Measured());
        all.forEach((variant, measured) -> table.append(String.format(
                Locale.ROOT,
                "| %s | %,.0f | %.2f | %.0f | %.2f | %s |%n",
                variant.text,
                median(measured.perSecond),
                median(measured.perSecond) / median(none.perSecond),
                1000 * median(measured.atOnceSeconds),
                median(measured.atOnceSeconds) / median(none.atOnceSeconds),
                measured.behindSeconds.isEmpty()
                        ? ""
                        : String.format(Locale.ROOT, "%.0f", 1000 * median(measured.behindSeconds)))));
        System.out.println(table);
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }
}
