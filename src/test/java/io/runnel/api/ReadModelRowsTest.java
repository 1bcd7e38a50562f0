package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Pages put together are the ordered query, whatever the types, duplicates and nulls; and each reads no more than it needs. */
@QuarkusTest
class ReadModelRowsTest extends RowsFixture {

    /** Columns that can be ordered by. */
    private static final List<String> ORDERED = List.of(
            "small", "big", "exact", "real", "word", "padded", "truth", "day", "moment", "stamp", "span", "bytes",
            "mark", "list", "tree", "color", "bounds");

    private static final ObjectMapper JSON = new ObjectMapper();

    /** Few values each, so that there are duplicates, equal values that print differently, and nulls. */
    private void everything(int rows, int seed) throws Exception {
        client.run("CREATE FUNCTION rest.pick(given anyarray) RETURNS anyelement LANGUAGE sql VOLATILE"
                + " AS 'SELECT given[1 + floor(random() * cardinality(given))::int]'");
        client.run("""
                CREATE TYPE rest.color AS ENUM ('red', 'green', 'blue');
                CREATE TABLE rest.source (
                    small smallint, big bigint, exact numeric, "real" double precision, word text, padded char(3), truth boolean,
                    day date, moment timestamptz, stamp timestamp, span interval, bytes bytea, mark uuid, list integer[],
                    tree jsonb, raw json, color rest.color, bounds int4range)""");
        client.run("SELECT setseed(" + seed / 1000.0 + ")");
        client.run("""
                INSERT INTO rest.source
                SELECT pick(ARRAY[1, 2, NULL]), pick(ARRAY[9007199254740993, -9223372036854775808, NULL]),
                    pick(ARRAY['1.0', '1.00', 'NaN', '12345678901234567890.12345678901234567890', 'Infinity', NULL]::numeric[]),
                    pick(ARRAY['0', '-0', 'NaN', '-Infinity', '0.1', NULL]::float8[]),
                    pick(ARRAY['', 'a', 'A', 'ä"\\', E'x\\ny,z', NULL]), pick(ARRAY['a', 'ab', NULL]), pick(ARRAY[true, false, NULL]),
                    pick(ARRAY['2026-01-01', 'infinity', NULL]::date[]),
                    pick(ARRAY['2026-01-01 10:00+00', '2026-01-01 10:00:00.123456+00', '-infinity', NULL]::timestamptz[]),
                    pick(ARRAY['2026-01-01 10:00', NULL]::timestamp[]), pick(ARRAY['1 day', '24 hours', '1 month', NULL]::interval[]),
                    pick(ARRAY['\\x00ff', '\\x', NULL]::bytea[]), pick(ARRAY['11111111-1111-1111-1111-111111111111', NULL]::uuid[]),
                    CASE pick(ARRAY[1, 2, 3, NULL]) WHEN 1 THEN ARRAY[1, NULL] WHEN 2 THEN '{}' WHEN 3 THEN ARRAY[1, 2] END,
                    pick(ARRAY['{"a": 1.0}', '{"a": 1.00}', 'null', NULL]::jsonb[]), pick(ARRAY['{"b":  1e400}', NULL]::json[]),
                    pick(ARRAY['red', 'blue', NULL]::rest.color[]), pick(ARRAY['[1,2]', 'empty', NULL]::int4range[])
                FROM generate_series(1, %d)""".formatted(rows).replace("pick(", "rest.pick("));
    }

    @Test
    void pages_together_are_the_ordered_query() throws Exception {
        int seed = new Random().nextInt(1000);
        everything(60, seed);
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        Random random = new Random(seed);
        for (int attempt = 0; attempt < 12; attempt++) {
            List<String> order = new ArrayList<>();
            List<String> sql = new ArrayList<>();
            Set<String> used = new HashSet<>();
            for (int i = random.nextInt(4); i > 0; i--) {
                String column = ORDERED.get(random.nextInt(ORDERED.size()));
                if (used.add(column)) {
                    int direction = random.nextInt(3);
                    int nulls = random.nextInt(3);
                    order.add(column
                            + List.of("", ".asc", ".desc").get(direction)
                            + List.of("", ".nullsfirst", ".nullslast").get(nulls));
                    sql.add("\"" + column + "\"" + List.of("", " ASC", " DESC").get(direction)
                            + List.of("", " NULLS FIRST", " NULLS LAST").get(nulls));
                }
            }
            int limit = 3 + random.nextInt(20);
            String parameters = "limit=" + limit + (order.isEmpty() ? "" : "&order=" + String.join(",", order));
            if (random.nextInt(3) == 0) {
                parameters += "&fallback=live&maxStaleness=0s";
            }
            String what = "seed " + seed + ": " + parameters;
            List<String> paged = pages(EVERYTHING, parameters);
            assertThat(paged).as(what).hasSize(60);
            assertThat(sorted(paged)).as(what).isEqualTo(sorted(json("SELECT * FROM rest.everything")));
            assertThat(keys(paged, used))
                    .as(what)
                    .isEqualTo(json("SELECT " + list(used) + " FROM rest.everything"
                                    + (sql.isEmpty() ? "" : " ORDER BY " + String.join(", ", sql)))
                            .stream()
                            .map(ReadModelRowsTest::comparable)
                            .toList());
        }
    }

