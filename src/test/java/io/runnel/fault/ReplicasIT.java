package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Several services on one database, which knows them by a role that is no superuser. */
class ReplicasIT {

    /** Five seconds are promised; a machine that runs other tests as well takes longer. */
    private static final Duration TAKEOVER_MAX = Duration.ofSeconds(8);

    private static final int TABLES = 9;
    private static final String NAME = "totals_";

    private static final Pattern TABLE_LABEL = Pattern.compile("runnel_refreshes_total\\{.*table=\"([^\"]*)\"");

    private static PostgresServer server;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("replicas", Map.of("max_prepared_transactions", "0"));
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @Test
    void services_that_start_at_once_on_an_empty_database_share_it() throws Exception {
        DataSource database = server.createDatabase("shared");
        try (SqlClient client = new SqlClient(database)) {
            // A role whose own schema, by its name, would be the service's.
            client.run("CREATE ROLE runnel LOGIN PASSWORD 'postgres'");
            client.run("GRANT CREATE ON DATABASE shared TO runnel");
            client.run("GRANT CREATE ON SCHEMA public TO runnel");
            try (ServiceProcess one = ServiceProcess.launch(server.url("runnel", "shared"));
                    ServiceProcess other = ServiceProcess.launch(server.url("runnel", "shared"))) {
                one.awaitReady();
                other.awaitReady();
                Orders.createTable(client);
                client.run("GRANT SELECT, TRIGGER ON orders TO runnel");
                assertThat(one.send(
                                        "POST",
                                        "/api/v1/stream-tables",
                                        "{\"name\": \"totals\", \"schedule\": \"on-change\", \"query\": \"" + TOTALS
                                                + "\"}")
                                .statusCode())
                        .isEqualTo(201);
                assertThat(client.rows("SELECT relnamespace::regnamespace FROM pg_class WHERE relname = 'totals'"))
                        .containsExactly("public");
                client.assertSyncedEquals("totals", TOTALS);
            }
        }
    }

    /**
     * Every table is written to all the time, and every one is looked at after each blow; which service did the work is what
     * the services themselves have counted.
     */
    @Test
    void services_share_the_read_models_evenly_and_take_over_from_each_other() throws Exception {
        DataSource database = server.createDatabase("many");
        try (SqlClient client = new SqlClient(database);
                ServiceProcess killed = ServiceProcess.launch(server.url("postgres", "many"));
                ServiceProcess suspended = ServiceProcess.launch(server.url("postgres", "many"));
                ServiceProcess stopped = ServiceProcess.launch(server.url("postgres", "many"))) {
            List<ServiceProcess> services = List.of(killed, suspended, stopped);
            for (ServiceProcess service : services) {
                service.awaitReady();
            }
            createTables(client, TABLES);
            awaitShares(client, "3", "3", "3");
            try (OrderWriters writers = new OrderWriters(database)) {
                writers.awaitMore(100);
                for (ServiceProcess service : services) {
                    Await.until(() -> "tables of " + service.pid(), () -> refreshed(service) >= TABLES / 3);
                }
                report("kill -9", takeOver(client, killed::kill));
                awaitShares(client, "4", "5");
                report("SIGSTOP", takeOver(client, suspended::suspend));
                awaitShares(client, "9");
                suspended.resume();
                awaitShares(client, "4", "5");
                writers.awaitMore(100);
                report("SIGTERM", takeOver(client, stopped::terminate));
                awaitShares(client, "9");
                writers.awaitMore(100);
            }
            for (int table = 0; table < TABLES; table++) {
                client.assertSyncedEquals(NAME + table, TOTALS);
            }
            assertThat(client.rows("SELECT DISTINCT status, consecutive_errors FROM runnel.stream_tables"))
                    .isEqualTo(List.of("ACTIVE|0"));
            assertThat(client.rows("SELECT DISTINCT error FROM runnel.refresh_history WHERE mode = 'FAILED'"))
                    .isEmpty();
        }
    }

