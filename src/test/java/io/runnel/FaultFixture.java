package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.postgresql.util.PSQLException;

/** A table with a stream table over it, and writers that are busy with it. */
abstract class FaultFixture {

    static final String TOTALS =
            "SELECT region, count(*) AS orders, sum(amount) AS total FROM fault_orders GROUP BY region";
    static final String LARGE = "SELECT id, amount FROM fault_orders WHERE amount > 50";

    /** The service's connections: those of the tests and of the migrations are made by JDBC. */
    static final String SERVICE_CONNECTIONS = "pid <> pg_backend_pid() AND datname = current_database()"
            + " AND backend_type = 'client backend' AND application_name NOT LIKE 'PostgreSQL JDBC%'";

    static final String LISTENER = "application_name LIKE 'runnel listener%'";

    static final int WRITERS = 3;
    static final int TRANSACTIONS = 300;
    static final int BLOWS = 3;

    @Inject
    DataSource database;

    SqlClient client;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE TABLE fault_orders (id bigserial PRIMARY KEY, region text, amount numeric)");
        insert(client, 100);
        create("fault_totals", TOTALS, "on-change");
        client.assertSyncedEquals("fault_totals", TOTALS);
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT runnel.drop_stream_table('fault_totals', true)");
        client.run("DROP TABLE fault_orders");
        client.close();
    }

    final void strikeDuringWrites(String connections) throws Exception {
        duringWrites(round -> {
            client.awaitRow("SELECT FROM pg_stat_activity WHERE " + connections);
            client.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + connections);
        });
    }

    /** Strikes several times, each time after some more transactions of the writers. */
    final void duringWrites(Blow blow) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Future<?>> writers = new ArrayList<>();
        for (int writer = 0; writer < WRITERS; writer++) {
            int region = writer;
            writers.add(threads.submit(() -> {
                write(region);
                return region;
            }));
        }
        for (int round = 0; round < BLOWS; round++) {
            client.awaitRow("SELECT FROM fault_orders WHERE region = 'w0' OFFSET " + round * TRANSACTIONS / BLOWS);
            blow.strike(round);
        }
        for (Future<?> writer : writers) {
            assertThat(writer.get(60, TimeUnit.SECONDS)).isNotNull();
        }
        threads.shutdown();
    }

    final void write(int number) throws SQLException {
        String region = "'w" + number + "'";
        try (SqlClient writer = new SqlClient(database)) {
            for (int i = 0; i < TRANSACTIONS; i++) {
                writer.begin();
                writer.run("INSERT INTO fault_orders (region, amount) VALUES (" + region + ", " + i + ")");
                writer.run("UPDATE fault_orders SET amount = amount + 1 WHERE region = " + region + " AND amount = "
                        + i / 2);
                writer.run("DELETE FROM fault_orders WHERE region = 'r" + number + "' AND amount = " + i % 100);
                writer.commit();
            }
        }
    }

    final void create(String name, String query, String schedule) throws SQLException {
        client.run(
                "SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, '" + schedule + "')");
    }

    final void alter(String name, String query) throws SQLException {
        client.run("SELECT runnel.alter_stream_table('" + name + "', query => $query$" + query + "$query$)");
    }

    static void insert(SqlClient session, int rows) throws SQLException {
        session.run("INSERT INTO fault_orders (region, amount) SELECT 'r' || i % 4, i FROM generate_series(1, " + rows
                + ") AS i");
    }

    final PSQLException refused(String statement) {
        return catchThrowableOfType(PSQLException.class, () -> client.run(statement));
    }

    /** What befalls the service while others write. */
    interface Blow {
        void strike(int round) throws SQLException;
    }
}
