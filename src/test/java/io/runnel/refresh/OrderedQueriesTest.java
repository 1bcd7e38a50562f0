package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Windows, DISTINCT ON and limits under changes, each followed by a comparison of every stream table with its query. The
 * seed of the random ones is printed; {@code -Dordered.seed} and {@code -Dordered.changes} repeat or run longer.
 */
@QuarkusTest
class OrderedQueriesTest {

    private static final long SEED = Long.getLong("ordered.seed", System.nanoTime() % 1_000_000);
    private static final int CHANGES = Integer.getInteger("ordered.changes", 12);

    private static final List<String> CREATE = List.of(
            "CREATE TABLE ordered_t (id int PRIMARY KEY, k int, n numeric, f float8, label text, flag boolean, day date)",
            "CREATE TABLE ordered_u (k int, name text)",
            "CREATE AGGREGATE ordered_total (int) (SFUNC = int4_sum, STYPE = bigint, INITCOND = '0')",
            "CREATE INDEX ON ordered_t (k)",
            "CREATE INDEX ON ordered_t (n DESC NULLS LAST, id)");

    /** Each followed by a refresh. */
    private static final List<List<String>> SCRIPT = List.of(
            List.of(
                    row(1, "1", "1.0"),
                    row(2, "1", "2"),
                    row(3, "2", "NULL"),
                    row(4, "NULL", "1.00"),
                    row(5, "NULL", "3")),
            List.of("INSERT INTO ordered_u VALUES (1, 'one'), (2, 'two'), (NULL, 'none'), (1, 'one')"),
            List.of("UPDATE ordered_t SET n = 1.00 WHERE id = 1"),
            List.of("UPDATE ordered_t SET k = NULL WHERE id = 3"),
            List.of("UPDATE ordered_t SET k = 7"),
            List.of("DELETE FROM ordered_t WHERE id IN (1, 5)", "DELETE FROM ordered_u WHERE k = 1"),
            List.of(
                    "INSERT INTO ordered_t SELECT g, g % 4, g % 5, 0, 'l' || g % 3, g % 2 = 0, date '2024-01-01' + g % 6"
                            + " FROM generate_series(10, 30) g"),
            List.of("UPDATE ordered_t SET n = -n, f = '-0'", "UPDATE ordered_u SET name = NULL"),
            List.of("DELETE FROM ordered_t WHERE id = (SELECT max(id) FROM ordered_t)"),
            List.of("UPDATE ordered_t SET id = id + 100, day = day"),
            List.of("TRUNCATE ordered_t"),
            List.of(row(1, "1", "1.0"), row(2, "1", "1")),
            List.of("UPDATE ordered_t SET n = 5 WHERE id = 1", "TRUNCATE ordered_u", row(6, "2", "1.00")),
            List.of("DELETE FROM ordered_t"));

    @Inject
    DataSource database;

    private int changed;

    @Test
    void every_stream_table_equals_its_query_after_every_change() throws SQLException {
        System.out.println("ordered.seed=" + SEED);
        try (SqlClient client = new SqlClient(database)) {
            for (String statement : CREATE) {
                client.run(statement);
            }
            create(client);
            Map<String, List<String>> before = new TreeMap<>();
            for (List<String> statements : SCRIPT) {
                apply(client, statements, before);
            }
            Random random = new Random(SEED);
            for (int i = 0; i < CHANGES; i++) {
                apply(client, randomChange(random), before);
            }
            System.out.println("ordered queries: " + changed + " results changed");
            assertThat(changed).isGreaterThan(SCRIPT.size() * OrderedQueries.ALL.size() / 2);
            assertThat(client.rows("SELECT table_name, reason, error FROM runnel.refresh_history WHERE mode = 'FAILED'"
                            + " AND table_name LIKE 'ordered%'"))
                    .isEmpty();
            for (String name : OrderedQueries.ALL.keySet()) {
                assertThat(client.modes("ordered_" + name))
                        .as(name)
                        .filteredOn("DIFFERENTIAL"::equals)
                        .hasSizeGreaterThan(SCRIPT.size() / 3);
                client.run("SELECT runnel.drop_stream_table('ordered_" + name + "')");
            }
            client.run("DROP TABLE ordered_t, ordered_u");
            client.run("DROP AGGREGATE ordered_total (int)");
        }
    }

    private static void create(SqlClient client) throws SQLException {
        for (Map.Entry<String, String> query : OrderedQueries.ALL.entrySet()) {
            client.run("SELECT runnel.create_stream_table('ordered_" + query.getKey() + "', $query$" + query.getValue()
                    + "$query$, 'manual')");
            String name = query.getKey();
            client.sync("ordered_" + name);
            assertThat(client.rows(
                            "SELECT effective_mode, full_reason FROM runnel.stream_tables WHERE table_name = 'ordered_"
                                    + name + "'"))
                    .as(name)
                    .containsExactly("DIFFERENTIAL|");
        }
    }

    private void apply(SqlClient client, List<String> statements, Map<String, List<String>> before)
            throws SQLException {
        client.begin();
        for (String statement : statements) {
            client.run(statement);
        }
        client.commit();
        for (Map.Entry<String, String> query : OrderedQueries.ALL.entrySet()) {
            String table = "ordered_" + query.getKey();
            try {
                client.assertSyncedEquals(table, query.getValue());
            } catch (SQLException e) {
                throw new AssertionError(table + " after " + statements, e);
            }
            List<String> rows = client.rows("SELECT t::text FROM " + table + " t ORDER BY 1");
            if (!rows.equals(before.put(table, rows))) {
                changed++;
            }
        }
    }

    private static String row(int id, String k, String n) {
        return "INSERT INTO ordered_t VALUES (" + id + ", " + k + ", " + n + ", 0, 'l" + id % 2 + "', true, '2024-01-0"
                + id + "')";
    }

    private static List<String> randomChange(Random random) {
        List<String> statements = new ArrayList<>();
        for (int i = 0; i <= random.nextInt(3); i++) {
            int id = random.nextInt(40);
            int n = random.nextInt(5);
            String where = random.nextInt(4) == 0 ? " WHERE k = " + n : " WHERE id = " + id;
            statements.add(
                    switch (random.nextInt(9)) {
                        case 0, 1, 2 ->
                            "INSERT INTO ordered_t SELECT " + id + ", nullif(" + n + ", 4), nullif(" + random.nextInt(6)
                                    + ", 3) / 2.0, " + (n - 1) + " * '-0.5'::float8, 'l" + random.nextInt(3) + "', "
                                    + (n > 2) + ", date '2024-01-01' + " + n + " ON CONFLICT DO NOTHING";
                        case 3 -> "UPDATE ordered_t SET n = round(n, " + n + "), label = NULL" + where;
                        case 4 -> "UPDATE ordered_t SET n = n + " + n + ", flag = NOT flag" + where;
                        case 5 -> "UPDATE ordered_t SET k = nullif(" + n + ", 3), day = day + 1" + where;
                        case 6 -> "DELETE FROM ordered_t" + where;
                        case 7 -> "INSERT INTO ordered_u VALUES (nullif(" + n + ", 3), 'u" + n % 2 + "')";
                        default -> "DELETE FROM ordered_u WHERE k = " + n;
                    });
        }
        return statements;
    }
}
