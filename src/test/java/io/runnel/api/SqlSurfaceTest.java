package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.api.SqlSurface.Session;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The SQL functions and views as an ordinary role sees them; the service is played by statements. */
class SqlSurfaceTest extends SqlFixture {
    @BeforeEach
    void create_source() throws Exception {
        app.run("CREATE TABLE orders (id bigint PRIMARY KEY, customer text, amount numeric)");
    }

    @Test
    void created_table_has_the_columns_of_the_query_and_can_be_indexed_at_once() throws Exception {
        app.run("""
                SELECT runnel.create_stream_table(
                    'totals', 'SELECT customer, sum(amount) AS total FROM orders GROUP BY customer; ')""");
        app.run("CREATE INDEX ON totals (customer)");
        assertThat(
                        app.rows(
                                "SELECT attname, atttypid::regtype FROM pg_attribute WHERE attrelid = 'shop.totals'::regclass AND attnum > 0"))
                .containsExactly("customer|text", "total|numeric");
        assertThat(app.rows("""
                SELECT schema_name, table_name, owner, query, search_path, schedule, refresh_mode, wanted, version
                FROM runnel_internal.stream_table"""))
                .containsExactly("shop|totals|app|SELECT customer, sum(amount) AS total FROM orders GROUP BY customer"
                        + "|shop, public|5s|AUTO|ACTIVE|1");
        assertThat(app.rows("SELECT schema_name, table_name, status, populated FROM runnel.stream_tables"))
                .containsExactly("shop|totals|INITIALIZING|f");
    }

    @Test
    void quoted_and_qualified_names_are_read_as_postgres_reads_them() throws Exception {
        app.run("SELECT runnel.create_stream_table('public.\"Odd \"\" name\"', 'SELECT 1 AS a')");
        assertThat(app.rows("SELECT schema_name, table_name FROM runnel.stream_tables"))
                .containsExactly("public|Odd \" name");
        app.run("SELECT runnel.drop_stream_table('\"Odd \"\" name\"')");
        assertThat(app.rows("SELECT id FROM runnel.stream_tables")).isEmpty();
        for (String name : List.of("''", "'a.b.c'", "'a..b'", "NULL", "'1a'")) {
            app.fails("SELECT runnel.create_stream_table(" + name + ", 'SELECT 1 AS a')", "42602");
        }
        app.fails("SELECT runnel.create_stream_table(repeat('a', 64), 'SELECT 1 AS a')", "42622");
        for (String schema : List.of("runnel", "runnel_internal", "pgtrickle", "pg_catalog", "pg_temp")) {
            app.fails("SELECT runnel.create_stream_table('" + schema + ".x', 'SELECT 1 AS a')", "42939");
        }
    }

    @Test
    void taken_names_are_refused() throws Exception {
        app.fails("SELECT runnel.create_stream_table('orders', 'SELECT 1 AS a')", "42P07");
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')");
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')", "42P07");
        app.fails("SELECT runnel.create_stream_table_if_not_exists('orders', 'SELECT 1 AS a')", "42P07");
        app.run("SELECT runnel.create_stream_table_if_not_exists('x', 'SELECT 2 AS b')");
        assertThat(app.rows("SELECT query FROM runnel.stream_tables")).containsExactly("SELECT 1 AS a");
    }

