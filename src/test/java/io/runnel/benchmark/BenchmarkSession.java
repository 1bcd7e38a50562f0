package io.runnel.benchmark;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Map;

/** One connection that knows the tables of the benchmark and times what it runs. */
final class BenchmarkSession implements AutoCloseable {
    private final Connection connection;
    private int cycle;
    private int nextId;

    BenchmarkSession(String url, String user) throws SQLException {
        connection = DriverManager.getConnection(url, user, "");
    }

    /** Makes the sources anew, with ids from 1 and as many rows as given. */
    void load(int rows) throws SQLException {
        run("DROP TABLE IF EXISTS src, dim CASCADE");
        run("CREATE TABLE dim (category text PRIMARY KEY, label text)");
        run("INSERT INTO dim SELECT 'c' || i, 'label ' || i % 20 FROM generate_series(0, 99) AS i");
        run("CREATE TABLE src (id bigint PRIMARY KEY, region text NOT NULL, category text NOT NULL,"
                + " amount numeric(12,2), score int)");
        insert(1, rows);
        nextId = rows + 1;
        cycle = 0;
        run("VACUUM ANALYZE src, dim");
    }

    /** Of the rows as many as given: 70 % are updated, 15 % deleted, 15 % new. */
    void change(int rows, int changed) throws SQLException {
        cycle++;
        String chosen = "(SELECT i::bigint * " + rows / changed + " + " + cycle + " FROM generate_series(0, "
                + (changed - 1) + ") AS i WHERE i % 20 ";
        run("UPDATE src SET amount = amount + 1, score = (score + 37) % 100 WHERE id IN " + chosen + "< 14)");
        run("DELETE FROM src WHERE id IN " + chosen + "BETWEEN 14 AND 16)");
        int added = changed * 3 / 20;
        insert(nextId, nextId + added - 1);
        nextId += added;
    }

    private void insert(int first, int last) throws SQLException {
        run("INSERT INTO src SELECT i, 'r' || i % 10, 'c' || i % 100, (i * 7919 % 100000) / 100.0, i % 100"
                + " FROM generate_series(" + first + "::bigint, " + last + ") AS i");
    }

    /** Refreshes a stream table and returns how long the caller waited, in seconds. */
    double refresh(String name) throws SQLException {
        return run("CALL runnel.refresh('" + name + "', '10min')");
    }

    /** How long the last refresh of a stream table took inside its transaction, in seconds. */
    double lastRefresh(String name) throws SQLException {
        return number("SELECT duration_seconds FROM runnel.refresh_history WHERE table_name = '" + name
                + "' ORDER BY id DESC LIMIT 1");
    }

    /** How many rows a relation and a query do not share, duplicates counted. */
    long differences(String relation, String query) throws SQLException {
        return (long) number("SELECT count(*) FROM ((TABLE " + relation + " EXCEPT ALL (" + query + ")) UNION ALL (("
                + query + ") EXCEPT ALL TABLE " + relation + ")) AS difference");
    }

    double number(String sql) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            result.next();
            return result.getDouble(1);
        }
    }

    /** The rows of a query of a text and a number. */
    Map<String, Long> numbers(String sql) throws SQLException {
        Map<String, Long> numbers = new LinkedHashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(sql)) {
            while (result.next()) {
                numbers.put(result.getString(1), result.getLong(2));
            }
        }
        return numbers;
    }

    /** Runs a statement and returns its duration in seconds. */
    double run(String sql) throws SQLException {
        long began = System.nanoTime();
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
        return (System.nanoTime() - began) / 1e9;
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
