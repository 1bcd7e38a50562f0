package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Names that need quotes, values that need space, and columns that fill themselves. */
@QuarkusTest
class NamesAndSizesTest {

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void connect() throws SQLException {
        client = new SqlClient(database);
    }

    @AfterEach
    void clean_up() throws SQLException {
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name)) FROM runnel.stream_tables"
                + " WHERE schema_name LIKE 'näme%'");
        client.run("SET client_min_messages = error");
        client.run("DO $$ DECLARE s text; BEGIN FOR s IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'näme%'"
                + " LOOP EXECUTE format('DROP SCHEMA %I CASCADE', s); END LOOP; END $$");
        client.close();
    }

    /** The change buffer's rows are wider than the source's by two columns. */
    @Test
    void row_that_just_fits_into_a_page_fails_no_writer() throws SQLException {
        client.run("CREATE SCHEMA näme");
        client.run("DO $$ BEGIN EXECUTE (SELECT format('CREATE TABLE näme.wide (%s)',"
                + " string_agg(format('c%s bigint', i), ', ')) FROM generate_series(0, 1015) AS i); END $$");
        String insert = "DO $$ BEGIN EXECUTE (SELECT format('INSERT INTO näme.wide VALUES (%s)',"
                + " string_agg(i::text, ', ')) FROM generate_series(0, 1015) AS i); END $$";
        create("näme.all", "SELECT * FROM näme.wide");
        client.run(insert);
        check("näme.all", "SELECT * FROM näme.wide");
        client.run("INSERT INTO näme.wide (c0) VALUES (7)");
        client.run(insert);
        check("näme.all", "SELECT * FROM näme.wide");
        client.run("DELETE FROM näme.wide WHERE c0 = 0");
        check("näme.all", "SELECT * FROM näme.wide");
    }

    @Test
    void names_of_every_kind_are_left_as_they_are() throws SQLException {
        String schema = "\"näme \"\";{} $1\"";
        client.run("CREATE SCHEMA " + schema);
        String type = schema + ".\"type.'🙂'\"";
        client.run("CREATE TYPE " + type + " AS ENUM ('a''b', 'c')");
        String[] names = {
            "\"select\"",
            "\"a.b\"",
            "\"; DROP TABLE x; --\"",
            "\"{}\"",
            "\"$1\"",
            "\"with \"\"quotes\"\" and 'quotes'\"",
            "\"🙂 täble\"",
            "\"back\\slash\"",
            "\"Upper Case\"",
            "\"" + "ü".repeat(31) + "x\"",
            "\"weight\"",
            "\"n\"",
            "\"known\""
        };
        for (String name : names) {
            String source = schema + "." + name;
            client.run("CREATE TABLE " + source + " (" + name + " int PRIMARY KEY, \"v " + name.substring(1) + " "
                    + type + ", xid int, key_hash int)");
            client.run("INSERT INTO " + source + " VALUES (1, 'a''b', 1, 1), (2, 'c', 1, 2)");
            String rows = "SELECT * FROM " + source;
            String groups = "SELECT \"v " + name.substring(1) + ", count(*) AS " + name
                    + ", max(key_hash) AS key_hash FROM " + source + " GROUP BY 1";
            String table = schema + "." + name.replaceFirst("^\"", "\"s").replace("ü".repeat(31) + "x", "ü".repeat(31));
            String other = schema + "." + name.replaceFirst("^\"", "\"g").replace("ü".repeat(31) + "x", "ü".repeat(31));
            create(table, rows);
            create(other, groups);
            check(table, rows);
            check(other, groups);
            client.run("INSERT INTO " + source + " VALUES (3, 'c', 5, 5), (4, NULL, 6, 6)");
            client.run("UPDATE " + source + " SET " + name + " = " + name + " + 10 WHERE " + name + " < 3");
            client.run("DELETE FROM " + source + " WHERE " + name + " = 3");
            check(table, rows);
            check(other, groups);
        }
        assertThat(client.rows(
                        "SELECT DISTINCT effective_mode FROM runnel.stream_tables WHERE schema_name LIKE 'näme%'"))
                .containsExactly("DIFFERENTIAL");
    }

    @Test
    void large_values_arrive_whole_also_when_an_update_leaves_them_alone() throws SQLException {
        client.run("CREATE SCHEMA näme");
        client.run("CREATE TABLE näme.large (id int PRIMARY KEY, small int, words text, bytes bytea, document jsonb)");
        String values = "(SELECT string_agg(md5(i::text), '') FROM generate_series(1, 32768) i)";
        client.run(
                "INSERT INTO näme.large SELECT n, n, w, convert_to(w, 'UTF8'), to_jsonb(w) FROM generate_series(1, 2) n, "
                        + values + " AS v(w)");
        String rows = "SELECT * FROM näme.large";
        String groups = "SELECT words, count(*) AS n FROM näme.large GROUP BY words";
        create("näme.large_rows", rows);
        create("näme.large_bag", "SELECT words, bytes, document FROM näme.large");
        create("näme.large_groups", groups);
        for (String change : new String[] {
            "SELECT 1",
            "INSERT INTO näme.large SELECT 3, 3, words || 'x', bytes, document FROM näme.large WHERE id = 1",
            "UPDATE näme.large SET small = small + 1",
            "UPDATE näme.large SET words = words || 'y' WHERE id > 1",
            "DELETE FROM näme.large WHERE id = 1"
        }) {
            client.run(change);
            check("näme.large_rows", rows);
            check("näme.large_bag", "SELECT words, bytes, document FROM näme.large");
            check("näme.large_groups", groups);
        }
    }

    @Test
    void generated_and_identity_columns_are_captured_with_their_values() throws SQLException {
        client.run("CREATE SCHEMA näme");
        client.run("CREATE TABLE näme.filled (id int GENERATED ALWAYS AS IDENTITY, amount numeric DEFAULT 7.0,"
                + " twice numeric GENERATED ALWAYS AS (amount * 2) STORED, at timestamptz DEFAULT now())");
        String rows = "SELECT id, twice, at FROM näme.filled";
        create("näme.filled_rows", rows);
        check("näme.filled_rows", rows);
        client.run("INSERT INTO näme.filled (amount) VALUES (1.0), (2.0), (DEFAULT), (NULL)");
        check("näme.filled_rows", rows);
        client.run("UPDATE näme.filled SET amount = 1.00 WHERE amount = 1");
        check("näme.filled_rows", rows);
        assertThat(client.rows("SELECT effective_mode FROM runnel.stream_tables WHERE schema_name = 'näme'"))
                .containsExactly("DIFFERENTIAL");
    }

    @Test
    void column_that_is_generated_when_it_is_read_makes_its_stream_table_full() throws SQLException {
        client.run("CREATE SCHEMA näme");
        String create = "CREATE TABLE näme.computed (id int, twice int GENERATED ALWAYS AS (id * 2) VIRTUAL)";
        assumeThat(TypeCase.works(client, create)).isTrue();
        create("näme.computed_rows", "SELECT twice FROM näme.computed");
        check("näme.computed_rows", "SELECT twice FROM näme.computed");
        client.run("INSERT INTO näme.computed VALUES (1), (2)");
        check("näme.computed_rows", "SELECT twice FROM näme.computed");
        assertThat(client.rows(
                        "SELECT effective_mode, full_reason FROM runnel.stream_tables WHERE schema_name = 'näme'"))
                .containsExactly("FULL|column \"twice\" of \"näme\".computed is generated when it is read, which change"
                        + " capture cannot see");
    }

    private void create(String name, String query) throws SQLException {
        client.run("SELECT runnel.create_stream_table($name$" + name + "$name$, $query$" + query + "$query$, '1h')");
    }

    private void check(String name, String query) throws SQLException {
        client.run("CALL runnel.sync($name$" + name + "$name$, '30s')");
        client.assertEquals(name, query);
    }
}