    @Test
    void pages_of_a_table_with_a_key_are_the_ordered_query_too() throws Exception {
        everything(60, 5);
        table(EVERYTHING, "SELECT word, truth, count(*) AS n FROM rest.source GROUP BY 1, 2", "manual");
        for (String order : List.of("n.desc", "truth.desc.nullslast,n", "word", "n,word.desc")) {
            assertThat(pages(EVERYTHING, "limit=2&order=" + order))
                    .as(order)
                    .hasSameElementsAs(json("SELECT * FROM rest.everything"))
                    .hasSameSizeAs(json("SELECT * FROM rest.everything"));
        }
        client.run("CREATE TABLE rest.numbered (id bigint PRIMARY KEY, body text)");
        client.run("CREATE TABLE rest.log (id bigserial PRIMARY KEY)");
        client.run("SELECT runnel.create_projection('numbers', 'rest.log', 'id', targets => '{rest.numbered}',"
                + " default_handler => 'INSERT INTO rest.numbered VALUES (event.id, event.id % 3)')");
        try {
            client.run("INSERT INTO rest.log SELECT FROM generate_series(1, 50)");
            client.run("CALL runnel.sync('numbers')");
            for (String order : List.of("body", "body.desc", "id.desc", "body.desc,id")) {
                assertThat(pages("numbers", "limit=7&order=" + order))
                        .as(order)
                        .isEqualTo(json("SELECT * FROM rest.numbered ORDER BY "
                                + order.replace(".", " ")
                                + (order.contains("id") ? "" : order.equals("body.desc") ? ", id DESC" : ", id")));
            }
        } finally {
            client.run("SELECT runnel.drop_projection('numbers')");
        }
    }

    @Test
    void filters_mean_what_they_mean_in_sql() throws Exception {
        everything(200, 11);
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        filtered("small=eq.1", "small = 1");
        filtered("small=not.eq.1", "NOT small = 1");
        filtered("small=neq.1", "small <> 1");
        filtered("small=is.null", "small IS NULL");
        filtered("small=not.is.null", "small IS NOT NULL");
        filtered("big=gt.9007199254740992", "big > 9007199254740992");
        filtered("exact=gte.1&exact=lt.NaN", "exact >= 1 AND exact < 'NaN'");
        filtered("real=eq.NaN", "\"real\" = 'NaN'");
        filtered("word=in.(a,\"x\ny,z\",nothing)", "word IN ('a', E'x\\ny,z', 'nothing')");
        filtered("word=not.in.(a)", "word NOT IN ('a')");
        filtered("word=eq.", "word = ''");
        filtered("word=in.()", "false");
        filtered("word=like.a%", "word LIKE 'a%'");
        filtered("word=ilike.a%", "word ILIKE 'a%'");
        filtered("word=eq.ä\"\\", "word = 'ä\"\\'");
        filtered("padded=eq.ab", "padded = 'ab'");
        filtered("truth=is.true", "truth IS TRUE");
        filtered("truth=is.unknown", "truth IS UNKNOWN");
        filtered("day=lte.2026-01-01", "day <= '2026-01-01'");
        filtered("moment=gt.2026-01-01T10:00:00Z", "moment > '2026-01-01T10:00:00Z'");
        filtered("span=eq.24 hours", "span = '24 hours'");
        filtered("bytes=eq.\\x00ff", "bytes = '\\x00ff'");
        filtered("list=eq.{1,NULL}", "list = '{1,NULL}'");
        filtered("tree=eq.{\"a\":1}", "tree = '{\"a\":1}'");
        filtered("color=gt.red", "color > 'red'");
        filtered("bounds=eq.[1,3)", "bounds = '[1,3)'");
        filtered("word=eq.' OR true --", "word = ''' OR true --'");
        String plain =
                rows(EVERYTHING, "\"small\"=eq.1&select=raw,small&limit=1").asString();
        assertThat(plain).contains("\"small\":1");
    }

