package io.runnel.fault;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import javax.sql.DataSource;

/** A client that takes every connection that the server has for its likes, and each that becomes free, until it is closed. */
final class ConnectionStorm implements AutoCloseable {

    private static final Duration PAUSE = Duration.ofMillis(20);
    private static final String NONE_LEFT = "53300";

    private final DataSource database;
    private final List<Connection> held = new ArrayList<>();
    private final Thread thread = new Thread(this::rage, "connection-storm");
    private volatile boolean complete;
    private volatile boolean stopped;

    /** Returns when there is none left. */
    ConnectionStorm(DataSource database) {
        this.database = database;
        thread.start();
        Await.until(() -> "no connection left", () -> complete);
    }

    @Override
    public void close() throws Exception {
        stopped = true;
        thread.join();
        for (Connection connection : held) {
            connection.close();
        }
    }

    private void rage() {
        while (!stopped) {
            try {
                held.add(database.getConnection());
            } catch (SQLException refused) {
                complete |= NONE_LEFT.equals(refused.getSQLState());
                LockSupport.parkNanos(PAUSE.toNanos());
            }
        }
    }
}
