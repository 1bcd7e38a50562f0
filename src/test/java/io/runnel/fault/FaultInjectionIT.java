package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Services whose network fails, and whose database fails, while applications write to it by a way of their own. Any of the
 * services may keep the read models fresh.
 *
 * <p>It prints a seed; {@code -Dfault.seed} begins with a given one. {@code -Dfault.rounds} says how many faults there are,
 * {@code -Dfault.services} how many services, {@code -Dfault.only=CUT,RESTART} which faults.
 */
class FaultInjectionIT {

    private static final long SEED = Long.getLong("fault.seed", System.nanoTime());
    private static final int ROUNDS = Integer.getInteger("fault.rounds", 4);
    private static final int SERVICES = Integer.getInteger("fault.services", 1);
    private static final String ONLY = System.getProperty("fault.only", "");

    private static final String DATABASE = "failing";
    private static final String LARGE = "SELECT id, region, amount FROM orders WHERE amount > 20";
    private static final Duration PROBE_INTERVAL = Duration.ofSeconds(1);
    private static final int TRANSACTIONS_BETWEEN = 50;

    private final Random random = new Random(SEED);
    private final List<Site> sites = new ArrayList<>();
    private final List<String> report = new ArrayList<>();
    private int markers;

    @Test
    void nothing_is_lost_or_applied_twice_and_all_is_fresh_again_whatever_fails() throws Exception {
        System.out.printf("fault.seed=%d%n", SEED);
        Optional<SmallDisk> disk = SmallDisk.mount();
        try (PostgresServer server = new PostgresServer(
                "fault_injection", Map.of("max_prepared_transactions", "0", "max_connections", "60"))) {
            try {
                DataSource database = createDatabase(server, disk);
                for (int i = 0; i < SERVICES; i++) {
                    sites.add(Site.launch(server, "runnel", DATABASE));
                }
                for (Site site : sites) {
                    site.service().awaitReady();
                }
                createReadModels(database);
                strike(server, database, disk);
                assertComplete(database);
            } finally {
                report.forEach(System.out::println);
                for (Site site : sites) {
                    site.close();
                }
            }
        } finally {
            if (disk.isPresent()) {
                disk.get().close();
            }
        }
    }

    private static DataSource createDatabase(PostgresServer server, Optional<SmallDisk> disk) throws Exception {
        try (SqlClient client = new SqlClient(server.database("postgres"))) {
            client.run("CREATE ROLE runnel LOGIN PASSWORD 'postgres'");
            client.run("CREATE ROLE crowd LOGIN PASSWORD 'postgres'");
            client.run("CREATE ROLE application");
            client.run("GRANT application TO runnel");
            if (disk.isPresent()) {
                client.run("CREATE TABLESPACE small LOCATION '" + disk.get().directory() + "'");
            }
            client.run("CREATE DATABASE " + DATABASE + (disk.isPresent() ? " TABLESPACE small" : ""));
            client.run("GRANT CREATE ON DATABASE " + DATABASE + " TO runnel");
        }
        return server.database(DATABASE);
    }

    private static void createReadModels(DataSource database) throws Exception {
        try (SqlClient client = new SqlClient(database)) {
            client.run("GRANT CREATE ON SCHEMA public TO application");
            client.run("SET ROLE application");
            Orders.create(client);
            client.run("CREATE TABLE log (position bigserial PRIMARY KEY, entity int NOT NULL)");
            client.run("CREATE TABLE handled (position bigint NOT NULL, entity int NOT NULL)");
            client.run("SELECT runnel.create_stream_table('totals', $$" + TOTALS + "$$, 'on-change')");
            client.run("SELECT runnel.create_stream_table('large', $$" + LARGE + "$$, '200ms')");
            client.run("SELECT runnel.create_materialized_view('counted', 'SELECT count(*) AS n FROM orders',"
                    + " ARRAY['1s'])");
            client.run("SELECT runnel.create_projection('handling', 'log', 'position', targets => '{handled}',"
                    + " default_handler => 'INSERT INTO handled VALUES (event.position, event.entity)')");
            client.sync("totals");
            client.sync("large");
            client.sync("handling");
        }
    }