    private void filtered(String parameters, String condition) throws Exception {
        assertThat(sorted(json(rows(EVERYTHING, "limit=1000&" + parameters))))
                .as(parameters)
                .isEqualTo(sorted(json("SELECT * FROM rest.everything WHERE " + condition)));
    }

    @Test
    void values_are_exact() throws Exception {
        client.run("CREATE TABLE rest.source AS SELECT 9007199254740993::bigint AS big,"
                + " 0.12345678901234567890123456789::numeric AS exact, 1.10::numeric AS trailing, 'NaN'::numeric AS nan,"
                + " '-Infinity'::float8 AS low, '2026-01-01 10:00+02'::timestamptz AS moment, 'infinity'::date AS forever,"
                + " '\\xdeadbeef'::bytea AS bytes, '{1,NULL,3}'::int[] AS list, '{\"a\":  [1, 1e400]}'::json AS raw,"
                + " '{\"a\": 1.10}'::jsonb AS tree, NULL::text AS nothing");
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        assertThat(rows(EVERYTHING, "select=nothing,big,exact,trailing,nan,low,forever,bytes,list,raw,tree")
                        .asString())
                .startsWith("{\"rows\":[{\"nothing\":null,\"big\":9007199254740993,"
                        + "\"exact\":0.12345678901234567890123456789,\"trailing\":1.10,\"nan\":\"NaN\",\"low\":\"-Infinity\","
                        + "\"forever\":\"infinity\",\"bytes\":\"\\\\xdeadbeef\",\"list\":[1,null,3],\"raw\":{\"a\":  [1, 1e400]},"
                        + "\"tree\":{\"a\": 1.10}}]");
        assertThat(rows(EVERYTHING, "select=moment").jsonPath().getString("rows[0].moment"))
                .matches("2026-01-01T\\d\\d:00:00[+-]\\d\\d:\\d\\d");
    }

    @Test
    void wrong_requests_say_what_is_wrong() throws Exception {
        everything(3, 1);
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        refused("nope=eq.1", "unknown-column");
        refused("select=nope", "unknown-column");
        refused("order=nope", "unknown-column");
        refused("select=big,big", "invalid-select");
        refused("order=big,big", "invalid-order");
        refused("order=big.up", "invalid-order");
        refused("big=1", "invalid-filter");
        refused("big=near.1", "invalid-filter");
        refused("big=is.1", "invalid-filter");
        refused("big=in.1", "invalid-filter");
        refused("big=eq.x", "invalid-value");
        refused("day=eq.2026-02-30", "invalid-value");
        refused("raw=eq.1", "unsuitable-column");
        refused("big=like.1%", "unsuitable-column");
        refused("big=is.true", "unsuitable-column");
        refused("order=raw", "unsuitable-column");
        refused("limit=0", "invalid-parameter");
        refused("limit=1001", "invalid-parameter");
        refused("limit=1&limit=2", "invalid-parameter");
        refused("cursor=x", "invalid-cursor");
        refused("cursor=bm9uc2Vuc2U", "invalid-cursor");
        refused("fallback=hope", "invalid-parameter");
        refused("maxStaleness=old", "invalid-parameter");
        refused("wait=1h", "invalid-wait");
        refused("token=x", "postgres-22p02");
        refused("select=\"big", "invalid-parameter");
        String next = rows(EVERYTHING, "limit=1&order=big").jsonPath().getString("next");
        refused(next.substring(next.indexOf('?') + 1).replace("order=big", "order=small"), "invalid-cursor");
        problem(given().get(ROWS + "rest.nowhere/rows").then(), 404, "no-read-model");
        problem(given().get(ROWS + "rest.source/rows").then(), 404, "no-read-model");
    }

    private static void refused(String parameters, String code) {
        problem(rows(EVERYTHING, parameters).then(), 400, code);
    }

    @Test
    void large_pages_are_cut_and_go_on() throws Exception {
        client.run("CREATE TABLE rest.source (id integer, body text)");
        client.run("INSERT INTO rest.source SELECT g, repeat(chr(64 + g), 3000000) FROM generate_series(1, 4) AS g");
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        Response first = rows(EVERYTHING, "order=id");
        assertThat(first.jsonPath().getList("rows.id")).containsExactly(1, 2, 3);
        assertThat(pages(EVERYTHING, "order=id").size()).isEqualTo(4);
        client.run("UPDATE rest.source SET body = repeat('x', 8500000) WHERE id = 4");
        given().post(TABLES + "/" + EVERYTHING + "/refresh").then().statusCode(200);
        refused("id=eq.4", "row-too-large");
        assertThat(rows(EVERYTHING, "id=eq.4&select=id").jsonPath().getList("rows.id"))
                .containsExactly(4);
    }

