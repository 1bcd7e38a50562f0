package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.api.SqlSurface.Session;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who may do what to managed materialized views; the service is played by statements. */
class MaterializedViewRightsTest extends SqlFixture {

    private static final String REFRESH = """
            BEGIN ISOLATION LEVEL REPEATABLE READ;
            SELECT FROM runnel_internal.view_situation(%1$s);
            SET LOCAL ROLE app;
            REFRESH MATERIALIZED VIEW shop.totals;
            SET LOCAL ROLE NONE;
            SELECT FROM runnel_internal.view_refreshed(%1$s, pg_current_snapshot(), 'PLAIN', 'test', 0, 2);
            COMMIT""";

    private String id = "";

    @BeforeEach
    void create_view() throws Exception {
        try (Session administrator = surface.session("postgres")) {
            administrator.run("DELETE FROM runnel_internal.materialized_view");
        }
        app.run("CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric)");
        id = app.rows("SELECT runnel.create_materialized_view('totals', 'SELECT sum(amount) AS total FROM orders')")
                .get(0);
    }

    private String situation() throws Exception {
        return service.rows("SELECT action FROM runnel_internal.view_situation(" + id + ")")
                .get(0);
    }

    @Test
    void view_belongs_to_the_role_that_created_it() throws Exception {
        assertThat(app.rows("SELECT schema_name, view_name, owner, status, schedules FROM runnel.materialized_views"))
                .containsExactly("shop|totals|app|INITIALIZING|{5m}");
        try (Session stranger = surface.session("stranger")) {
            assertThat(stranger.rows("SELECT id FROM runnel.materialized_views"))
                    .isEmpty();
            stranger.fails("SELECT runnel.refresh_materialized_view('shop.totals')", "42501");
            stranger.fails("SELECT runnel.drop_materialized_view('shop.totals')", "42501");
            stranger.fails("SELECT runnel.pause_materialized_view('shop.totals')", "42501");
            stranger.fails("SELECT runnel_internal.watch('shop.orders'::regclass)", "42501");
            stranger.fails("SELECT runnel_internal.view_refreshed(1, '3:3:', 'PLAIN', '', 0, 0)", "42501");
            stranger.run("CREATE MATERIALIZED VIEW public.mine AS SELECT 1 AS a");
            stranger.fails("SELECT runnel.adopt_materialized_view('public.mine')", "42501");
            stranger.fails("SELECT runnel.create_materialized_view('public.x', 'SELECT 1 AS a')", "42501");
            stranger.fails(
                    "INSERT INTO runnel_internal.materialized_view (relation, schema_name, view_name, owner, adopted,"
                            + " schedules, time_zone, search_path, refresh_kind, skip_unchanged) VALUES"
                            + " ('public.mine'::regclass, 'public', 'mine', 'app', true, '{1s}', 'UTC', '', 'AUTO', true)",
                    "42501");
            stranger.run("DROP MATERIALIZED VIEW public.mine");
        }
        app.run("CREATE MATERIALIZED VIEW own AS SELECT 1 AS a");
        try (Session stranger = surface.session("stranger")) {
            stranger.fails("SELECT runnel.adopt_materialized_view('shop.own')", "42501");
        }
        app.run("SELECT runnel.adopt_materialized_view('own')");
    }

    @Test
    void statements_are_run_as_an_owner_by_the_service_alone() throws Exception {
        String role = service.rows("SELECT runnel_internal.confine('app')").get(0);
        String call = "SELECT line FROM runnel_confined.query_as_" + role
                + "('', 'SELECT current_user || count(*) FROM shop.orders', NULL) AS (line text)";
        app.run("INSERT INTO orders VALUES (1, 5)");
        assertThat(service.rows(call)).containsExactly("app1");
        service.fails(
                "SELECT line FROM runnel_confined.query_as_" + role
                        + "('', 'SELECT set_config(''role'', ''none'', true)', NULL) AS (line text)",
                "42501");
        assertThat(service.rows("SELECT runnel_internal.confine('app')")).containsExactly(role);
        try (Session stranger = surface.session("stranger")) {
            for (Session other : List.of(app, stranger)) {
                other.fails(call, "42501");
                other.fails("SELECT runnel_internal.confine('app')", "42501");
                other.fails("ALTER FUNCTION runnel_confined.query_as_" + role + " SECURITY INVOKER", "42501");
                other.fails(
                        "CREATE FUNCTION runnel_confined.own() RETURNS integer LANGUAGE sql AS 'SELECT 1'", "42501");
            }
        }
        service.run("SELECT runnel_internal.release_confined()");
        assertThat(service.rows(call)).containsExactly("app1");
        app.run("SELECT runnel.drop_materialized_view('totals')");
        service.run("SELECT runnel_internal.release_confined()");
        service.fails(call, "42883");
    }

    @Test
    void service_that_may_not_watch_a_source_says_which_right_is_missing() throws Exception {
        service.run("SELECT runnel_internal.watch_sources(" + id + ")");
        service.run(REFRESH.formatted(id));
        assertThat(situation()).isEqualTo("SKIP");
        try (Session administrator = surface.session("postgres")) {
            administrator.run("REVOKE app FROM service");
        }
        try {
            assertThat(situation()).isEqualTo("SKIP");
            app.run("SELECT runnel.alter_materialized_view('totals', skip_unchanged => false)");
            app.run("SELECT runnel.alter_materialized_view('totals', skip_unchanged => true)");
            assertThat(app.rows("SELECT never_skipped_because FROM runnel.materialized_views"))
                    .containsExactly("the service may not watch shop.orders: GRANT TRIGGER ON shop.orders TO service");
            app.run("GRANT TRIGGER ON orders TO service");
            service.run("SELECT runnel_internal.watch_sources(" + id + ")");
            app.fails("SELECT runnel.create_materialized_view('x', 'SELECT 1 AS a')", "42501");
        } finally {
            try (Session administrator = surface.session("postgres")) {
                administrator.run("GRANT app TO service");
            }
        }
    }

    @Test
    void writers_are_recorded_whoever_they_are_and_the_history_is_bounded() throws Exception {
        service.run("SELECT runnel_internal.watch_sources(" + id + ")");
        for (int i = 0; i < 4; i++) {
            service.run(REFRESH.formatted(id));
        }
        assertThat(app.rows("SELECT count(*) FROM runnel.materialized_view_history"))
                .containsExactly("2");
        app.run("GRANT USAGE ON SCHEMA shop TO stranger; GRANT INSERT ON orders TO stranger");
        try (Session stranger = surface.session("stranger")) {
            stranger.run("INSERT INTO shop.orders VALUES (1, 1)");
        }
        assertThat(service.rows("SELECT action, reason FROM runnel_internal.view_situation(" + id + ")"))
                .containsExactly("PLAIN|a source was written to");
        app.run("SELECT runnel.drop_materialized_view('totals')");
        assertThat(app.rows("SELECT tgname FROM pg_trigger WHERE tgrelid = 'orders'::regclass"))
                .isEmpty();
    }
}
