package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Several services on one database, which knows them by a role that is no superuser. */
class ReplicasIT {

    static final String LEADING = "leading: this process schedules the refreshes";
    private static final Duration TAKEOVER_MAX = Duration.ofSeconds(10);

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
    void services_that_start_at_once_on_an_empty_database_share_it_and_one_takes_over_from_the_other()
            throws Exception {
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
                takeOver(client, database, one, other);
            }
        }
    }

    private static void takeOver(SqlClient client, DataSource database, ServiceProcess one, ServiceProcess other)
            throws Exception {
        Await.until(() -> "one of two leads", () -> leads(one) || leads(other));
        ServiceProcess first = leads(one) ? one : other;
        ServiceProcess second = first == one ? other : one;
        try (OrderWriters writers = new OrderWriters(database)) {
            writers.awaitMore(100);
            assertThat(leads(second)).isFalse();
            first.kill();
            client.run("INSERT INTO orders (region, amount) VALUES ('after', 1)");
            Duration taken = Await.until(
                    () -> "takeover",
                    () -> !client.rows("SELECT FROM totals WHERE region = 'after'")
                            .isEmpty());
            assertThat(taken).isLessThan(TAKEOVER_MAX);
            writers.awaitMore(100);
        }
        client.assertSyncedEquals("totals", TOTALS);
        assertThat(leads(second)).isTrue();
        assertThat(client.rows("SELECT status, consecutive_errors FROM runnel.stream_tables"))
                .isEqualTo(List.of("ACTIVE|0"));
        assertThat(client.rows("SELECT error FROM runnel.refresh_history WHERE mode = 'FAILED'"))
                .isEmpty();
    }

    private static boolean leads(ServiceProcess service) {
        return service.lines().stream().anyMatch(line -> line.contains(LEADING));
    }
}