    private void strike(PostgresServer server, DataSource database, Optional<SmallDisk> disk) throws Exception {
        report.add("fault         services  lasts   meanwhile       table  projection       ready");
        try (OrderWriters orders = new OrderWriters(database);
                EventWriters events = new EventWriters(database, SEED)) {
            List<Fault> deck = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                orders.awaitMore(TRANSACTIONS_BETWEEN);
                events.awaitMore(TRANSACTIONS_BETWEEN);
                if (deck.isEmpty()) {
                    deck.addAll(shuffled(disk.isPresent()));
                }
                round(database, deck.remove(0), new Fault.Scene(server, struck(), disk));
            }
        }
    }

    /** All that can be brought about, so that each has its turn. The worst is the first. */
    private List<Fault> shuffled(boolean disk) {
        List<Fault> faults = new ArrayList<>(Arrays.asList(Fault.values()));
        faults.removeIf(fault -> !disk && fault == Fault.FULL_DISK);
        faults.removeIf(fault -> !ONLY.isEmpty() && !List.of(ONLY.split(",")).contains(fault.name()));
        Collections.shuffle(faults, random);
        int worst = faults.indexOf(Fault.BLACKHOLE);
        if (worst > 0) {
            Collections.swap(faults, 0, worst);
        }
        return faults;
    }

    private List<Site> struck() {
        List<Site> struck = new ArrayList<>(sites);
        Collections.shuffle(struck, random);
        return List.copyOf(struck.subList(0, 1 + random.nextInt(struck.size())));
    }

    private void round(DataSource database, Fault fault, Fault.Scene scene) throws Exception {
        long begun = System.nanoTime();
        Optional<Duration> meanwhile;
        try (AutoCloseable healed = fault.strike(scene)) {
            meanwhile =
                    hold(database, fault, scene.struck(), begun + fault.length().toNanos());
        }
        long lasted = System.nanoTime() - begun;
        long recovering = System.nanoTime();
        Marker marker = mark(database);
        Duration table = Await.until(() -> fault + ": fresh stream tables", () -> marker.inTables(database));
        Await.until(() -> fault + ": fresh projection", () -> marker.inProjection(database));
        Duration projection = Duration.ofNanos(System.nanoTime() - recovering);
        for (Site site : sites) {
            Await.until(() -> fault + ": ready", site::ready);
        }
        report.add("%-12s %5d/%d %7.1f s %11s %9.1f s %9.1f s %9.1f s"
                .formatted(
                        fault,
                        scene.struck().size(),
                        sites.size(),
                        lasted / 1e9,
                        meanwhile
                                .map(taken -> "%.1f s".formatted(taken.toMillis() / 1e3))
                                .orElse("-"),
                        table.toMillis() / 1e3,
                        projection.toMillis() / 1e3,
                        (System.nanoTime() - recovering) / 1e9));
        System.out.println(report.get(report.size() - 1));
    }

    /**
     * Services are alive whatever befalls the database, and say so when they cannot reach it.
     *
     * @return how long it took until the read models were fresh, if they are to be
     */
    private Optional<Duration> hold(DataSource database, Fault fault, List<Site> struck, long end) throws Exception {
        Optional<Duration> fresh = Optional.empty();
        if (fault.borne(struck.size() < sites.size())) {
            Marker marker = mark(database);
            fresh = Optional.of(Await.until(
                    () -> fault + ": fresh meanwhile",
                    () -> marker.inTables(database) && marker.inProjection(database)));
        }
        if (fault.length().isZero()) {
            return fresh;
        }
        List<Site> unready = new ArrayList<>();
        do {
            for (Site site : fault == Fault.STANDSTILL ? List.<Site>of() : struck) {
                assertThat(site.live()).as("live").isTrue();
                if (!site.ready()) {
                    unready.add(site);
                }
            }
            LockSupport.parkNanos(PROBE_INTERVAL.toNanos());
        } while (System.nanoTime() < end);
        if (fault == Fault.REFUSAL || fault == Fault.BLACKHOLE) {
            assertThat(unready).as("said that they are not ready").containsAll(struck);
        }
        return fresh;
    }

    private Marker mark(DataSource database) {
        String region = "m" + markers++;
        rows(database, "INSERT INTO orders (region, amount) VALUES ('" + region + "', 1000) RETURNING id");
        return new Marker(
                region,
                rows(database, "INSERT INTO log (entity) VALUES (-1) RETURNING position")
                        .get(0));
    }

    /** As soon as the server accepts connections. */
    private static List<String> rows(DataSource database, String query) {
        List<String> rows = new ArrayList<>();
        Await.until(() -> query, () -> {
            try (SqlClient client = new SqlClient(database)) {
                return rows.addAll(client.rows(query));
            }
        });
        return rows;
    }

    private static void assertComplete(DataSource database) throws Exception {
        try (SqlClient client = new SqlClient(database)) {
            client.assertSyncedEquals("totals", TOTALS);
            client.assertSyncedEquals("large", LARGE);
            client.sync("handling");
            client.assertEquals("handled", "SELECT position, entity FROM log");
            client.awaitRow("SELECT FROM counted WHERE n = (SELECT count(*) FROM orders)");
            assertThat(client.rows(
                            "SELECT table_name, status, consecutive_errors FROM runnel.stream_tables ORDER BY 1"))
                    .containsExactly("large|ACTIVE|0", "totals|ACTIVE|0");
            assertThat(client.rows("SELECT status, consecutive_errors FROM runnel.materialized_views"))
                    .containsExactly("ACTIVE|0");
            assertThat(client.rows(
                            "SELECT status, consecutive_errors, dead_letters, events_handled, last_processed_position"
                                    + " FROM runnel.projections"))
                    .isEqualTo(client.rows("SELECT 'ACTIVE', 0, 0, count(*), max(position) FROM log"));
        }
    }

    /** A row that was written when a fault had been mended, in each of the tables. */
    private record Marker(String region, String position) {

        boolean inTables(DataSource database) throws Exception {
            return there(database, "SELECT FROM totals JOIN large USING (region) WHERE region = '" + region + "'");
        }

        boolean inProjection(DataSource database) throws Exception {
            return there(database, "SELECT FROM handled WHERE position = " + position);
        }

        private static boolean there(DataSource database, String query) throws Exception {
            try (SqlClient client = new SqlClient(database)) {
                return !client.rows(query).isEmpty();
            }
        }
    }
}
