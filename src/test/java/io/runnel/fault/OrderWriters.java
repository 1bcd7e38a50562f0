package io.runnel.fault;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/** Applications that write orders until they are stopped, and connect again when the database throws them out. */
final class OrderWriters implements AutoCloseable {

    private static final int WRITERS = 3;
    private static final Duration PAUSE = Duration.ofMillis(20);

    private final DataSource database;
    private final ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
    private final List<Future<?>> running = new ArrayList<>();
    private final AtomicInteger committed = new AtomicInteger();
    private volatile boolean stopped;

    OrderWriters(DataSource database) {
        this.database = database;
        for (int i = 0; i < WRITERS; i++) {
            String region = "'w" + i + "'";
            running.add(threads.submit(() -> {
                write(region);
                return region;
            }));
        }
    }

    int committed() {
        return committed.get();
    }

    /** Waits until so many more transactions have been committed. */
    void awaitMore(int transactions) {
        int wanted = committed.get() + transactions;
        Await.until(() -> committed + " of " + wanted + " transactions committed", () -> committed.get() >= wanted);
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

    private void write(String region) throws SQLException {
        while (!stopped) {
            try (SqlClient session = new SqlClient(database)) {
                for (int i = 0; !stopped; i++) {
                    transaction(session, region, i);
                    committed.incrementAndGet();
                }
            } catch (SQLException e) {
                if (!lost(e)) {
                    throw e;
                }
                LockSupport.parkNanos(PAUSE.toNanos());
            }
        }
    }

    private static void transaction(SqlClient session, String region, int i) throws SQLException {
        session.begin();
        session.run("INSERT INTO orders (region, amount) VALUES (" + region + ", " + i % 50 + ")");
        session.run("UPDATE orders SET amount = amount + 1 WHERE region = " + region + " AND amount = " + i / 2 % 50);
        session.run("DELETE FROM orders WHERE region = " + region + " AND amount = " + i % 53);
        session.commit();
    }

    /** The server is away, shuts down, recovers, has ended this connection, or has no room for it or for what it writes. */
    static boolean lost(SQLException e) {
        String state = String.valueOf(e.getSQLState());
        return state.startsWith("08") || state.startsWith("57P") || state.startsWith("53");
    }
}
