package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Positions are taken in one order and committed in another; each event is handled once, and in order per entity. */
abstract class GapContract extends ProjectionFixture {

    private static final String PROJECTION = "gap_projection";
    private static final int WRITERS = 6;
    private static final int TRANSACTIONS = 60;
    private static final int ENTITIES = 5;

    @BeforeEach
    void create() throws SQLException {
        client.run("CREATE TABLE log (position bigserial PRIMARY KEY, entity int NOT NULL, writer int NOT NULL)");
        client.run(
                "CREATE TABLE handled (sequence bigserial PRIMARY KEY, position bigint NOT NULL, entity int NOT NULL)");
    }

    abstract int workers();

    private void project() throws SQLException {
        client.run(
                "SELECT runnel.create_projection('" + PROJECTION + "', 'log', 'position', entity_column => 'entity',"
                        + " workers => " + workers() + ", batch_size => 20, targets => '{handled}',"
                        + " default_handler => 'INSERT INTO handled (position, entity) VALUES (event.position, event.entity)')");
    }

    @Test
    void every_committed_event_is_handled_once_and_in_order_whatever_the_order_of_commits() throws Exception {
        project();
        write(0);
        awaitCaughtUp(PROJECTION);
        assertComplete();
        assertOrdered("SELECT sequence, position FROM handled");
    }

    /** Whatever a session has cached comes late; each entity is written by one session, so its order is known. */
    @Test
    void sequence_caches_lose_nothing_and_keep_the_order_of_each_session() throws Exception {
        client.run("ALTER SEQUENCE log_position_seq CACHE 15");
        project();
        write(1);
        awaitCaughtUp(PROJECTION);
        assertComplete();
        for (int writer = 0; writer < WRITERS; writer++) {
            assertOrdered("SELECT sequence, position FROM handled WHERE entity = " + writer);
        }
    }

    @Test
    void gap_is_waited_for_while_its_writer_is_open_and_costs_nothing_when_it_rolls_back() throws SQLException {
        project();
        try (SqlClient slow = client()) {
            slow.begin();
            slow.run("INSERT INTO log (entity, writer) VALUES (1, 1)");
            client.run("INSERT INTO log (entity, writer) VALUES (1, 2), (2, 2)");
            client.run("SELECT pg_sleep(0.5)");
            assertThat(client.rows("SELECT * FROM handled")).isEmpty();
            slow.run("ROLLBACK");
            client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
            slow.begin();
            slow.run("INSERT INTO log (entity, writer) VALUES (1, 1)");
            client.run("INSERT INTO log (entity, writer) VALUES (1, 2)");
            client.run("SELECT pg_sleep(0.3)");
            slow.commit();
        }
        client.awaitRow("SELECT FROM handled HAVING count(*) = 4");
        assertHandled("2", "3", "4", "5");
    }

    @Test
    void position_taken_by_itself_before_the_insert_is_waited_for() throws SQLException {
        project();
        try (SqlClient slow = client()) {
            slow.begin();
            String position = slow.rows("SELECT nextval('log_position_seq')").get(0);
            client.run("INSERT INTO log (entity, writer) VALUES (1, 2)");
            client.run("SELECT pg_sleep(0.3)");
            assertThat(client.rows("SELECT * FROM handled")).isEmpty();
            slow.run("INSERT INTO log (position, entity, writer) VALUES (" + position + ", 1, 1)");
            slow.commit();
        }
        client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
        assertThat(client.rows("SELECT position FROM handled ORDER BY sequence"))
                .containsExactly("1", "2");
    }

    @Test
    void other_transactions_however_long_delay_nothing() throws SQLException {
        project();
        try (SqlClient other = client()) {
            other.begin();
            other.run("CREATE TABLE elsewhere (id int)");
            other.run("INSERT INTO elsewhere VALUES (1)");
            client.run("INSERT INTO log (entity, writer) VALUES (1, 1)");
            client.run("BEGIN; INSERT INTO log (entity, writer) VALUES (1, 1); ROLLBACK");
            client.run("INSERT INTO log (entity, writer) VALUES (1, 1)");
            client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
            other.run("ROLLBACK");
        }
    }

    @Test
    void position_reserved_long_before_is_handled_when_it_appears() throws SQLException {
        project();
        client.run("INSERT INTO log (position, entity, writer) VALUES (10, 1, 1), (30, 1, 1)");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
        client.run("INSERT INTO log (position, entity, writer) VALUES (20, 2, 1), (5, 2, 1), (40, 2, 1)");
        awaitCaughtUp(PROJECTION);
        assertHandled("10", "30", "5", "20", "40");
    }

