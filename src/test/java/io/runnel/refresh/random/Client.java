package io.runnel.refresh.random;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Savepoint;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;

/** One connection to the database under test. */
final class Client implements AutoCloseable {

    private static final String INTEGRITY = "23";

    private final Connection connection;

    Client(DataSource database) throws SQLException {
        connection = database.getConnection();
    }

    void run(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    List<String> rows(String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(String.valueOf(result.getString(1)));
            }
            return rows;
        }
    }

    /** Runs the statements as one transaction, in which those fail alone that violate a constraint. */
    void transaction(List<String> statements, boolean undone) throws SQLException {
        connection.setAutoCommit(false);
        for (String statement : statements) {
            Savepoint savepoint = connection.setSavepoint();
            try {
                run(statement);
                connection.releaseSavepoint(savepoint);
            } catch (SQLException e) {
                if (!e.getSQLState().startsWith(INTEGRITY)) {
                    throw new SQLException(statement + ": " + e.getMessage(), e);
                }
                connection.rollback(savepoint);
            }
        }
        if (undone) {
            connection.rollback();
        } else {
            connection.commit();
        }
        connection.setAutoCommit(true);
    }

    /** The query as it was when the table was refreshed last, if it reads the clock. */
    String atItsMoment(String table, String query) throws SQLException {
        return query.contains("now()")
                ? query.replace(
                        "now()",
                        rows("SELECT quote_literal(evaluated_at) || '::timestamptz' FROM runnel_internal.frontier"
                                        + " WHERE stream_table_id = (SELECT id FROM runnel.stream_tables WHERE table_name = '"
                                        + table + "')")
                                .get(0))
                : query;
    }

    /** The rows that only the table has, marked with -, and those that only the query has, marked with +. */
    List<String> differences(String table, String query) throws SQLException {
        String actual = "SELECT \"whole row\"::text AS c FROM " + table + " AS \"whole row\"";
        String expected = "SELECT \"whole row\"::text AS c FROM (" + query + "\n) AS \"whole row\"";
        return rows("(SELECT '- ' || c FROM (" + actual + " EXCEPT ALL " + expected + ") AS surplus) UNION ALL"
                + " (SELECT '+ ' || c FROM (" + expected + " EXCEPT ALL " + actual + ") AS missing) LIMIT 10");
    }

    /** Waits until the query returns a row; the server looks again and again, each time at a new snapshot. */
    void await(String query) throws SQLException {
        run("""
                DO $wait$
                DECLARE
                    late timestamptz := clock_timestamp() + interval '300 seconds';
                BEGIN
                    WHILE NOT EXISTS (%s) LOOP
                        IF clock_timestamp() > late THEN
                            RAISE 'no row in time';
                        END IF;
                        COMMIT;
                        PERFORM pg_sleep(0.02);
                    END LOOP;
                END $wait$""".formatted(query));
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
