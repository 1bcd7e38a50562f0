package io.runnel.refresh;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.hamcrest.Matchers.containsString;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import io.runnel.fault.Await;
import io.runnel.security.TestCallers;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Functions of an owner's try to get hold of the service's rights, at each place where the service comes upon them: in the
 * query, in triggers and policies of the stream table, while it is defined, refreshed, verified and read.
 */
@QuarkusTest
class ConfinementTest {

    /** What leads to the rights of the service where nothing keeps it from them; tells under whose name it was run. */
    private static final String LATER = """
        CREATE FUNCTION confined.later() RETURNS integer LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO confined.witness VALUES (current_user);
          PERFORM set_config('role', 'none', false);
          INSERT INTO confined.witness SELECT 'loot ' || a FROM confined.secret;
          RETURN 1;
        END $$\
        """;

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        client.run("DO $$ BEGIN CREATE ROLE mallory; EXCEPTION WHEN duplicate_object THEN END $$");
        client.run("CREATE SCHEMA confined");
        client.run("GRANT USAGE, CREATE ON SCHEMA confined TO mallory");
        client.run("CREATE TABLE confined.orders (id int PRIMARY KEY, customer int, amount int)");
        client.run("INSERT INTO confined.orders SELECT i, i % 3, i FROM generate_series(1, 30) AS i");
        client.run("GRANT SELECT ON confined.orders TO mallory");
        client.run("CREATE TABLE confined.secret AS SELECT 1 AS a");
        client.run("CREATE TABLE confined.witness (line text)");
        client.run("GRANT INSERT, SELECT ON confined.witness TO mallory");
        client.run("SET ROLE mallory");
        client.run(LATER);
        client.run("CREATE FUNCTION confined.same(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
                + " $$ BEGIN RETURN a; END $$");
        client.run("CREATE FUNCTION confined.act() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$");
        client.run("SELECT runnel.create_stream_table('confined.totals',"
                + " 'SELECT customer, sum(confined.same(amount)) AS total FROM confined.orders GROUP BY customer')");
        client.run("CALL runnel.refresh('confined.totals')");
        client.run("CREATE TRIGGER act AFTER INSERT OR UPDATE OR DELETE ON confined.totals"
                + " FOR EACH STATEMENT EXECUTE FUNCTION confined.act()");
        client.run("RESET ROLE");
    }

    @AfterEach
    void drop() throws SQLException {
        client.run("RESET ROLE");
        client.run("SELECT runnel.drop_stream_table('confined.totals')");
        client.run("DROP SCHEMA confined CASCADE");
        client.run("DROP OWNED BY mallory");
        client.run("DROP ROLE mallory");
        client.close();
    }

    @Test
    void function_of_the_query_cannot_give_the_role_back() throws SQLException {
        client.run("CREATE OR REPLACE FUNCTION confined.same(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
                + " $$ BEGIN PERFORM set_config('role', 'none', true); RETURN a; END $$");
        change();
        refused("cannot set parameter \"role\" within security-definer function");
        verifyRefused("within security-definer function");
    }

    @Test
    void constant_of_the_query_is_computed_with_the_rights_of_the_owner() throws SQLException {
        client.run("SET ROLE mallory");
        client.run("CREATE FUNCTION confined.constant(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS"
                + " $$ BEGIN IF pg_backend_pid() <> "
                + client.rows("SELECT pg_backend_pid()").get(0)
                + " THEN PERFORM set_config('role', 'none', true); END IF; RETURN a; END $$");
        client.run("SELECT runnel.create_stream_table('confined.constants',"
                + " 'SELECT id, confined.constant(7) AS seven FROM confined.orders')");
        assertThatThrownBy(() -> client.run("CALL runnel.refresh('confined.constants', '10s')"))
                .hasMessageContaining("within security-definer function");
        client.run("SELECT runnel.drop_stream_table('confined.constants')");
    }

    @Test
    void trigger_cannot_give_the_role_back() throws SQLException {
        act("PERFORM confined.later();");
        change();
        refused("within security-definer function");
        recovers();
    }

    @Test
    void cursor_that_would_be_filled_at_the_end_of_the_transaction_is_refused() throws SQLException {
        act("IF TG_OP = 'UPDATE' THEN EXECUTE 'DECLARE leak CURSOR WITH HOLD FOR SELECT confined.later()'; END IF;");
        change();
        refused("cursor leak WITH HOLD");
        recovers();
    }

    @Test
    void statement_under_the_name_of_one_of_the_services_is_refused() throws SQLException {
        act("DECLARE n text; BEGIN FOR n IN SELECT name FROM pg_prepared_statements LOOP"
                + " EXECUTE format('DEALLOCATE %I', n);"
                + " EXECUTE format('PREPARE %I AS SELECT confined.later()', n); END LOOP; END;");
        change();
        refused("a prepared statement");
        recovers();
    }

    @Test
    void statement_is_not_run_by_another_name_after_a_failure_either() throws SQLException {
        act("DECLARE n text; BEGIN FOR n IN SELECT name FROM pg_prepared_statements WHERE NOT from_sql LOOP"
                + " EXECUTE format('DEALLOCATE %I', n);"
                + " EXECUTE format('PREPARE %I (text) AS SELECT confined.later() = 1', n); END LOOP; END;"
                + " RAISE EXCEPTION 'on purpose';");
        change();
        refused("on purpose");
        recovers();
    }

    @Test
    void deallocated_statements_harm_nobody() throws SQLException {
        act("DECLARE n text; BEGIN FOR n IN SELECT name FROM pg_prepared_statements LOOP"
                + " EXECUTE format('DEALLOCATE %I', n); END LOOP; END;");
        change();
        assertThatThrownBy(() -> client.run("CALL runnel.refresh('confined.totals', '10s')"))
                .isInstanceOf(SQLException.class);
        recovers();
    }

    @Test
    void settings_temporary_tables_and_locks_end_with_the_refresh() throws SQLException {
        act("CREATE TEMP TABLE IF NOT EXISTS pg_class (a int);"
                + " CREATE OR REPLACE FUNCTION pg_temp.now() RETURNS int LANGUAGE sql AS 'SELECT confined.later()';"
                + " PERFORM set_config('search_path', 'confined, pg_temp, pg_catalog', false);"
                + " PERFORM set_config('standard_conforming_strings', 'off', false);"
                + " PERFORM set_config('runnel.refresh', 'off', false);"
                + " LISTEN something; PERFORM pg_advisory_lock(4711);");
        client.run("SET ROLE mallory");
        client.run("CREATE FUNCTION confined.pg_advisory_unlock(a int, b int) RETURNS boolean LANGUAGE sql AS"
                + " 'SELECT confined.later() = 1'");
        client.run("RESET ROLE");
        for (int i = 0; i < 5; i++) {
            change();
            client.run("CALL runnel.refresh('confined.totals')");
        }
        equal();
        Await.until(
                () -> "nothing to be left behind, shortly after the refresh",
                () -> client.rows("SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 UNION ALL"
                                + " SELECT FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pg\\_temp\\_%'")
                        .isEmpty());
    }

    @Test
    void deferred_trigger_runs_as_the_owner_or_not_at_all() throws SQLException {
        client.run("SET ROLE mallory");
        client.run("CREATE FUNCTION confined.deferred() RETURNS trigger LANGUAGE plpgsql AS"
                + " $$ BEGIN INSERT INTO confined.witness VALUES (current_user); RETURN NULL; END $$");
        client.run("CREATE CONSTRAINT TRIGGER deferred AFTER UPDATE ON confined.totals DEFERRABLE INITIALLY DEFERRED"
                + " FOR EACH ROW EXECUTE FUNCTION confined.deferred()");
        client.run("RESET ROLE");
        change();
        if (client.rows("SELECT current_setting('server_version_num')::int < 180000")
                .equals(java.util.List.of("true"))) {
            refused("deferrable trigger deferred on table confined.totals");
        } else {
            client.run("CALL runnel.refresh('confined.totals')");
            assertThat(client.rows("SELECT DISTINCT line FROM confined.witness"))
                    .containsExactly("mallory");
        }
    }

    @Test
    void policy_that_is_met_by_readers_cannot_give_the_role_back() throws SQLException {
        client.run("SET ROLE mallory");
        client.run("CREATE FUNCTION confined.allowed() RETURNS boolean LANGUAGE plpgsql AS"
                + " $$ BEGIN PERFORM set_config('role', 'none', true); RETURN true; END $$");
        client.run("ALTER TABLE confined.totals ENABLE ROW LEVEL SECURITY");
        client.run("ALTER TABLE confined.totals FORCE ROW LEVEL SECURITY");
        client.run("CREATE POLICY allowed ON confined.totals USING (confined.allowed())");
        given().header("X-API-Key", TestCallers.key("mallory"))
                .get("/api/v1/read-models/confined.totals/rows")
                .then()
                .statusCode(403)
                .body("detail", containsString("within security-definer function"));
        verifyRefused("within security-definer function");
    }

    @Test
    void trigger_of_an_event_log_has_the_rights_of_whoever_appends_or_of_the_owner() throws SQLException {
        client.run("SET ROLE mallory");
        client.run("SET search_path = confined, public");
        client.run("SELECT runnel.create_event_log('confined.happened')");
        client.run("CREATE TRIGGER act AFTER INSERT ON confined.happened FOR EACH ROW EXECUTE FUNCTION confined.act()");
        client.run("RESET ROLE");
        client.run("RESET search_path");
        act("PERFORM confined.later();");
        given().contentType("application/json")
                .body("{\"events\": [{\"entity\": \"a\", \"type\": \"T\"}]}")
                .post("/api/v1/event-logs/confined.happened/events")
                .then()
                .statusCode(403)
                .body("detail", containsString("within security-definer function"));
        act("");
        given().contentType("application/json")
                .body("{\"events\": [{\"entity\": \"a\", \"type\": \"T\"}, {\"entity\": \"b\", \"type\": \"T\"}]}")
                .post("/api/v1/event-logs/confined.happened/events")
                .then()
                .statusCode(201);
        assertThat(client.rows("SELECT count(*) FROM confined.happened")).containsExactly("2");
    }

    private void act(String body) throws SQLException {
        client.run("CREATE OR REPLACE FUNCTION confined.act() RETURNS trigger LANGUAGE plpgsql AS $act$ BEGIN " + body
                + " RETURN NULL; END $act$");
    }

    private void change() throws SQLException {
        client.run("UPDATE confined.orders SET amount = amount + 1 WHERE id % 7 = 0");
    }

    private void refused(String reason) throws SQLException {
        Await.until(
                () -> reason,
                () -> client.rows("SELECT last_error FROM runnel.stream_tables WHERE table_name = 'totals'"
                                + " AND schema_name = 'confined' AND consecutive_errors > 0")
                        .toString()
                        .contains(reason));
    }

    private static void verifyRefused(String reason) {
        given().post("/api/v1/stream-tables/confined.totals/verify")
                .then()
                .statusCode(403)
                .body("detail", containsString(reason));
    }

    /** Nothing of what was tried lasts, in whichever connection. */
    private void recovers() throws SQLException {
        act("");
        client.run("SELECT runnel.resume_stream_table('confined.totals')");
        for (int i = 0; i < 5; i++) {
            change();
            client.run("CALL runnel.refresh('confined.totals')");
        }
        equal();
    }

    private void equal() throws SQLException {
        client.assertEquals(
                "confined.totals", "SELECT customer, sum(amount) AS total FROM confined.orders GROUP BY customer");
        assertThat(client.rows("SELECT line FROM confined.witness WHERE line <> 'mallory'"))
                .isEmpty();
    }
}
