package io.runnel.fault;

import static io.runnel.fault.Orders.TOTALS;
import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two-phase commit: a transaction that has notified cannot be prepared, and one that is prepared may end days later. */
class PreparedTransactionIT {

    private static final Map<String, String> TWO_PHASE = Map.of("max_prepared_transactions", "10");

    private static PostgresServer server;
    private static DataSource database;
    private static ServiceProcess service;

    private SqlClient client;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("prepared", TWO_PHASE);
        database = server.createDatabase("prepared");
        service = ServiceProcess.start(server, "prepared");
    }

    @AfterAll
    static void stop() throws Exception {
        service.close();
        server.close();
    }

    @BeforeEach
    void build() throws Exception {
        client = new SqlClient(database);
        Orders.create(client);
        create("totals", TOTALS);
        client.assertSyncedEquals("totals", TOTALS);
    }

    @AfterEach
    void clean_up() throws Exception {
        for (String left : client.rows("SELECT gid FROM pg_prepared_xacts")) {
            client.run("ROLLBACK PREPARED '" + left + "'");
        }
        client.run("SELECT runnel.drop_stream_table('totals')");
        client.run("DROP TABLE orders");
        client.close();
    }

    @Test
    void prepared_changes_appear_when_they_are_committed_and_delay_nobody_before() throws Exception {
        prepare("early", "INSERT INTO orders (region, amount) VALUES ('two-phase', 5)");
        for (int i = 1; i <= 3; i++) {
            client.run("INSERT INTO orders (region, amount) VALUES ('quick', 1)");
            client.awaitRow("SELECT FROM totals WHERE region = 'quick' AND orders = " + i);
            client.assertSyncedEquals("totals", TOTALS);
        }
        assertThat(client.rows("SELECT FROM totals WHERE region = 'two-phase'")).isEmpty();
        client.run("COMMIT PREPARED 'early'");
        client.awaitRow("SELECT FROM totals WHERE region = 'two-phase' AND total = 5");
        client.assertSyncedEquals("totals", TOTALS);
        assertThat(client.modes("totals")).containsOnlyOnce("FULL").doesNotContain("FAILED");
    }

    @Test
    void prepared_changes_that_are_rolled_back_leave_no_trace() throws Exception {
        prepare("regretted", "UPDATE orders SET region = 'two-phase' WHERE id % 3 = 0");
        client.run("INSERT INTO orders (region, amount) VALUES ('quick', 1)");
        client.assertSyncedEquals("totals", TOTALS);
        client.run("ROLLBACK PREPARED 'regretted'");
        client.run("INSERT INTO orders (region, amount) VALUES ('quick', 1)");
        client.assertSyncedEquals("totals", TOTALS);
        assertThat(client.rows("SELECT FROM totals WHERE region = 'two-phase'")).isEmpty();
    }

    @Test
    void prepared_changes_survive_the_service_and_the_server() throws Exception {
        prepare("patient", "DELETE FROM orders WHERE id % 2 = 0");
        prepare("hopeless", "INSERT INTO orders (region, amount) VALUES ('hopeless', 1)");
        service.kill();
        client.run("INSERT INTO orders (region, amount) VALUES ('alone', 1)");
        server.crash();
        server.restart();
        client = new SqlClient(database);
        service = ServiceProcess.start(server, "prepared");
        client.awaitRow("SELECT FROM totals WHERE region = 'alone'");
        client.assertSyncedEquals("totals", TOTALS);
        client.run("COMMIT PREPARED 'patient'");
        client.run("ROLLBACK PREPARED 'hopeless'");
        client.awaitRow("SELECT FROM totals WHERE region = 'r1' AND orders = 25");
        client.assertSyncedEquals("totals", TOTALS);
        client.awaitRow("SELECT WHERE (SELECT sum(orders) FROM totals) = 51");
    }

    @Test
    void capture_says_which_prepared_transaction_it_waits_for() throws Exception {
        client.run("CREATE TABLE notes (id int PRIMARY KEY)");
        prepare("blocking", "INSERT INTO notes VALUES (1)");
        create("waiting", "SELECT id FROM notes");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'waiting'"
                + " AND waits_for LIKE '%public.notes%prepared transaction blocking%'");
        client.run("COMMIT PREPARED 'blocking'");
        client.assertSyncedEquals("waiting", "SELECT id FROM notes");
        client.run("SELECT runnel.drop_stream_table('waiting')");
        client.run("DROP TABLE notes");
    }

    @Test
    void transactions_can_be_prepared_under_capture_that_was_installed_before_the_server_allowed_it() throws Exception {
        try (PostgresServer upgraded = new PostgresServer("upgraded", Map.of("max_prepared_transactions", "0"))) {
            DataSource other = upgraded.createDatabase("upgraded");
            try (ServiceProcess its = ServiceProcess.start(upgraded, "upgraded")) {
                try (SqlClient before = new SqlClient(other)) {
                    Orders.createTable(before);
                    before.run(
                            "SELECT runnel.create_stream_table('totals', $query$" + TOTALS + "$query$, 'on-change')");
                    before.assertSyncedEquals("totals", TOTALS);
                    // Asleep, so that a writer would have to notify it.
                    before.awaitRow("SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = " + 0x52554e);
                }
                upgraded.crash();
                upgraded.restart(TWO_PHASE);
                its.awaitReady();
                try (SqlClient after = new SqlClient(other)) {
                    for (int i = 0; i < 50; i++) {
                        after.begin();
                        after.run("INSERT INTO orders (region, amount) VALUES ('two-phase', 1)");
                        after.run("PREPARE TRANSACTION 'later'");
                        after.run("COMMIT PREPARED 'later'");
                    }
                    after.awaitRow("SELECT FROM totals WHERE orders = 50");
                }
            }
        }
    }

    private void prepare(String name, String change) throws Exception {
        client.begin();
        client.run(change);
        client.run("PREPARE TRANSACTION '" + name + "'");
    }

    private void create(String name, String query) throws Exception {
        client.run("SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, 'on-change')");
    }
}
