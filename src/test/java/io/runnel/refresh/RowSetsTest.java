package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Queries that make, count and combine sets of rows, each with its stream table, under changes of every kind. The service
 * compares each differential refresh with the query at its own snapshot; here they are compared once more.
 */
@QuarkusTest
class RowSetsTest {

    private static final long SEED = Long.getLong("rowsets.seed", 1);
    private static final int ROUNDS = Integer.getInteger("rowsets.rounds", 2);

    private static final int CREATED_AT_ONCE = 6;

    private static final List<String> TABLES = List.of(
            "CREATE SCHEMA row_sets",
            "CREATE TABLE row_sets.t (id int PRIMARY KEY, a int, b text, n numeric(6,2), tags text[], j jsonb)",
            "CREATE TABLE row_sets.u (a int, b text, big bigint, latin text COLLATE \"C\")",
            "CREATE TABLE row_sets.edge (a int, b int)");

    @Inject
    DataSource database;

    private final List<String> queries = new ArrayList<>();
    private final Map<String, String> failures = new LinkedHashMap<>();
    private final Random random = new Random(SEED);

    @BeforeEach
    void create() throws SQLException, IOException {
        try (SqlClient client = new SqlClient(database)) {
            for (String statement : TABLES) {
                client.run(statement);
            }
        }
        try (InputStream in = Objects.requireNonNull(RowSetsTest.class.getResourceAsStream("row_sets.sql"))) {
            String text = new String(in.readAllBytes(), StandardCharsets.UTF_8).replaceAll("(?m)^--.*$", "");
            Pattern.compile(";\\s*\n")
                    .splitAsStream(text)
                    .map(String::strip)
                    .filter(query -> !query.isEmpty())
                    .forEach(queries::add);
        }
    }

    @AfterEach
    void drop() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            for (String table :
                    client.rows("SELECT table_name FROM runnel.stream_tables WHERE schema_name = 'row_sets'")) {
                client.run("SELECT runnel.drop_stream_table('row_sets." + table + "')");
            }
            client.run("DROP SCHEMA row_sets CASCADE");
        }
    }

    @Test
    void stream_tables_follow_all_changes_of_their_sources() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            change(
                    client,
                    List.of("INSERT INTO row_sets.t VALUES " + row(1), "INSERT INTO row_sets.u VALUES " + row()));
            for (int i = 0; i < queries.size(); i++) {
                client.run("SELECT runnel.create_stream_table('" + name(i) + "', $query$" + queries.get(i)
                        + "$query$, 'manual')");
                // All at once would wait for each other longer than anybody waits for them.
                if (i % CREATED_AT_ONCE == 0 || i == queries.size() - 1) {
                    client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM runnel.stream_tables"
                            + " WHERE schema_name = 'row_sets' AND status = 'INITIALIZING')");
                }
            }
            for (int i = 0; i < queries.size(); i++) {
                filled(client, i);
            }
            for (int round = 0; round < ROUNDS; round++) {
                for (List<String> changes : changes()) {
                    change(client, changes);
                    for (int i = 0; i < queries.size(); i++) {
                        refreshed(client, i, changes);
                    }
                }
            }
        }
        assertThat(failures).as("seed " + SEED).isEmpty();
    }

    private void filled(SqlClient client, int number) throws SQLException {
        String state = client.rows("SELECT concat_ws(' ', status, effective_mode, full_reason, last_error)"
                        + " FROM runnel.stream_tables WHERE schema_name || '.' || table_name = '" + name(number) + "'")
                .get(0);
        if (!state.strip().equals("ACTIVE DIFFERENTIAL")) {
            failures.put(queries.get(number), state);
        }
    }

    private void refreshed(SqlClient client, int number, List<String> changes) {
        if (failures.containsKey(queries.get(number))) {
            return;
        }
        try {
            client.run("CALL runnel.refresh('" + name(number) + "', '30s')");
            client.assertEquals(name(number), queries.get(number));
        } catch (SQLException | AssertionError e) {
            failures.put(queries.get(number), "after " + changes + ": " + e.getMessage());
        }
    }

    private static String name(int number) {
        return "row_sets.q" + number;
    }

    private static void change(SqlClient client, List<String> statements) throws SQLException {
        client.begin();
        for (String statement : statements) {
            client.run(statement);
        }
        client.commit();
    }

    private List<List<String>> changes() {
        int id = 10 * random.nextInt(4);
        return List.of(
                List.of(
                        "INSERT INTO row_sets.t VALUES " + rows(id, 8) + " ON CONFLICT (id) DO NOTHING",
                        "INSERT INTO row_sets.edge VALUES " + edges(3)),
                List.of("INSERT INTO row_sets.u VALUES " + row() + ", " + row() + ", " + row() + ", (1, 'a', 1, 'a')"),
                List.of(
                        "UPDATE row_sets.t SET a = " + a() + ", b = " + b() + " WHERE id % 3 = " + random.nextInt(3),
                        "UPDATE row_sets.edge SET b = " + random.nextInt(6) + " WHERE a = " + random.nextInt(6),
                        "UPDATE row_sets.u SET a = " + a() + ", big = " + a() + " WHERE a IS NOT DISTINCT FROM " + a()),
                List.of(
                        "UPDATE row_sets.t SET tags = " + tags() + ", j = " + json() + ", n = n + 1 WHERE id % 4 = "
                                + random.nextInt(4),
                        "INSERT INTO row_sets.edge VALUES " + edges(2),
                        "UPDATE row_sets.u SET b = " + b() + ", latin = " + b() + " WHERE big > 1"),
                List.of(
                        "DELETE FROM row_sets.t WHERE id % 5 = " + random.nextInt(5),
                        "DELETE FROM row_sets.edge WHERE a = " + random.nextInt(6),
                        "DELETE FROM row_sets.u WHERE ctid IN (SELECT ctid FROM row_sets.u LIMIT 2)"),
                random.nextInt(3) == 0
                        ? List.of("DELETE FROM row_sets.t", "DELETE FROM row_sets.edge WHERE b < 3")
                        : random.nextInt(3) == 0 ? List.of("TRUNCATE row_sets.u") : List.of("DELETE FROM row_sets.u"));
    }

    private String rows(int id, int count) {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add(row(id + i));
        }
        return String.join(", ", rows);
    }

    private String edges(int count) {
        List<String> rows = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            rows.add("(" + random.nextInt(6) + ", " + (random.nextInt(8) == 0 ? "NULL" : random.nextInt(6)) + ")");
        }
        return String.join(", ", rows);
    }

    private String row(int id) {
        return "(" + String.join(", ", String.valueOf(id), a(), b(), n(), tags(), json()) + ")";
    }

    private String row() {
        return "(" + String.join(", ", a(), b(), a(), b()) + ")";
    }

    private String a() {
        return one("0", "1", "2", "3", "NULL");
    }

    private String b() {
        return one("'a'", "'B'", "'b'", "''", "NULL");
    }

    private String n() {
        return one("1", "2.50", "0", "-3.25", "NULL");
    }

    private String tags() {
        return one("'{a,b}'", "'{}'", "'{B,NULL,a,a}'", "NULL", "'{b}'");
    }

    private String json() {
        return one(
                "'{\"k\": 1, \"l\": [1, 2, {\"m\": null}]}'",
                "'[{\"k\": \"x\", \"l\": [3]}, {\"k\": null}]'",
                "'{}'",
                "'[]'",
                "NULL",
                "'{\"k\": {\"b\": \"a\"}}'");
    }

    private String one(String... choices) {
        return choices[random.nextInt(choices.length)];
    }
}
