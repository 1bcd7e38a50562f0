package io.runnel.fault;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/**
 * Applications that append to table {@code log} until they are stopped: they take positions and commit in whatever order,
 * take some long before they use them, give some up again, and connect again when the database throws them out.
 */
final class EventWriters implements AutoCloseable {

    static final int ENTITIES = 100;

    private static final int WRITERS = 4;
    private static final int STATEMENTS_MAX = 4;
    private static final Duration RECONNECTION_PAUSE = Duration.ofMillis(20);
    private static final double PAUSE_SECONDS_MAX = 0.02;

    private final ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
    private final List<Future<?>> running = new ArrayList<>();
    private final AtomicInteger ended = new AtomicInteger();
    private volatile boolean stopped;

    EventWriters(DataSource database, long seed) {
        for (int i = 0; i < WRITERS; i++) {
            Random random = new Random(seed + i);
            running.add(threads.submit(() -> {
                write(database, random);
                return random;
            }));
        }
    }

    /** Waits until so many more transactions have been committed or rolled back. */
    void awaitMore(int transactions) {
        int wanted = ended.get() + transactions;
        Await.until(() -> ended + " of " + wanted + " transactions ended", () -> ended.get() >= wanted);
    }

    /** Lets each writer finish its transaction. */
    @Override
    public void close() throws Exception {
        stopped = true;
        for (Future<?> writer : running) {
            writer.get(Await.WAIT_MAX.toSeconds(), TimeUnit.SECONDS);
        }
        threads.shutdown();
    }

    private void write(DataSource database, Random random) throws SQLException {
        while (!stopped) {
            try (SqlClient session = new SqlClient(database)) {
                while (!stopped) {
                    transaction(session, random);
                    ended.incrementAndGet();
                }
            } catch (SQLException e) {
                if (!OrderWriters.lost(e)) {
                    throw e;
                }
                LockSupport.parkNanos(RECONNECTION_PAUSE.toNanos());
            }
        }
    }

    private static void transaction(SqlClient session, Random random) throws SQLException {
        session.begin();
        int statements = 1 + random.nextInt(STATEMENTS_MAX);
        for (int i = 0; i < statements; i++) {
            append(session, random);
        }
        session.run(random.nextInt(4) == 0 ? "ROLLBACK" : "COMMIT");
    }

    private static void append(SqlClient session, Random random) throws SQLException {
        boolean savepoint = random.nextInt(3) == 0;
        if (savepoint) {
            session.run("SAVEPOINT here");
        }
        if (random.nextInt(4) == 0) {
            appendBackwards(session, random);
        } else {
            session.run("INSERT INTO log (entity) SELECT " + random.nextInt(ENTITIES) + " FROM generate_series(1, "
                    + (1 + random.nextInt(3)) + ")");
        }
        if (savepoint) {
            session.run(random.nextBoolean() ? "ROLLBACK TO SAVEPOINT here" : "RELEASE SAVEPOINT here");
        }
        if (random.nextInt(3) == 0) {
            pause(session, random);
        }
    }

    /** Takes two positions for one entity, waits, and uses the second one first. */
    private static void appendBackwards(SqlClient session, Random random) throws SQLException {
        int entity = random.nextInt(ENTITIES);
        String first = session.rows("SELECT nextval('log_position_seq')").get(0);
        String second = session.rows("SELECT nextval('log_position_seq')").get(0);
        pause(session, random);
        session.run("INSERT INTO log (position, entity) VALUES (" + second + ", " + entity + ")");
        session.run("INSERT INTO log (position, entity) VALUES (" + first + ", " + entity + ")");
    }

    private static void pause(SqlClient session, Random random) throws SQLException {
        session.run("SELECT pg_sleep(" + random.nextDouble() * PAUSE_SECONDS_MAX + ")");
    }
}
