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
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/**
 * Measures what capture costs writers: single-row inserts from several clients, and inserts of many rows at once, into
 * like tables that differ in what watches them. The variants take turns, so that a machine that slows down slows all.
 */
@QuarkusTest
class WriteBenchmark {
    private static final int CLIENTS = 8;
    private static final int ROUNDS = Integer.getInteger("runnel.benchmark.rounds", 5);
    private static final Duration ROUND = Duration.ofSeconds(3);
    private static final int ROWS_AT_ONCE = 100_000;

    private static final String NOTIFYING_TRIGGER = """
            CREATE TABLE notified_buffer (xid xid8, weight smallint, id bigint, amount numeric(12,2));
            CREATE INDEX ON notified_buffer (xid);
            CREATE OR REPLACE FUNCTION notify_always() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                INSERT INTO notified_buffer SELECT pg_current_xact_id(), 1, id, amount FROM arrived;
                NOTIFY benchmark;
                RETURN NULL;
            END $$;
            CREATE TRIGGER notify_always AFTER INSERT ON written_notified
            REFERENCING NEW TABLE AS arrived FOR EACH STATEMENT EXECUTE FUNCTION notify_always()""";

    @ConfigProperty(name = "quarkus.datasource.jdbc.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    private enum Variant {
        PLAIN("no capture"),
        CAPTURED("capture, refreshed on demand"),
        REFRESHED("capture, refreshed every second meanwhile"),
        NOTIFIED("a trigger that always notifies");

        final String text;

        Variant(String text) {
            this.text = text;
        }

        String table() {
            return "written_" + name().toLowerCase(Locale.ROOT);
        }
    }

    @Test
    void writes() throws Exception {
        try (BenchmarkSession session = new BenchmarkSession(url, user)) {
            prepare(session);
            Map<Variant, List<Double>> single = new EnumMap<>(Variant.class);
            Map<Variant, List<Double>> many = new EnumMap<>(Variant.class);
            for (int round = 0; round <= ROUNDS; round++) {
                for (Variant variant : Variant.values()) {
                    double perSecond = singleRows(variant);
                    double seconds = session.run("INSERT INTO " + variant.table()
                            + " (amount) SELECT i / 100.0 FROM generate_series(1, " + ROWS_AT_ONCE + ") AS i");
                    // The first round warms up.
                    if (round > 0) {
                        single.computeIfAbsent(variant, unused -> new ArrayList<>())
                                .add(perSecond);
                        many.computeIfAbsent(variant, unused -> new ArrayList<>())
                                .add(seconds);
                    }
                    session.refresh("of_captured");
                    session.refresh("of_refreshed");
                    session.run("TRUNCATE notified_buffer");
                }
            }
            for (Variant variant : List.of(Variant.CAPTURED, Variant.REFRESHED)) {
                assertThat(session.differences("of_" + variant.name().toLowerCase(Locale.ROOT), query(variant)))
                        .isZero();
            }
            print(single, many);
        }
    }

    private void prepare(BenchmarkSession session) throws SQLException {
        for (Variant variant : Variant.values()) {
            session.run("CREATE TABLE " + variant.table()
                    + " (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric(12,2))");
        }
        session.run(NOTIFYING_TRIGGER);
        create(session, Variant.CAPTURED, "manual");
        create(session, Variant.REFRESHED, "1s");
    }

    private static void create(BenchmarkSession session, Variant variant, String schedule) throws SQLException {
        String name = "of_" + variant.name().toLowerCase(Locale.ROOT);
        session.run("SELECT runnel.create_stream_table('" + name + "', '" + query(variant) + "', '" + schedule
                + "', 'DIFFERENTIAL')");
        session.refresh(name);
    }

    private static String query(Variant variant) {
        return "SELECT id % 10 AS part, count(*) AS n, sum(amount) AS total FROM " + variant.table() + " GROUP BY 1";
    }

    /** Inserts per second, by all clients together. */
    private double singleRows(Variant variant) throws Exception {
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        try {
            List<Callable<Integer>> work = new ArrayList<>();
            for (int client = 0; client < CLIENTS; client++) {
                work.add(() -> insertFor(variant));
            }
            int inserts = 0;
            for (Future<Integer> done : clients.invokeAll(work)) {
                inserts += done.get();
            }
            return inserts / (double) ROUND.toSeconds();
        } finally {
            clients.shutdownNow();
        }
    }

    private int insertFor(Variant variant) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, "");
                PreparedStatement insert =
                        connection.prepareStatement("INSERT INTO " + variant.table() + " (amount) VALUES (?)")) {
            int inserts = 0;
            long until = System.nanoTime() + ROUND.toNanos();
            while (System.nanoTime() < until) {
                insert.setInt(1, inserts);
                insert.executeUpdate();
                inserts++;
            }
            return inserts;
        }
    }

    private static void print(Map<Variant, List<Double>> single, Map<Variant, List<Double>> many) {
        StringBuilder table = new StringBuilder(String.format(
                Locale.ROOT,
                "%nWrites: single-row inserts by %d clients, and %,d rows at once; medians of %d rounds%n%n"
                        + "| watched by | inserts per second | of no capture | many at once, ms | of no capture |%n"
                        + "|---|---|---|---|---|%n",
                CLIENTS,
                ROWS_AT_ONCE,
                ROUNDS));
        for (Variant variant : Variant.values()) {
            table.append(String.format(
                    Locale.ROOT,
                    "| %s | %,.0f | %.2f | %.0f | %.2f |%n",
                    variant.text,
                    median(single, variant),
                    median(single, variant) / median(single, Variant.PLAIN),
                    1000 * median(many, variant),
                    median(many, variant) / median(many, Variant.PLAIN)));
        }
        System.out.println(table);
    }

    private static double median(Map<Variant, List<Double>> measured, Variant variant) {
        List<Double> sorted =
                measured.getOrDefault(variant, List.of()).stream().sorted().toList();
        return sorted.get(sorted.size() / 2);
    }
}
