package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A table with one column for each of some types, and the stream tables over it.
 *
 * <p>If it is mixed, equal values of different print are there at once. Which of them a group shows is then undefined, so
 * only shapes of query that show every row are built on it.
 */
final class TypeSource {

    private static final int ROWS = 20;
    private static final int PARTITIONS = 2;

    private final SqlClient client;
    private final int number;
    private final String table;
    private final List<TypeCase> columns;
    private final boolean mixed;
    private final Map<String, String> queries = new LinkedHashMap<>();

    TypeSource(SqlClient client, int number, List<TypeCase> columns, boolean mixed) {
        this.client = client;
        this.table = "types.source_" + number;
        this.number = number;
        this.columns = columns;
        this.mixed = mixed;
    }

    void create() throws SQLException {
        client.run("CREATE TABLE " + table + " (id int PRIMARY KEY" + each(i -> ", v" + i + " " + type(i)) + ")"
                + (partitioned() ? " PARTITION BY HASH (id)" : ""));
        for (int i = 0; partitioned() && i < PARTITIONS; i++) {
            client.run("CREATE TABLE " + table + "_" + i + " PARTITION OF " + table + " FOR VALUES WITH (MODULUS "
                    + PARTITIONS + ", REMAINDER " + i + ")");
        }
        insert(1, ROWS / 2);
        if (mixed) {
            queries.put("keyed", "SELECT * FROM " + table);
            queries.put("bag", union(i -> "SELECT " + alone(i, "v" + i) + " FROM " + table, i -> true));
            queries.put(
                    "joined",
                    union(
                            i -> "SELECT " + alone(i, "l.v" + i) + ", l.id AS l, r.id AS r FROM " + table + " l JOIN "
                                    + table + " r ON l.v" + i + " = r.v" + i,
                            this::joins));
        } else {
            queries.put(
                    "grouped",
                    union(
                            i -> "SELECT " + alone(i, "v" + i) + ", count(*) AS n, max(id) AS latest FROM " + table
                                    + " GROUP BY v" + i,
                            this::groups));
            queries.put(
                    "distinct",
                    union(
                            i -> "SELECT " + alone(i, "v" + i) + " FROM (SELECT DISTINCT v" + i + " FROM " + table
                                    + ") AS d",
                            this::groups));
            queries.put("aggregated", "SELECT id % 3 AS k" + aggregates() + " FROM " + table + " GROUP BY id % 3");
        }
        queries.values().removeIf(String::isEmpty);
        for (Map.Entry<String, String> query : queries.entrySet()) {
            client.run("SELECT runnel.create_stream_table('" + name(query.getKey()) + "', $query$" + query.getValue()
                    + "$query$, '1h')");
        }
        check("the first fill");
        for (String shape : queries.keySet()) {
            assertThat(client.rows("SELECT effective_mode, full_reason FROM runnel.stream_tables WHERE table_name = '"
                            + name(shape) + "'"))
                    .as(name(shape) + ": "
                            + columns.stream().map(TypeCase::type).toList())
                    .containsExactly("DIFFERENTIAL|");
        }
    }

    /** Changes the rows in every way, and compares after each. */
    void run() throws SQLException {
        insert(ROWS / 2 + 1, ROWS);
        check("duplicates that arrived");
        update(1, row -> set(row, row, true));
        check("values that became equal ones");
        update(2, row -> set(row, row + 1, true));
        check("other values in every second row");
        client.run("UPDATE " + table + " SET v0 = v0");
        check("nothing");
        client.run("UPDATE " + table + " SET id = id + 1000 WHERE id % 3 = 0");
        check("another key");
        client.run("UPDATE " + table + " SET id = id - 1000 WHERE id > 1000");
        update(1, row -> set(row, row, false));
        check("the first values");
        client.run("DELETE FROM " + table + " WHERE id % 2 = 0");
        check("every second row gone");
        client.run("DELETE FROM " + table);
        check("all rows gone");
        insert(1, ROWS);
        check("all rows back");
        assertThat(
                        client.rows(
                                "SELECT table_name, mode, count(*) FROM runnel.refresh_history WHERE table_name IN ("
                                        + queries.keySet().stream()
                                                .map(shape -> "'" + name(shape) + "'")
                                                .collect(Collectors.joining(", "))
                                        + ") AND mode <> 'DIFFERENTIAL' GROUP BY table_name, mode HAVING mode <> 'FULL' OR count(*) > 1"))
                .isEmpty();
    }