    @Test
    void name_of_a_table_dropped_by_hand_is_free_at_once() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')");
        app.run("DROP TABLE x");
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 2 AS a')");
        app.run("DROP TABLE x");
        app.run("SELECT runnel.drop_stream_table('x')");
        assertThat(app.rows("SELECT id FROM runnel.stream_tables")).isEmpty();
    }

    @Test
    void anything_but_one_select_is_refused() throws Exception {
        for (String query : List.of(
                "",
                ";",
                "SELECT 1 AS a; SELECT 2",
                "INSERT INTO orders VALUES (1) RETURNING id",
                "WITH w AS (DELETE FROM orders RETURNING id) SELECT id FROM w",
                "EXPLAIN SELECT 1",
                "SHOW work_mem",
                "SELECT 1 AS a INTO other",
                "DROP TABLE orders",
                "SELECT 1) AS q; DROP TABLE orders; SELECT * FROM (SELECT 2",
                "SELECT id FRM orders o")) {
            app.fails("SELECT runnel.create_stream_table('x', $$" + query + "$$)", "42601");
        }
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a, 2 AS a')", "42701");
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT FROM orders')", "42P16");
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT nothing FROM orders')", "42703");
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT * FROM public.secret')", "42501");
        app.run("SELECT runnel.create_stream_table('x', 'VALUES (1), (2) -- two')");
        app.run("SELECT runnel.create_stream_table('y', '(WITH w AS (TABLE orders) SELECT * FROM w)')");
        assertThat(app.rows("SELECT count(*) FROM orders")).containsExactly("0");
    }

    @Test
    void schedules_and_modes_are_checked() throws Exception {
        assertThat(app.rows("""
                SELECT runnel_internal.schedule(given)
                FROM unnest('{500ms,1h30m,on-change,CALCULATED,manual,@hourly,"*/5 * * * *","0 0 9 * * MON-FRI"}'::text[])
                    AS given"""))
                .containsExactly(
                        "500ms",
                        "1h30m",
                        "on-change",
                        "downstream",
                        "manual",
                        "@hourly",
                        "*/5 * * * *",
                        "0 0 9 * * MON-FRI");
        for (String schedule : List.of("often", "0s", "5", "", "@never", "* * *")) {
            app.fails("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a', '" + schedule + "')", "22023");
        }
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a', '5s', 'NOW')", "22023");
        app.fails("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a', '5s', 'immediate')", "0A000");
    }

    @Test
    void role_that_the_service_cannot_become_is_refused() throws Exception {
        try (Session stranger = surface.session("stranger")) {
            stranger.fails("SELECT runnel.create_stream_table('public.x', 'SELECT 1 AS a')", "42501");
        }
    }

    @Test
    void direct_writes_are_refused_and_refreshes_are_not() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')");
        for (String write : List.of("INSERT INTO x VALUES (1)", "UPDATE x SET a = 2", "DELETE FROM x", "TRUNCATE x")) {
            app.fails(write, "42809");
        }
        app.run("SET runnel.refresh = 'on'");
        app.run("INSERT INTO x VALUES (1)");
    }

    @Test
    void only_real_changes_raise_the_version() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a', '5s')");
        app.run("SELECT runnel.alter_stream_table('x', 'SELECT 1 AS a;', '5s', 'auto')");
        assertThat(app.rows("SELECT version FROM runnel_internal.stream_table")).containsExactly("1");
        app.run("SELECT runnel.create_or_replace_stream_table('x', 'SELECT 2 AS a', '1m', 'FULL')");
        assertThat(app.rows("SELECT version, query, schedule, refresh_mode FROM runnel_internal.stream_table"))
                .containsExactly("2|SELECT 2 AS a|1m|FULL");
        app.fails("SELECT runnel.alter_stream_table('x', query => 'SELECT 1 AS a, 2 AS a')", "42701");
        app.fails("SELECT runnel.alter_stream_table('x', status => 'ASLEEP')", "22023");
        app.run("SELECT runnel.alter_stream_table('x', status => 'paused')");
        assertThat(app.rows("SELECT version, wanted FROM runnel_internal.stream_table"))
                .containsExactly("2|PAUSED");
        app.run("SELECT runnel.resume_stream_table('x')");
        assertThat(app.rows("SELECT version, wanted FROM runnel_internal.stream_table"))
                .containsExactly("3|ACTIVE");
        app.run("SELECT runnel.suspend_stream_table('x')");
        app.run("SELECT runnel.refresh_stream_table('x'), runnel.reinitialize_stream_table('shop.x')");
        assertThat(app.rows("SELECT wanted, refresh_requests, reinitialize_requests FROM runnel_internal.stream_table"))
                .containsExactly("SUSPENDED|1|1");
    }

    @Test
    void others_see_a_stream_table_when_they_may_read_it_and_never_change_it() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')");
        app.run("GRANT USAGE ON SCHEMA shop TO stranger");
        try (Session stranger = surface.session("stranger")) {
            assertThat(stranger.rows("SELECT id FROM runnel.stream_tables")).isEmpty();
            stranger.fails("CALL runnel.sync('shop.x', '0.1s')", "42501");
            app.run("GRANT SELECT ON x TO stranger");
            assertThat(stranger.rows("SELECT table_name FROM runnel.stream_tables"))
                    .containsExactly("x");
            stranger.fails("CALL runnel.sync('shop.x', '0.1s')", "RN001");
            for (String change : List.of("drop", "pause", "resume", "refresh", "reinitialize", "alter")) {
                stranger.fails("SELECT runnel." + change + "_stream_table('shop.x')", "42501");
            }
            stranger.fails("""
                    INSERT INTO runnel_internal.stream_table
                        (relation, schema_name, table_name, query, search_path, time_zone, schedule, refresh_mode)
                    VALUES ('shop.orders'::regclass, 'shop', 'orders', 'SELECT 1', '', 'UTC', '5s', 'AUTO')""", "42501");
            stranger.fails("SELECT runnel.pause_stream_table('nothing')", "42P01");
        }
    }

    @Test
    void owner_that_was_dropped_breaks_nobody() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT 1 AS a')");
        service.run("UPDATE runnel_internal.stream_table SET owner = 'gone'");
        assertThat(app.rows("SELECT id FROM runnel_internal.stream_table")).isEmpty();
        assertThat(app.rows("SELECT table_name FROM runnel.stream_tables")).containsExactly("x");
    }

    @Test
    void drop_takes_all_that_belongs_to_it_so_that_source_and_type_can_be_dropped_next() throws Exception {
        app.run("CREATE TYPE kind AS ENUM ('a')");
        app.run("ALTER TABLE orders ADD COLUMN kind kind");
        app.run("SELECT pgtrickle.create_stream_table(name => 'x', query => 'SELECT kind FROM orders')");
        surface.pretendInitialized(service, "x", "orders", "id bigint, customer text, amount numeric, kind shop.kind");
        service.run("UPDATE runnel_internal.stream_table SET definition_view = 'definition_x'");
        service.run("CREATE VIEW runnel_internal.definition_x AS SELECT kind FROM shop.orders");
        String id = service.rows("SELECT id FROM runnel_internal.stream_table").get(0);
        service.run("CREATE TABLE runnel_internal.state_" + id + "_0 (kind shop.kind)");
        app.run("INSERT INTO orders VALUES (1, 'c', 1, 'a')");
        app.run("SELECT pgtrickle.drop_stream_table('x')");
        app.run("INSERT INTO orders VALUES (2, 'c', 1, 'a')");
        app.run("DROP TABLE orders");
        app.run("DROP TYPE kind");
        assertThat(service.rows("SELECT id FROM runnel_internal.source")).isEmpty();
    }

    @Test
    void busy_source_keeps_its_capture_when_its_last_dependant_is_dropped() throws Exception {
        app.run("SELECT runnel.create_stream_table('x', 'SELECT id FROM orders')");
        surface.pretendInitialized(service, "x", "orders", "id bigint, customer text, amount numeric");
        try (Session writer = surface.session("app")) {
            writer.run("BEGIN");
            writer.run("INSERT INTO orders VALUES (1, 'c', 1)");
            app.run("SELECT runnel.drop_stream_table('x')");
            writer.run("INSERT INTO orders VALUES (2, 'c', 1)");
            writer.run("COMMIT");
        }
        assertThat(service.rows("SELECT count(*) FROM runnel_internal.source")).containsExactly("1");
        assertThat(app.rows("SELECT id FROM runnel.stream_tables")).isEmpty();
    }

    @Test
    void drop_refuses_while_stream_tables_depend_on_it_unless_they_go_too() throws Exception {
        app.run("SELECT runnel.create_stream_table('below', 'SELECT id FROM orders')");
        app.run("SELECT runnel.create_stream_table('above', 'SELECT id FROM below')");
        surface.pretendInitialized(service, "below", "orders", "id bigint, customer text, amount numeric");
        surface.pretendInitialized(service, "above", "below", "id bigint");
        assertThat(app.rows("SELECT table_name, source_name, captured FROM runnel.dependencies ORDER BY 1"))
                .containsExactly("above|below|t", "below|orders|t");
        app.fails("SELECT runnel.drop_stream_table('below')", "2BP01");
        app.run("CREATE VIEW reader AS SELECT * FROM above");
        app.fails("SELECT runnel.drop_stream_table('above')", "2BP01");
        app.run("SELECT runnel.drop_stream_table('below', cascade => true)");
        assertThat(app.rows("SELECT id FROM runnel.stream_tables")).isEmpty();
        assertThat(service.rows("SELECT id FROM runnel_internal.source")).isEmpty();
    }

    @Test
    void familiar_names_show_a_familiar_view() throws Exception {
        app.run("SELECT pgtrickle.create_stream_table('x', 'SELECT 1 AS a')");
        assertThat(app.rows("SELECT pgt_schema, pgt_name, status, refresh_mode, schedule, defining_query,"
                        + " consecutive_errors, is_populated FROM pgtrickle.pgt_stream_tables"))
                .containsExactly("shop|x|INITIALIZING|AUTO|calculated|SELECT 1 AS a|0|f");
        app.run("SELECT pgtrickle.create_or_replace_stream_table('x', 'SELECT 2 AS a', NULL)");
        app.run("SELECT pgtrickle.alter_stream_table('x', refresh_mode => 'DIFFERENTIAL')");
        app.run("SELECT pgtrickle.refresh_stream_table('x'), pgtrickle.reinitialize_stream_table('x')");
        app.run("SELECT pgtrickle.pause_stream_table('x'), pgtrickle.resume_stream_table('x')");
        app.run("SELECT pgtrickle.drop_stream_table('x')");
    }
}
