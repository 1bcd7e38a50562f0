package io.runnel.postgres;

import io.runnel.sql.Sql;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;

/**
 * Makes every connection alike before it is used, whatever the defaults of the server, the database and the role.
 *
 * <p>PostgreSQL notices within a second that the service is gone, also in the middle of a statement, and within seconds
 * that its machine is; otherwise what a dead service left running would hold its locks for as long as it runs. (A server
 * on Windows cannot look.) The service's own statements find PostgreSQL's functions and operators only, never those that
 * somebody has put into a schema of the path where they fit better, nor temporary tables.
 */
final class Connections {

    private static final Logger LOG = Logger.getLogger(Connections.class);
    /** What all connections set; also after everything that they have set was reset. */
    static final Sql SETTINGS = Sql.of("""
            RESET ALL;
            SET search_path = pg_catalog, pg_temp;
            SET client_min_messages = warning;
            SET tcp_keepalives_idle = 5;
            SET tcp_keepalives_interval = 2;
            SET tcp_keepalives_count = 3;
            SELECT set_config('client_connection_check_interval', '1s', false)
            WHERE version() !~* 'visual c|msvc|mingw'""");

    private static final Sql SETTLE = Sql.of("{};\nSELECT pg_catalog.pg_backend_pid()", SETTINGS);

    private Connections() {}

    /** The pool uses the connection when it is given back. */
    static void settle(SqlConnection connection, Optional<LostConnections> lost) {
        // Whoever waits is told; the driver would print the stack.
        connection.exceptionHandler(thrown -> LOG.debugf("a connection fails: %s", thrown.getMessage()));
        AtomicBoolean gone = new AtomicBoolean();
        connection.closeHandler(closed -> gone.set(true));
        connection.query(SETTLE.text()).execute().onComplete(done -> {
            if (done.failed()) {
                LOG.warnf(
                        "a new connection has not got its settings: %s",
                        done.cause().getMessage());
            } else {
                lost.ifPresent(watch -> watch.watch(driver(connection), backend(done.result())));
            }
            // The pool has been told of one that has ended meanwhile, and could not take it back.
            if (!gone.get()) {
                connection.close();
            }
        });
    }

    /** What the driver has under what it hands out. */
    static SocketConnectionBase driver(SqlConnection connection) {
        return (SocketConnectionBase)
                ((SqlConnectionInternal) connection).unwrap().unwrap();
    }

    private static int backend(RowSet<Row> first) {
        RowSet<Row> last = first;
        while (last.next() != null) {
            last = last.next();
        }
        return last.iterator().next().getInteger(0);
    }
}
