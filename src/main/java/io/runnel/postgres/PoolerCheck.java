package io.runnel.postgres;

import io.quarkus.flyway.FlywayConfigurationCustomizer;
import jakarta.inject.Singleton;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;
import org.flywaydb.core.api.FlywayException;
import org.flywaydb.core.api.callback.BaseCallback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;
import org.flywaydb.core.api.configuration.FluentConfiguration;

/**
 * Refuses to start behind a pooler that gives its clients another connection for each transaction. The service listens, holds
 * locks, keeps statements prepared and has settings that its safety depends on, all in sessions.
 *
 * <p>Before the migrations, which would be the first to suffer.
 */
@Singleton
public class PoolerCheck implements FlywayConfigurationCustomizer {

    @Override
    public void customize(FluentConfiguration configuration) {
        configuration.callbacks(new BeforeMigrations());
    }

    /** Whether one session of the server serves two connections at once. */
    static boolean sharesConnections(DataSource database) throws SQLException {
        try (Connection one = database.getConnection();
                Connection other = database.getConnection()) {
            return backend(one) == backend(other);
        }
    }

    private static long backend(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery("SELECT pg_catalog.pg_backend_pid()")) {
            found.next();
            return found.getLong(1);
        }
    }

    private static final class BeforeMigrations extends BaseCallback {

        @Override
        public boolean supports(Event event, Context context) {
            return event == Event.BEFORE_MIGRATE;
        }

        @Override
        public void handle(Event event, Context context) {
            try {
                if (sharesConnections(context.getConfiguration().getDataSource())) {
                    throw new FlywayException(
                            "a connection pooler gives each transaction another connection of the database, but Runnel listens,"
                                    + " locks and prepares statements in its sessions; let it pool sessions (in PgBouncer:"
                                    + " pool_mode = session), or give Runnel the address of the database itself");
                }
            } catch (SQLException failed) {
                throw new FlywayException("the database cannot be asked: " + failed.getMessage(), failed);
            }
        }
    }
}
