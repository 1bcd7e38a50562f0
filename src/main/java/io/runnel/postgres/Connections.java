package io.runnel.postgres;

import io.runnel.sql.Sql;
import io.vertx.sqlclient.SqlConnection;
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

    private Connections() {}

    /** The pool uses the connection when it is given back. */
    static void settle(SqlConnection connection) {
        connection.query(SETTINGS.text()).execute().onComplete(done -> {
            if (done.failed()) {
                LOG.warnf(
                        "a new connection has not got its settings: %s",
                        done.cause().getMessage());
            }
            connection.close();
        });
    }
}
