package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What random queries and doubt have found about queries and values, each in its smallest form. */
@QuarkusTest
class FindingsTest extends Finding {

    @Test
    void a_table_that_only_an_unused_common_table_expression_reads_may_change() throws SQLException {
        run("CREATE TABLE finding.one (v int)", "CREATE TABLE finding.other (v int)");
        String query = "WITH unused AS (SELECT v FROM finding.other) SELECT v FROM finding.one UNION ALL SELECT 1";
        createDifferential(query);
        run("INSERT INTO finding.other VALUES (1)");
        assertRefreshed(query);
        run("INSERT INTO finding.one VALUES (2)");
        assertRefreshed(query);
    }

    @Test
    void a_group_whose_composite_key_has_only_nulls_inside_is_counted_once() throws SQLException {
        run("CREATE TYPE finding.pair AS (a int, b int)", "CREATE TABLE finding.source (k finding.pair, v int)");
        run(
                "INSERT INTO finding.source VALUES (ROW(NULL, NULL), 1), (ROW(NULL, NULL), 2), (NULL, 3), (ROW(1, NULL), 4)");
        String query = "SELECT k, array_agg(v ORDER BY v) AS vs, min(v) AS least FROM finding.source GROUP BY k";
        createDifferential(query);
        run(
                "DELETE FROM finding.source WHERE v = 1",
                "INSERT INTO finding.source VALUES (ROW(NULL, NULL), 5), (NULL, 6)");
        assertRefreshed(query);
    }

    @Test
    void equality_is_that_of_the_type_whatever_the_search_path() throws SQLException {
        run("CREATE EXTENSION citext SCHEMA finding", "CREATE TABLE finding.source (k finding.citext, v int)");
        run("INSERT INTO finding.source VALUES ('a', 1), ('b', 2)");
        String query = "SELECT count(*) AS n, array_agg(v ORDER BY v) AS vs, count(DISTINCT k) AS ks"
                + " FROM finding.source GROUP BY k";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES ('A', 3)");
        assertRefreshed(query);
        run("DELETE FROM finding.source WHERE v = 1");
        assertRefreshed(query);
    }

    @Test
    void functions_of_the_catalog_are_meant_whatever_the_search_path() throws SQLException {
        run(
                "CREATE FUNCTION finding.abs(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 42'",
                "CREATE AGGREGATE finding.count(*) (SFUNC = int8inc, STYPE = int8, INITCOND = '100')",
                "CREATE TABLE finding.source (k int, v int)",
                "SET search_path = finding, pg_catalog");
        String query =
                "SELECT pg_catalog.abs(k) AS k, pg_catalog.count(*) AS n, max(v) AS v FROM finding.source GROUP BY 1";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES (-1, 1), (1, 2), (2, 3)");
        assertRefreshed(query);
        run("DELETE FROM finding.source WHERE v = 2");
        assertRefreshed(query);
    }

    @Test
    void trailing_blanks_of_bpchar_are_part_of_the_value() throws SQLException {
        run("CREATE TABLE finding.source (v bpchar)", "INSERT INTO finding.source VALUES ('a')");
        createDifferential("SELECT v FROM finding.source");
        run("UPDATE finding.source SET v = 'a  '");
        assertRefreshed("SELECT v FROM finding.source");
    }

    @Test
    void values_that_are_stored_differently_and_print_the_same_are_the_same() throws SQLException {
        run("CREATE TABLE finding.source (id int, f float8, a int[])");
        run("INSERT INTO finding.source VALUES (1, 'NaN', '{1}')");
        String query = "SELECT f, a FROM finding.source";
        createDifferential(query);
        run(
                "INSERT INTO finding.source VALUES (2, 'Infinity'::float8 - 'Infinity', (ARRAY[1, NULL])[1:1]), (3, 'NaN', '{1}')");
        assertRefreshed(query);
        run("DELETE FROM finding.source WHERE id = 2", "INSERT INTO finding.source VALUES (4, 0, '{1}')");
        assertRefreshed(query);
        run("DELETE FROM finding.source");
        assertRefreshed(query);
    }

    @Test
    void a_key_may_have_more_columns_than_an_index() throws SQLException {
        String columns = IntStream.range(0, 40).mapToObj(i -> "c" + i).collect(Collectors.joining(", "));
        run("CREATE TABLE finding.source (" + columns.replace(",", " int NOT NULL,") + " int NOT NULL)");
        createDifferential("SELECT DISTINCT " + columns + " FROM finding.source");
        run("INSERT INTO finding.source SELECT " + columns.replaceAll("c\\d+", "g") + " FROM generate_series(1, 3) g");
        assertRefreshed("SELECT DISTINCT " + columns + " FROM finding.source");
    }