    private void check(String what) throws SQLException {
        for (Map.Entry<String, String> query : queries.entrySet()) {
            try {
                client.assertSyncedEquals(name(query.getKey()), query.getValue());
            } catch (SQLException | AssertionError e) {
                throw new AssertionError(
                        name(query.getKey()) + " after " + what + ": " + e.getMessage() + "\n"
                                + columns.stream().map(TypeCase::type).toList() + "\n"
                                + client.rows("SELECT error FROM runnel.refresh_history WHERE table_name = '"
                                        + name(query.getKey()) + "' AND error IS NOT NULL"),
                        e);
            }
        }
    }

    private void insert(int from, int to) throws SQLException {
        String rows = IntStream.rangeClosed(from, to)
                .mapToObj(row -> "(" + row + each(i -> ", " + content(row, i, row, false)) + ")")
                .collect(Collectors.joining(", "));
        client.run("INSERT INTO " + table + " VALUES " + rows);
    }

    private void update(int step, IntFunction<String> statement) throws SQLException {
        client.run("BEGIN;"
                + IntStream.rangeClosed(1, ROWS)
                        .filter(row -> row % step == 0)
                        .mapToObj(statement)
                        .collect(Collectors.joining(";\n"))
                + "; COMMIT");
    }

    private String set(int row, int number, boolean twin) {
        return "UPDATE " + table + " SET id = id" + each(i -> ", v" + i + " = " + content(row, i, number, twin))
                + " WHERE id = " + row;
    }

    private String content(int row, int column, int number, boolean twin) {
        return columns.get(column).content(number, mixed ? row % 4 < 2 ^ twin : twin);
    }

    private String union(IntFunction<String> branch, java.util.function.IntPredicate possible) {
        return IntStream.range(0, columns.size())
                .filter(possible)
                .mapToObj(branch)
                .collect(Collectors.joining("\nUNION ALL\n"));
    }

    /** Nothing in all columns but one. */
    private String alone(int column, String value) {
        return IntStream.range(0, columns.size())
                .mapToObj(i -> (i == column ? value : columns.get(i).nothing()) + " AS v" + i)
                .collect(Collectors.joining(", "));
    }

    private String aggregates() {
        List<String> calls = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            for (String function : List.of("min(", "max(", "sum(", "avg(", "count(DISTINCT ", "count(")) {
                String call = function + "v" + i + ")";
                if (TypeCase.works(
                        client, "CREATE TEMP TABLE type_of ON COMMIT DROP AS SELECT " + call + " FROM " + table)) {
                    calls.add(", " + call + " AS a" + calls.size());
                }
            }
        }
        return String.join("", calls);
    }

    /** The triggers on partitioned tables are others, which see one row each; every second mixed source has them. */
    private boolean partitioned() {
        return mixed && number % 4 == 1;
    }

    private boolean groups(int column) {
        return TypeCase.works(client, "SELECT DISTINCT v" + column + " FROM " + table);
    }

    private boolean joins(int column) {
        return TypeCase.works(
                client, "SELECT FROM " + table + " l JOIN " + table + " r ON l.v" + column + " = r.v" + column);
    }

    private String each(IntFunction<String> column) {
        return IntStream.range(0, columns.size()).mapToObj(column).collect(Collectors.joining());
    }

    private String type(int column) {
        return columns.get(column).type();
    }

    private String name(String shape) {
        return "type_" + shape + "_" + number;
    }
}