    /** Every connection of the service is cut again and again, in the middle of whatever it does. */
    @Test
    void service_that_loses_its_connections_handles_every_event_once_and_in_order() throws Exception {
        project();
        CompletableFuture<Void> writers = writing();
        int blows = 0;
        while (!writers.isDone() || blows < 5) {
            client.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                    + " AND datname = current_database() AND backend_type = 'client backend'"
                    + " AND application_name NOT LIKE 'PostgreSQL JDBC%'");
            client.run("SELECT pg_sleep(random() * 0.5)");
            blows++;
        }
        writers.get();
        awaitCaughtUp(PROJECTION);
        assertComplete();
        assertOrdered("SELECT sequence, position FROM handled");
    }

    /** Whoever reads meanwhile sees no event disappear, whichever version the table shows. */
    @Test
    void rebuild_side_by_side_loses_and_repeats_nothing_while_events_come() throws Exception {
        project();
        CompletableFuture<Void> writers = writing();
        int exchanges = 0;
        int seen = 0;
        client.run("SELECT runnel.rebuild_projection('" + PROJECTION + "', side_by_side => true)");
        while (!writers.isDone() || exchanges < 3) {
            int now = Integer.parseInt(
                    client.rows("SELECT count(DISTINCT position) FROM handled").get(0));
            assertThat(now).isGreaterThanOrEqualTo(seen);
            seen = now;
            if (client.rows(
                                    "SELECT status FROM runnel.projection_rebuilds WHERE status IN ('EXCHANGED', 'ROLLED_BACK')")
                            .size()
                    == 1) {
                exchanges++;
                client.run("SELECT runnel.roll_back_rebuild('" + PROJECTION + "')");
            }
        }
        writers.get();
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status IN ('EXCHANGED', 'ROLLED_BACK')");
        client.run("SELECT runnel.finish_rebuild('" + PROJECTION + "')");
        awaitCaughtUp(PROJECTION);
        assertComplete();
    }

    @Test
    void partitions_of_a_log_are_seen_whichever_way_events_come_and_whenever_they_are_attached() throws SQLException {
        client.run("DROP TABLE log");
        client.run("CREATE TABLE log (position bigint GENERATED ALWAYS AS IDENTITY, entity int, writer int,"
                + " PRIMARY KEY (position, writer)) PARTITION BY LIST (writer)");
        client.run("CREATE TABLE log_1 PARTITION OF log FOR VALUES IN (1)");
        project();
        client.run("CREATE TABLE log_2 PARTITION OF log FOR VALUES IN (2)");
        try (SqlClient slow = client()) {
            slow.begin();
            slow.run("INSERT INTO log (entity, writer) VALUES (1, 1)");
            client.run("INSERT INTO log (entity, writer) VALUES (1, 2)");
            client.run("SELECT pg_sleep(0.2)");
            slow.commit();
        }
        client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
        client.run("INSERT INTO log_2 (position, entity, writer) OVERRIDING SYSTEM VALUE VALUES (20, 1, 2)");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 3");
        client.run("INSERT INTO log_2 (position, entity, writer) OVERRIDING SYSTEM VALUE VALUES (10, 1, 2)");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 4");
        assertThat(client.rows("SELECT position FROM handled ORDER BY sequence"))
                .containsExactly("1", "2", "20", "10");
    }

    /** Writers in the background. */
    private CompletableFuture<Void> writing() {
        return CompletableFuture.runAsync(() -> {
            try {
                write(0);
            } catch (Exception e) {
                throw new CompletionException(e);
            }
        });
    }

    /** @param own 1 if each writer writes to an entity of its own */
    private void write(int own) throws Exception {
        long seed = System.nanoTime();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Future<Void>> writers = new ArrayList<>();
        for (int writer = 0; writer < WRITERS; writer++) {
            writers.add(threads.submit(writer(writer, own == 1, new Random(seed + writer))));
        }
        for (Future<Void> writer : writers) {
            writer.get();
        }
        threads.shutdown();
    }

    private Callable<Void> writer(int number, boolean own, Random random) {
        return () -> {
            try (SqlClient session = client()) {
                for (int i = 0; i < TRANSACTIONS; i++) {
                    session.begin();
                    transaction(session, number, own, random);
                    session.run(random.nextInt(4) == 0 ? "ROLLBACK" : "COMMIT");
                }
            }
            return null;
        };
    }

    private static void transaction(SqlClient session, int number, boolean own, Random random) throws SQLException {
        int statements = 1 + random.nextInt(4);
        for (int i = 0; i < statements; i++) {
            boolean savepoint = random.nextInt(3) == 0;
            if (savepoint) {
                session.run("SAVEPOINT here");
            }
            int entity = own ? number : random.nextInt(ENTITIES);
            session.run("INSERT INTO log (entity, writer) SELECT " + entity + ", " + number
                    + " FROM generate_series(1, " + (1 + random.nextInt(3)) + ")");
            if (savepoint) {
                session.run(random.nextBoolean() ? "ROLLBACK TO SAVEPOINT here" : "RELEASE SAVEPOINT here");
            }
            if (random.nextInt(3) == 0) {
                session.run("SELECT pg_sleep(" + random.nextDouble() * 0.02 + ")");
            }
        }
        if (random.nextInt(40) == 0) {
            session.run("SELECT pg_sleep(1)");
        }
    }

    private void assertComplete() throws SQLException {
        assertThat(client.rows("(SELECT position FROM handled EXCEPT ALL SELECT position FROM log)"
                        + " UNION ALL (SELECT position FROM log EXCEPT ALL SELECT position FROM handled)"))
                .isEmpty();
        assertThat(Integer.parseInt(client.rows("SELECT count(*) FROM handled").get(0)))
                .isGreaterThan(WRITERS * TRANSACTIONS / 2);
        assertThat(client.rows("SELECT events_handled FROM runnel.projections WHERE name = '" + PROJECTION + "'"))
                .isEqualTo(client.rows("SELECT count(*) FROM log"));
    }

    /** In this order. */
    void assertHandled(String... positions) throws SQLException {
        assertThat(client.rows("SELECT position FROM handled ORDER BY sequence"))
                .containsExactly(positions);
    }

    void assertOrdered(String handled) throws SQLException {
        assertThat(client.rows("SELECT position FROM (SELECT position, lag(position) OVER (ORDER BY sequence) AS before"
                        + " FROM (" + handled + ") AS handled) AS steps WHERE before > position"))
                .isEmpty();
    }
}
