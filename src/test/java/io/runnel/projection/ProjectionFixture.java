package io.runnel.projection;

import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A schema of its own, in which projections and their logs come and go. */
abstract class ProjectionFixture {

    @Inject
    DataSource database;

    SqlClient client;

    @BeforeEach
    void enter() throws SQLException {
        client = client();
        clear();
        client.run("CREATE SCHEMA projected");
    }

    @AfterEach
    void leave() throws SQLException {
        clear();
        client.close();
    }

    private void clear() throws SQLException {
        for (String name : client.rows("SELECT name FROM runnel.projections")) {
            client.run("SELECT runnel.drop_projection('" + name + "')");
        }
        client.run("DROP SCHEMA IF EXISTS projected CASCADE");
    }

    /** Another session, in the same schema. */
    final SqlClient client() throws SQLException {
        SqlClient session = new SqlClient(database);
        session.run("SET search_path = projected, public");
        session.run("SET client_min_messages = warning");
        return session;
    }

    /** Waits until the projection has handled what was committed before. */
    final void awaitCaughtUp(String projection) throws SQLException {
        client.awaitRow(
                "SELECT FROM runnel.projections WHERE name = '" + projection
                        + "' AND NOT runnel_internal.projection_pending(id) AND last_processed_position IS NOT DISTINCT FROM latest_position");
    }

    final void awaitStatus(String projection, String status) throws SQLException {
        client.awaitRow(
                "SELECT FROM runnel.projections WHERE name = '" + projection + "' AND status = '" + status + "'");
    }
}