    @Test
    void page_in_the_order_of_an_index_reads_no_more_than_itself() throws Exception {
        client.run("CREATE TABLE rest.source (id bigint PRIMARY KEY, owner integer, at timestamptz)");
        client.run("INSERT INTO rest.source SELECT g, g % 30, '2026-01-01'::timestamptz + g * interval '1 s'"
                + " FROM generate_series(1, 30000) AS g");
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        client.run("CREATE INDEX ON rest.everything (owner, at DESC, id DESC)");
        client.run("VACUUM ANALYZE rest.everything");
        String next = ROWS + EVERYTHING + "/rows?owner=eq.7&order=at.desc&limit=50";
        String last = "";
        long before = read();
        for (int page = 0; page < 10; page++) {
            Response response = given().urlEncodingEnabled(false).get(next);
            assertThat(response.statusCode()).isEqualTo(200);
            last = response.jsonPath().getString("rows[49].id");
            next = response.jsonPath().getString("next");
        }
        assertThat(last)
                .isEqualTo(client.rows("SELECT id FROM rest.everything WHERE owner = 7 ORDER BY at DESC"
                                + " OFFSET 499 LIMIT 1")
                        .get(0));
        assertThat(read() - before).isLessThan(10 * 110);
    }

    /** Rows of the table that were read so far. */
    private long read() throws Exception {
        client.run("SELECT pg_sleep(1.1)");
        return Long.parseLong(client.rows("SELECT pg_stat_clear_snapshot(), seq_tup_read + idx_tup_fetch"
                        + " FROM pg_stat_user_tables WHERE relid = 'rest.everything'::regclass")
                .get(0)
                .replaceAll(".*[|]", ""));
    }

    @Test
    void rows_that_come_and_go_disturb_no_others() throws Exception {
        client.run("CREATE TABLE rest.source (id bigint PRIMARY KEY, rank integer)");
        client.run("INSERT INTO rest.source SELECT g, g / 4 FROM generate_series(1, 40) AS g");
        table(EVERYTHING, "SELECT * FROM rest.source", "manual");
        List<Integer> seen = new ArrayList<>();
        String next = ROWS + EVERYTHING + "/rows?order=rank.desc&limit=3";
        while (next != null) {
            Response response = given().urlEncodingEnabled(false).get(next);
            seen.addAll(response.jsonPath().getList("rows.id"));
            client.run("DELETE FROM rest.source WHERE id = " + seen.get(seen.size() - 1));
            client.run("INSERT INTO rest.source VALUES (" + (1000 + seen.size()) + ", 100)");
            given().post(TABLES + "/" + EVERYTHING + "/refresh").then().statusCode(200);
            next = response.jsonPath().getString("next");
        }
        assertThat(seen).hasSize(40).doesNotHaveDuplicates().allMatch(id -> id <= 40);
    }

    private static List<String> sorted(List<String> rows) {
        return rows.stream().map(row -> row.replace("+00:00", "Z")).sorted().toList();
    }

    private static String list(Set<String> columns) {
        return columns.isEmpty()
                ? "1 AS \"nothing\""
                : String.join(
                        ", ",
                        columns.stream()
                                .map(column -> "\"" + column + "\"")
                                .sorted()
                                .toList());
    }

    /** Of each row the columns that it is ordered by. */
    private static List<String> keys(List<String> rows, Set<String> columns) throws Exception {
        List<String> keys = new ArrayList<>();
        for (String row : rows) {
            JsonNode parsed = JSON.readTree(row);
            List<String> parts = new ArrayList<>();
            columns.stream()
                    .sorted()
                    .forEach(column -> parts.add(parsed.get(column).toString()));
            keys.add(parts.isEmpty() ? "1" : String.join("|", parts));
        }
        return keys.stream().map(ReadModelRowsTest::normal).toList();
    }

    private static String comparable(String row) {
        try {
            List<String> parts = new ArrayList<>();
            JSON.readTree(row).forEach(value -> parts.add(value.toString()));
            return normal(String.join("|", parts));
        } catch (java.io.IOException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Values that are equal and print differently may come in any order. */
    private static String normal(String key) {
        return key.replace("1.00", "1.0").replace("-0.0", "0.0").replace("24:00:00", "1 day");
    }
}
