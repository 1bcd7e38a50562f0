package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.StringJoiner;
import javax.sql.DataSource;

/** One connection of an application, and what it expects of stream tables. */
public final class SqlClient implements AutoCloseable {

    private static final Duration WAIT = Duration.ofSeconds(30);

    private final Connection connection;

    public SqlClient(DataSource database) throws SQLException {
        this.connection = database.getConnection();
    }

    public void run(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** The rows as text, columns separated by bars. */
    public List<String> rows(String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                StringJoiner row = new StringJoiner("|");
                for (int column = 1; column <= result.getMetaData().getColumnCount(); column++) {
                    row.add(String.valueOf(result.getString(column)));
                }
                rows.add(row.toString());
            }
            return rows;
        }
    }

    public void begin() throws SQLException {
        run("BEGIN");
    }

    public void commit() throws SQLException {
        run("COMMIT");
    }

    public void sync(String table) throws SQLException {
        run("CALL runnel.sync('" + table + "', '" + WAIT.toSeconds() + "s')");
    }

    /** Brings the table up to date and compares it with the query as bags of the rows' texts, in both directions. */
    public void assertSyncedEquals(String table, String query) throws SQLException {
        sync(table);
        assertEquals(table, query);
    }

    public void assertEquals(String table, String query) throws SQLException {
        // Aliases that no column has, so that they mean the whole row.
        String actual = "SELECT whole_row::text FROM " + table + " AS whole_row";
        String expected = "SELECT whole_row::text FROM (" + query + "\n) AS whole_row";
        assertThat(rows("(" + actual + " EXCEPT ALL " + expected + ") UNION ALL (" + expected + " EXCEPT ALL " + actual
                        + ")"))
                .as(table)
                .isEmpty();
    }

    /** Waits until the query returns a row; the server looks again and again, each time at a new snapshot. */
    public void awaitRow(String query) throws SQLException {
        run("""
                DO $wait$
                DECLARE
                    late timestamptz := clock_timestamp() + interval '%d seconds';
                BEGIN
                    WHILE NOT EXISTS (%s) LOOP
                        IF clock_timestamp() > late THEN
                            RAISE 'no row in time';
                        END IF;
                        COMMIT;
                        PERFORM pg_sleep(0.02);
                    END LOOP;
                END $wait$""".formatted(WAIT.toSeconds(), query));
    }

    public void awaitStatus(String table, String status) throws SQLException {
        awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = '" + table + "' AND status = '" + status + "'");
    }

    public String effectiveMode(String table) throws SQLException {
        return rows("SELECT effective_mode FROM runnel.stream_tables WHERE table_name = '" + table + "'")
                .get(0);
    }

    /** The modes of all refreshes so far, oldest first. */
    public List<String> modes(String table) throws SQLException {
        return rows("SELECT mode FROM runnel.refresh_history WHERE table_name = '" + table + "' ORDER BY id");
    }

    @Override
    public void close() throws SQLException {
        if (!connection.getAutoCommit()) {
            connection.setAutoCommit(true);
        }
        // The pool would hand a transaction that was begun in SQL, and its locks, to the next.
        try {
            run("ROLLBACK");
        } catch (SQLException e) {
            // It went with its server.
        }
        connection.close();
    }
}
