package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What administrators do to the tables and types below a stream table, while applications go on writing. */
@QuarkusTest
class SchemaChangeTest {

    private static final String TOTALS = "SELECT mood, count(*) AS n, max(amount) AS most FROM %s GROUP BY mood";

    private static final int ATTEMPTS_MAX = 50;

    /** A definition is built in about a tenth of a second; it is dropped at so many moments of that. */
    private static final int BUILT_MAX = 40;

    private static final long BUILT_STEP_MILLISECONDS = 5;

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void build() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE SCHEMA change");
        client.run("CREATE TYPE change.mood AS ENUM ('sad', 'glad')");
        client.run("CREATE TABLE change.source (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, unused int,"
                + " mood change.mood, amount numeric, note varchar(5))");
        write("change.source");
        create("change_totals", TOTALS.formatted("change.source"));
        client.assertSyncedEquals("change_totals", TOTALS.formatted("change.source"));
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name)) FROM runnel.stream_tables"
                + " WHERE table_name LIKE 'change\\_%'");
        client.run("SET client_min_messages = error");
        client.run("DROP SCHEMA IF EXISTS change, changed CASCADE");
        client.close();
    }

    @Test
    void new_value_of_an_enum_is_followed() throws SQLException {
        client.run("ALTER TYPE change.mood ADD VALUE 'fine' BEFORE 'glad'");
        client.run("INSERT INTO change.source (mood, amount) VALUES ('fine', 1.00)");
        check("change.source", "DIFFERENTIAL");
    }

    @Test
    void renamed_value_of_an_enum_shows_under_its_new_name() throws SQLException {
        String query = "SELECT id, mood FROM change.source WHERE mood <> 'sad'";
        create("change_glad", query);
        client.sync("change_glad");
        client.run("ALTER TYPE change.mood RENAME VALUE 'sad' TO 'unhappy'");
        client.run("INSERT INTO change.source (mood) VALUES ('unhappy'), ('glad')");
        check("change.source", "DIFFERENTIAL");
        client.assertSyncedEquals("change_glad", query.replace("sad", "unhappy"));
        assertNoFailures();
    }

    @Test
    void source_and_its_types_can_be_dropped_right_after_a_stream_table_that_was_being_built() throws Exception {
        for (int attempt = 0; attempt < BUILT_MAX; attempt++) {
            client.run("CREATE TYPE change.state AS ENUM ('new', 'done')");
            client.run("CREATE TABLE change.job (id int PRIMARY KEY, state change.state)");
            create("change_jobs", "SELECT state, count(*) AS n FROM change.job GROUP BY state");
            Thread.sleep(attempt * BUILT_STEP_MILLISECONDS);
            client.run("SELECT runnel.drop_stream_table('change_jobs')");
            client.run("DROP TABLE change.job");
            client.run("DROP TYPE change.state");
        }
    }

    @Test
    void added_and_dropped_columns_that_no_query_reads_disturb_nobody() throws SQLException {
        client.run("ALTER TABLE change.source ADD COLUMN more text DEFAULT 'x', DROP COLUMN unused");
        write("change.source");
        check("change.source", "DIFFERENTIAL");
        client.run("ALTER TABLE change.source DROP COLUMN more");
        write("change.source");
        check("change.source", "DIFFERENTIAL");
    }

    @Test
    void type_of_a_column_that_is_no_longer_read_changes_without_failing_a_writer() throws SQLException {
        String notes = "SELECT id, note, unused FROM change.source";
        create("change_notes", notes);
        client.assertSyncedEquals("change_notes", notes);
        client.run("SELECT runnel.drop_stream_table('change_notes')");
        client.run("ALTER TABLE change.source ALTER note TYPE int USING 7, ALTER unused TYPE bigint");
        client.run("INSERT INTO change.source (mood, note, unused) VALUES ('sad', 12, 12345678901)");
        check("change.source", "FULL");
        create("change_notes", notes);
        client.assertSyncedEquals("change_notes", notes);
        assertRecovers("change_notes", notes, "UPDATE change.source SET note = note + 1, unused = unused + 1");
        check("change.source", "DIFFERENTIAL");
    }

    @Test
    void renamed_columns_are_followed_even_if_they_swap_their_names() throws SQLException {
        client.run("ALTER TABLE change.source RENAME mood TO feeling");
        write("change.source", "feeling");
        client.assertSyncedEquals(
                "change_totals", TOTALS.formatted("change.source").replace("mood", "feeling"));
        assertThat(client.modes("change_totals")).endsWith("FULL");
        client.run("ALTER TABLE change.source RENAME feeling TO mood");
        write("change.source");
        client.sync("change_totals");
        client.run("ALTER TABLE change.source RENAME unused TO other");
        client.run("ALTER TABLE change.source RENAME amount TO unused");
        client.run("ALTER TABLE change.source RENAME other TO amount");
        client.run("DELETE FROM change.source WHERE id % 4 = 0");
        String swapped = TOTALS.formatted("change.source").replace("amount", "unused");
        client.assertSyncedEquals("change_totals", swapped);
        assertRecovers("change_totals", swapped, "UPDATE change.source SET unused = unused + 1 WHERE id % 3 = 0");
        assertNoFailures();
    }

    @Test
    void renamed_key_of_groups_is_followed_in_what_is_kept_about_them() throws SQLException {
        client.run("ALTER TABLE change.source RENAME mood TO feeling");
        String query = TOTALS.formatted("change.source").replace("mood", "feeling");
        for (int i = 0; i < 3; i++) {
            write("change.source", "feeling");
            client.assertSyncedEquals("change_totals", query);
        }
        assertThat(client.modes("change_totals")).endsWith("DIFFERENTIAL");
        assertNoFailures();
    }

    @Test
    void name_that_comes_to_mean_another_column_is_noticed_even_if_it_does_not_keep_it() throws SQLException {
        client.run("ALTER TABLE change.source RENAME amount TO former");
        client.run("ALTER TABLE change.source ADD COLUMN amount numeric DEFAULT 7");
        client.run("INSERT INTO change.source (mood, former, amount) VALUES ('sad', 1000, 1)");
        String query = TOTALS.formatted("change.source").replace("amount", "former");
        client.assertSyncedEquals("change_totals", query);
        client.run("UPDATE change.source SET amount = 8, former = 9");
        client.assertSyncedEquals("change_totals", query);
        client.run("ALTER TABLE change.source RENAME amount TO other");
        client.run("ALTER TABLE change.source RENAME former TO amount");
        client.run("ALTER TABLE change.source RENAME other TO former");
        client.run("UPDATE change.source SET amount = amount + 1, former = 99");
        client.run("ALTER TABLE change.source RENAME amount TO other");
        client.run("ALTER TABLE change.source RENAME former TO amount");
        client.run("ALTER TABLE change.source RENAME other TO former");
        client.run("UPDATE change.source SET amount = 10 WHERE id % 2 = 0");
        client.assertSyncedEquals("change_totals", query);
        assertRecovers("change_totals", query, "UPDATE change.source SET former = former + 1 WHERE id % 3 = 0");
    }

    @Test
    void renamed_and_moved_tables_and_schemas_are_followed() throws SQLException {
        client.run("ALTER TABLE change.source RENAME TO origin");
        client.run("CREATE TABLE change.source AS SELECT * FROM change.origin LIMIT 1");
        write("change.origin");
        check("change.origin", "DIFFERENTIAL");
        client.run("ALTER SCHEMA change RENAME TO changed");
        client.run("INSERT INTO changed.origin (mood, amount) VALUES ('sad', 7)");
        check("changed.origin", "DIFFERENTIAL");
        client.run("CREATE SCHEMA change; ALTER TABLE changed.origin SET SCHEMA change");
        client.run("DELETE FROM change.origin WHERE amount = 7");
        check("change.origin", "DIFFERENTIAL");
        assertNoFailures();
    }

    @Test
    void stream_table_that_is_renamed_moved_or_given_away_goes_on() throws SQLException {
        String query = TOTALS.formatted("change.source");
        client.run("ALTER TABLE change_totals RENAME TO change_sums");
        client.run("CREATE TABLE change_totals (LIKE change_sums)");
        write("change.source");
        client.assertSyncedEquals("change_sums", query);
        assertThat(client.rows("SELECT * FROM change_totals")).isEmpty();
        client.run("DROP TABLE change_totals");
        client.run("ALTER TABLE change_sums SET SCHEMA change");
        write("change.source");
        client.assertSyncedEquals("change.change_sums", query);
        client.run("CREATE ROLE change_owner");
        client.run(
                "GRANT USAGE, CREATE ON SCHEMA change TO change_owner; GRANT SELECT ON change.source TO change_owner");
        client.run("ALTER TABLE change.change_sums OWNER TO change_owner");
        write("change.source");
        client.assertSyncedEquals("change.change_sums", query);
        client.run("ALTER ROLE change_owner RENAME TO change_heir");
        write("change.source");
        client.assertSyncedEquals("change.change_sums", query);
        write("change.source");
        client.assertSyncedEquals("change.change_sums", query);
        assertThat(client.rows("SELECT owner FROM runnel.stream_tables WHERE table_name = 'change_sums'"))
                .containsExactly("change_heir");
        assertThat(client.modes("change_sums")).endsWith("DIFFERENTIAL");
        assertNoFailures();
        client.run("SELECT runnel.drop_stream_table('change.change_sums')");
        client.run("DROP OWNED BY change_heir; DROP ROLE change_heir");
    }

    @Test
    void dropped_column_that_was_read_stops_its_stream_tables_and_fails_no_writer() throws SQLException {
        create("change_ids", "SELECT id FROM change.source");
        client.sync("change_ids");
        client.run("SET client_min_messages = error; ALTER TABLE change.source DROP COLUMN amount CASCADE");
        client.run("INSERT INTO change.source (mood) VALUES ('sad')");
        client.run("UPDATE change.source SET mood = 'glad'");
        client.run("DELETE FROM change.source WHERE id = 1");
        client.assertSyncedEquals("change_ids", "SELECT id FROM change.source");
        assertRecovers("change_ids", "SELECT id FROM change.source", "INSERT INTO change.source (mood) VALUES ('sad')");
    }

    @Test
    void rows_of_partitions_are_captured_after_a_column_was_renamed() throws SQLException {
        client.run("CREATE TABLE change.parts (id int, label text) PARTITION BY RANGE (id)");
        client.run("CREATE TABLE change.part PARTITION OF change.parts FOR VALUES FROM (0) TO (100)");
        create("change_parts", "SELECT id, label FROM change.parts");
        client.sync("change_parts");
        client.run("ALTER TABLE change.parts RENAME label TO title");
        client.run("INSERT INTO change.parts VALUES (1, 'a'), (2, 'b')");
        client.assertSyncedEquals("change_parts", "SELECT id, title FROM change.parts");
        assertRecovers(
                "change_parts",
                "SELECT id, title FROM change.parts",
                "UPDATE change.part SET title = title || 'c' WHERE id = 1");
        client.run("DELETE FROM change.parts WHERE id = 2");
        client.assertSyncedEquals("change_parts", "SELECT id, title FROM change.parts");
    }

    private void create(String name, String query) throws SQLException {
        client.run("SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, '1h')");
    }

    private void write(String table) throws SQLException {
        write(table, "mood");
    }

    private void write(String table, String mood) throws SQLException {
        client.run("INSERT INTO " + table + " (" + mood + ", amount) SELECT (ARRAY['sad', 'glad', NULL])[1 + i % 3]::"
                + table.replaceAll("\\..*", ".mood") + ", i * 1.5 FROM generate_series(1, 12) i");
    }

    private void check(String source, String mode) throws SQLException {
        client.assertSyncedEquals("change_totals", TOTALS.formatted(source));
        assertThat(client.modes("change_totals")).endsWith(mode);
    }

    /** Writes until capture knows the columns again, which it does soon after the refresh that found out. */
    private void assertRecovers(String table, String query, String write) throws SQLException {
        for (int i = 0; i < ATTEMPTS_MAX && !last(client.modes(table)).equals("DIFFERENTIAL"); i++) {
            client.run(write);
            client.assertSyncedEquals(table, query);
        }
        assertThat(client.modes(table)).endsWith("DIFFERENTIAL");
    }

    private static String last(List<String> modes) {
        return modes.get(modes.size() - 1);
    }

    private void assertNoFailures() throws SQLException {
        assertThat(client.rows("SELECT error FROM runnel.refresh_history WHERE mode = 'FAILED'"
                        + " AND table_name LIKE 'change\\_%'"))
                .isEmpty();
    }
}
