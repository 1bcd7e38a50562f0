package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** One stream table, {@code finding.result}, in a schema of its own that each test finds empty. */
abstract class Finding {

    @Inject
    DataSource database;

    private Client client;

    @BeforeEach
    void connect() throws SQLException {
        client = new Client(database);
        client.run("CREATE SCHEMA finding");
    }

    @AfterEach
    void drop() throws SQLException {
        for (String table : client.rows("SELECT table_name FROM runnel.stream_tables WHERE schema_name = 'finding'")) {
            client.run("SELECT runnel.drop_stream_table('finding." + table + "')");
        }
        client.run("RESET ALL; RESET ROLE; DROP SCHEMA finding CASCADE");
        client.close();
    }

    final void run(String... statements) throws SQLException {
        for (String statement : statements) {
            client.run(statement);
        }
    }

    final String refused(String statement) {
        return String.valueOf(catchThrowableOfType(SQLException.class, () -> client.run(statement))
                .getMessage());
    }

    /** Creates the stream table and waits until it is filled. */
    final void create(String query) throws SQLException {
        client.run("SELECT runnel.create_stream_table('finding.result', $query$" + query + "$query$, 'manual')");
        settled();
        assertThat(state()).startsWith("ACTIVE");
    }

    final void createDifferential(String query) throws SQLException {
        create(query);
        assertThat(state()).startsWith("ACTIVE DIFFERENTIAL");
    }

    final String state() throws SQLException {
        return client.rows("SELECT concat_ws(' ', status, effective_mode, full_reason, last_error)"
                        + " FROM runnel.stream_tables WHERE schema_name = 'finding'")
                .get(0);
    }

    /** Refreshes the table, which then equals the query. */
    final void assertRefreshed(String query) throws SQLException {
        client.run("CALL runnel.refresh('finding.result', '10s')");
        assertThat(client.differences("finding.result", query)).isEqualTo(List.of());
    }

    /** The modes of all refreshes so far, oldest first. */
    final List<String> modes() throws SQLException {
        return client.rows("SELECT mode FROM runnel.refresh_history WHERE schema_name = 'finding' ORDER BY id");
    }

    final void settled() throws SQLException {
        client.await("SELECT FROM runnel.stream_tables WHERE schema_name = 'finding' AND status <> 'INITIALIZING'");
    }
}