    /** Its lease and its lead are gone at once, while it still waits for what is under way. */
    @Test
    void service_that_is_stopped_while_it_leads_holds_up_nobody_else() throws Exception {
        DataSource database = server.createDatabase("stopped_leader");
        try (SqlClient client = new SqlClient(database);
                SqlClient blocker = new SqlClient(database);
                ServiceProcess one = ServiceProcess.launch(server.url("postgres", "stopped_leader"));
                ServiceProcess other = ServiceProcess.launch(server.url("postgres", "stopped_leader"))) {
            one.awaitReady();
            other.awaitReady();
            createTables(client, 2);
            awaitShares(client, "1", "1");
            awaitRegion(client, "r0", 2);
            String leader = client.rows("SELECT substring(application_name FROM '[0-9a-f]{12}') FROM pg_locks"
                            + " JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND classid = 5395792"
                            + " AND objid = 0 AND datname = current_database()")
                    .get(0);
            String blocked = client.rows(
                            "SELECT table_name FROM runnel_internal.stream_table JOIN runnel_internal.share"
                                    + " USING (id) WHERE instance = '" + leader + "'")
                    .get(0);
            ServiceProcess leading = answers(one, leader) ? one : other;
            blocker.begin();
            blocker.run("LOCK TABLE " + blocked);
            client.run("INSERT INTO orders (region, amount) VALUES ('blocked', 1)");
            client.awaitRow("SELECT FROM pg_locks WHERE NOT granted AND relation = '" + blocked + "'::regclass");
            leading.terminate();
            String free = blocked.equals(NAME + 0) ? NAME + 1 : NAME + 0;
            for (int row = 0; row < 5; row++) {
                String region = "while_it_ends_" + row;
                client.run("INSERT INTO orders (region, amount) VALUES ('" + region + "', 1)");
                Duration took = Await.until(
                        () -> region + " in " + free,
                        () -> !client.rows("SELECT FROM " + free + " WHERE region = '" + region + "'")
                                .isEmpty());
                assertThat(took).isLessThan(Duration.ofSeconds(2));
                Thread.sleep(300);
            }
            assertThat(leading.alive()).as("it waits for what is under way").isTrue();
            blocker.run("ROLLBACK");
            leading.awaitExit();
            awaitRegion(client, "while_it_ends_4", 2);
            client.assertSyncedEquals(blocked, TOTALS);
        }
    }

    private static boolean answers(ServiceProcess service, String instance) throws Exception {
        return service.get("/api/v1/replicas")
                .body()
                .matches("(?s).*\"instance\":\"" + instance + "\"[^}]*\"answering\":true.*");
    }

    /** A write that nobody else's follows is noticed by whoever sleeps, also when another one has armed the source. */
    @Test
    void all_services_are_woken_up_whoever_holds_the_lock() throws Exception {
        DataSource database = server.createDatabase("asleep");
        try (SqlClient client = new SqlClient(database);
                ServiceProcess one = ServiceProcess.launch(server.url("postgres", "asleep"));
                ServiceProcess other = ServiceProcess.launch(server.url("postgres", "asleep"))) {
            one.awaitReady();
            other.awaitReady();
            createTables(client, 4);
            awaitShares(client, "2", "2");
            int late = 0;
            for (int round = 0; round < 10; round++) {
                Thread.sleep(500);
                client.run("INSERT INTO orders (region, amount) VALUES ('round" + round + "', 1)");
                Duration took = awaitRegion(client, "round" + round, 4);
                late += took.compareTo(Duration.ofMillis(800)) > 0 ? 1 : 0;
            }
            // Whoever is not woken up looks after a second.
            assertThat(late).isLessThanOrEqualTo(3);
            one.kill();
            Thread.sleep(5_000);
            client.run("INSERT INTO orders (region, amount) VALUES ('alone', 1)");
            assertThat(awaitRegion(client, "alone", 4)).isLessThan(Duration.ofSeconds(2));
        }
    }

    private static void createTables(SqlClient client, int count) throws SQLException {
        Orders.create(client);
        for (int table = 0; table < count; table++) {
            client.run("SELECT runnel.create_stream_table('" + NAME + table + "', '" + TOTALS.replace("'", "''")
                    + "', schedule => 'on-change')");
        }
    }

    /** The longest of the times that the tables have been behind. */
    private static Duration takeOver(SqlClient client, Blow blow) throws Exception {
        blow.strike();
        client.run("INSERT INTO orders (region, amount) VALUES ('after', 1)");
        Duration took = awaitRegion(client, "after", TABLES);
        client.run("DELETE FROM orders WHERE region = 'after'");
        Await.until(() -> "deletion", () -> present(client, "after", TABLES) == 0);
        return took;
    }

    private static Duration awaitRegion(SqlClient client, String region, int tables) {
        return Await.until(() -> region + " in all tables", () -> present(client, region, tables) == tables);
    }

    private static int present(SqlClient client, String region, int tables) throws SQLException {
        return client.rows(IntStream.range(0, tables)
                        .mapToObj(table -> "SELECT FROM " + NAME + table + " WHERE region = '" + region + "'")
                        .collect(Collectors.joining(" UNION ALL ")))
                .size();
    }

    private static void awaitShares(SqlClient client, String... counts) {
        Await.until(() -> "shares " + List.of(counts), () -> {
            List<String> shares =
                    client.rows("SELECT assigned_read_models FROM runnel.replicas ORDER BY assigned_read_models");
            return shares.equals(List.of(counts)) || (counts.length == 1 && shares.equals(List.of("0")));
        });
    }

    /** How many tables a service has refreshed. */
    private static long refreshed(ServiceProcess service) throws Exception {
        return TABLE_LABEL
                .matcher(service.get("/q/metrics").body())
                .results()
                .map(found -> found.group(1))
                .distinct()
                .count();
    }

    private static void report(String what, Duration took) {
        System.out.printf("taken over after %s within %d ms%n", what, took.toMillis());
        assertThat(took).as(what).isLessThan(TAKEOVER_MAX);
    }

    @FunctionalInterface
    private interface Blow {
        void strike() throws Exception;
    }
}