    @Test
    void a_key_may_grow_longer_than_an_entry_of_an_index() throws SQLException {
        run(
                "CREATE TABLE finding.source (k text NOT NULL, v int)",
                "INSERT INTO finding.source VALUES ('a', 1), ('b', 2)");
        String query =
                "SELECT k, count(*) AS n, min(v) AS least, count(DISTINCT k) AS ks FROM finding.source GROUP BY k";
        createDifferential(query);
        run("INSERT INTO finding.source SELECT string_agg(md5(i::text), ''), 3 FROM generate_series(1, 30000) AS i");
        assertRefreshed(query);
        run("UPDATE finding.source SET v = v + 1", "INSERT INTO finding.source SELECT k || 'c', 5 FROM finding.source");
        assertRefreshed(query);
        run("DELETE FROM finding.source WHERE v < 5");
        assertRefreshed(query);
        assertThat(modes()).endsWith("DIFFERENTIAL", "DIFFERENTIAL");
    }

    @Test
    void a_key_may_be_longer_than_an_entry_of_an_index_from_the_beginning() throws SQLException {
        run(
                "CREATE TABLE finding.source (k text NOT NULL, v int)",
                "INSERT INTO finding.source SELECT string_agg(md5(i::text), ''), 3 FROM generate_series(1, 100) AS i");
        String query = "SELECT DISTINCT k FROM finding.source";
        createDifferential(query);
        run("INSERT INTO finding.source SELECT k || 'c', 5 FROM finding.source");
        assertRefreshed(query);
        run(
                "SELECT runnel.alter_stream_table('finding.result', query => 'SELECT k, 1 AS more FROM finding.source GROUP BY k')");
        run("DELETE FROM finding.source WHERE v < 5");
        assertRefreshed("SELECT k, 1 AS more FROM finding.source GROUP BY k");
    }

    @Test
    void joined_aggregate_is_taken_away_as_it_was_put_there() throws SQLException {
        run(
                "CREATE TABLE finding.source (g int, n numeric, t text)",
                "CREATE TABLE finding.other (g int, x text)",
                "INSERT INTO finding.source VALUES (1, 1.0, 'b'), (2, 3, 'c'), (1, 1, 'a')",
                "INSERT INTO finding.other VALUES (1, 'old'), (2, 'old')");
        String query = "SELECT a.g, a.m::float8 AS m, length(a.ts) AS ts, a.total, b.x FROM (SELECT g, max(n) AS m,"
                + " string_agg(t, ',') AS ts, sum(n::float8 / 3) AS total FROM finding.source GROUP BY g) a"
                + " JOIN finding.other b ON b.g = a.g";
        createDifferential(query);
        run(
                "BEGIN",
                "INSERT INTO finding.source VALUES (1, 1.00, 'd')",
                "UPDATE finding.other SET x = 'new'",
                "COMMIT");
        assertRefreshed(query);
        run("BEGIN", "INSERT INTO finding.source VALUES (2, 3.00, 'd')", "INSERT INTO finding.other VALUES (2, 'add')");
        run("DELETE FROM finding.source WHERE t = 'a'", "COMMIT");
        assertRefreshed(query);
        run("BEGIN", "DELETE FROM finding.source WHERE g = 2", "DELETE FROM finding.other WHERE x = 'add'", "COMMIT");
        assertRefreshed(query);
        assertThat(modes()).endsWith("DIFFERENTIAL", "DIFFERENTIAL", "DIFFERENTIAL");
    }

    @Test
    void index_in_another_collation_proves_no_key() throws SQLException {
        run(
                "CREATE COLLATION finding.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
                "CREATE TABLE finding.source (k text COLLATE finding.caseless NOT NULL, v int)",
                "CREATE UNIQUE INDEX ON finding.source (k COLLATE \"C\")",
                "INSERT INTO finding.source VALUES ('a', 1)");
        String query = "SELECT k, v FROM finding.source";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES ('A', 2)");
        assertRefreshed(query);
        run("UPDATE finding.source SET v = 3 WHERE k COLLATE \"C\" = 'a'");
        assertRefreshed(query);
    }

    @Test
    void a_key_of_two_grouping_sets_that_stands_alone_in_one_of_them_is_one_key() throws SQLException {
        run(
                "CREATE TABLE finding.source (k int, v int)",
                "INSERT INTO finding.source VALUES (1, 1), (1, 2), (2, 1), (2, NULL)");
        for (String key : List.of(
                "CASE WHEN s.k > 1 THEN s.v ELSE 0 END",
                "ARRAY[s.k]",
                "(ARRAY[s.k, s.v])[1]",
                "CASE s.k WHEN 1 THEN CASE WHEN s.v = 1 THEN 7 END END::text",
                "s.v::numeric(6, 2)",
                "coalesce(s.v, 0)",
                "s.k + s.v")) {
            String query = "SELECT " + key + " AS key, count(*) AS n, s.v FROM finding.source s"
                    + " GROUP BY GROUPING SETS ((" + key + ", s.v), " + key + ")";
            createDifferential(query);
            run("INSERT INTO finding.source VALUES (1, 3), (2, 1), (3, 1)");
            assertRefreshed(query);
            run("SELECT runnel.drop_stream_table('finding.result')");
        }
    }
}
