package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.Response;
import io.runnel.SqlClient;
import io.runnel.fault.Await;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the query of a materialized view gives when it is run instead of reading the view, and with whose rights. */
@QuarkusTest
class LiveViewRowsTest extends RowsFixture {

    private static final String VIEW = "rest.seen";
    private static final String LIVE = "&maxStaleness=0s&fallback=live";

    @AfterEach
    void forget_views() throws Exception {
        client.run("RESET ROLE");
        client.run("DELETE FROM runnel_internal.materialized_view");
    }

    private void view(String query) throws Exception {
        client.run("SELECT runnel.create_materialized_view('" + VIEW + "', $query$" + query + "$query$, '{manual}')");
        client.run("CALL runnel.sync('" + VIEW + "')");
        client.run("SELECT runnel.pause_materialized_view('" + VIEW + "')");
    }

    private static Response live(String parameters) {
        Response response = rows(VIEW, parameters + LIVE);
        assertThat(response.statusCode()).as(response.asString()).isEqualTo(200);
        assertThat(response.header("Runnel-Freshness")).isEqualTo("live");
        return response;
    }

    @Test
    void pages_of_the_query_are_what_a_refresh_would_show() throws Exception {
        String query = "SELECT customer, count(*) AS orders, sum(amount) AS \"Total Amount\", max(id) AS last,"
                + " NULLIF(customer, 'b') IS DISTINCT FROM 'a' AS other FROM rest.orders GROUP BY customer";
        view(query);
        client.run("INSERT INTO rest.orders SELECT g, 'c' || g % 23, g * 1.10 FROM generate_series(100, 400) AS g");
        for (String parameters : List.of(
                "limit=5", "limit=4&order=orders.desc", "limit=3&order=other,customer.desc", "limit=7&order=last")) {
            assertThat(pages(VIEW, parameters + LIVE))
                    .as(parameters)
                    .hasSize(25)
                    .containsExactlyInAnyOrderElementsOf(json(query));
        }
        assertThat(json(live("customer=in.(a,c7)&\"Total Amount\"=gt.15.5&select=customer,Total Amount")))
                .isEqualTo(json("SELECT customer, sum(amount) AS \"Total Amount\" FROM rest.orders"
                        + " WHERE customer = 'c7' GROUP BY customer"));
        assertThat(json(live("customer=like.c1%&order=customer.desc&limit=2")))
                .isEqualTo(json(
                        "SELECT * FROM (" + query + ") AS q WHERE customer LIKE 'c1%' ORDER BY customer DESC LIMIT 2"));
        problem(rows(VIEW, "last=eq.x" + LIVE).then(), 400, "invalid-value");
        problem(rows(VIEW, "last=like.x" + LIVE).then(), 400, "unsuitable-column");
        assertThat(live("limit=1").header("Runnel-Staleness")).isEqualTo("0.000");
    }

    @Test
    void view_that_was_never_filled_is_computed() throws Exception {
        view("SELECT sum(amount) AS total FROM rest.orders");
        client.run("REFRESH MATERIALIZED VIEW rest.seen WITH NO DATA");
        problem(rows(VIEW, "fallback=stale").then(), 503, "not-populated");
        assertThat(json(live("limit=1"))).containsExactly("{\"total\":16}");
    }

    @Test
    void rows_are_as_stale_as_what_the_query_reads() throws Exception {
        table("rest.totals", QUERY, "manual");
        view("SELECT sum(total) AS total FROM rest.totals");
        client.run("INSERT INTO rest.orders VALUES (4, 'a', 5)");
        problem(rows(VIEW, "limit=1" + LIVE).then(), 503, "not-fresh");
        Response old = rows(
                VIEW,
                "maxStaleness=1m&token="
                        + client.rows("SELECT pg_current_snapshot()").get(0) + "&fallback=live");
        problem(old.then(), 503, "not-fresh");
        client.run("CALL runnel.sync('rest.totals')");
        assertThat(json(live("limit=1"))).containsExactly("{\"total\":21}");
        String token = live("limit=1").header("Runnel-Snapshot");
        assertThat(json(rows(VIEW, "token=" + token + "&fallback=live"))).containsExactly("{\"total\":21}");
    }

    @Test
    void altered_view_is_read_as_it_is_now() throws Exception {
        view("SELECT customer, amount FROM rest.orders WHERE id = 1");
        client.run("ALTER MATERIALIZED VIEW rest.seen RENAME COLUMN customer TO who");
        client.run("ALTER TABLE rest.orders RENAME TO moved");
        client.run("ALTER TABLE rest.moved RENAME COLUMN customer TO whom");
        client.run("UPDATE rest.moved SET amount = 7");
        assertThat(json(live("who=eq.a"))).containsExactly("{\"who\":\"a\",\"amount\":7}");
        problem(rows(VIEW, "customer=eq.a" + LIVE).then(), 400, "unknown-column");
        client.run("DROP MATERIALIZED VIEW rest.seen");
        problem(rows(VIEW, "limit=1" + LIVE).then(), 404, "no-read-model");
    }

    /** Tables change their names all the time; the view goes on reading the one that it was made over. */
    @Test
    void table_that_has_only_the_name_is_not_read() throws Exception {
        client.run("CREATE TABLE rest.one AS SELECT 'one' AS name");
        client.run("CREATE TABLE rest.two AS SELECT 'two' AS name");
        view("SELECT name FROM rest.one");
        client.run("UPDATE rest.one SET name = 'first'");
        String exchange = "BEGIN; ALTER TABLE rest.one RENAME TO three; ALTER TABLE rest.two RENAME TO one;"
                + " ALTER TABLE rest.three RENAME TO two; COMMIT";
        assertThat(whileWriting(exchange, 150))
                .containsOnly("{\"name\":\"first\"}")
                .hasSizeGreaterThan(20);
    }

    /** To a snapshot that is older than a TRUNCATE the table is empty. */
    @Test
    void truncated_table_is_read_before_or_after_and_never_empty() throws Exception {
        client.run("CREATE TABLE rest.parts (id integer) PARTITION BY LIST (id)");
        client.run("CREATE TABLE rest.part PARTITION OF rest.parts DEFAULT");
        client.run("INSERT INTO rest.parts VALUES (1), (2)");
        view("SELECT count(*) AS n FROM rest.parts");
        client.run("DELETE FROM rest.parts WHERE id = 2");
        assertThat(whileWriting("BEGIN; TRUNCATE rest.parts; INSERT INTO rest.parts VALUES (3); COMMIT", 150))
                .containsOnly("{\"n\":1}")
                .hasSizeGreaterThan(20);
    }

    /** The rows of each answer, while a statement is run again and again. */
    private List<String> whileWriting(String statement, int readings) throws Exception {
        List<String> seen = new ArrayList<>();
        AtomicReference<Throwable> failed = new AtomicReference<>();
        Thread writer = new Thread(() -> {
            try (SqlClient session = new SqlClient(source)) {
                while (!Thread.currentThread().isInterrupted()) {
                    session.run(statement);
                }
            } catch (Exception thrown) {
                failed.set(thrown);
            }
        });
        writer.start();
        try {
            for (int i = 0; i < readings; i++) {
                Response response = rows(VIEW, "limit=10&fallback=live&maxStaleness=0s");
                if (response.statusCode() == 200) {
                    seen.addAll(json(response));
                } else {
                    assertThat(response.statusCode()).as(response.asString()).isIn(503, 400);
                    assertThat(response.jsonPath().getString("code"))
                            .as(response.asString())
                            .isIn("view-altered", "not-fresh", "postgres-55p03", "postgres-40p01", "postgres-42p01");
                }
            }
        } finally {
            writer.interrupt();
            writer.join();
        }
        assertThat(failed.get()).isNull();
        return seen;
    }

    @Test
    void operator_that_could_be_taken_for_another_is_refused() throws Exception {
        client.run("CREATE FUNCTION rest.never(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'");
        client.run("CREATE OPERATOR rest.= (FUNCTION = rest.never, LEFTARG = text, RIGHTARG = text)");
        client.run("SET search_path = rest, pg_catalog");
        view("SELECT id, NULLIF(customer, 'a') AS customer FROM orders WHERE id < 4");
        client.run("RESET search_path");
        assertThat(client.rows("SELECT count(*) FROM rest.seen WHERE customer = 'a'"))
                .containsExactly("2");
        client.run("INSERT INTO rest.orders VALUES (0, 'a', 1)");
        problem(rows(VIEW, "limit=1" + LIVE).then(), 400, "postgres-0a000").body("detail", containsString("rest.="));
    }

    @Test
    void operator_that_is_found_by_its_name_means_the_same() throws Exception {
        client.run("CREATE TYPE rest.color AS ENUM ('red', 'green')");
        client.run("CREATE SCHEMA rest_operators");
        try {
            client.run("CREATE FUNCTION rest_operators.never(rest.color, rest.color) RETURNS boolean"
                    + " LANGUAGE sql IMMUTABLE AS 'SELECT false'");
            client.run("CREATE OPERATOR rest_operators.= (FUNCTION = rest_operators.never,"
                    + " LEFTARG = rest.color, RIGHTARG = rest.color)");
            client.run("SET search_path = rest_operators");
            client.run("CREATE MATERIALIZED VIEW rest.seen AS"
                    + " SELECT id, NULLIF('red'::rest.color, 'red'::rest.color) AS kept FROM rest.orders");
            client.run("RESET search_path");
            client.run("SELECT runnel.adopt_materialized_view('" + VIEW + "', '{manual}')");
            assertThat(client.rows("SELECT DISTINCT kept FROM rest.seen")).containsExactly("red");
            client.run("INSERT INTO rest.orders VALUES (0, 'a', 1)");
            assertThat(json(live("select=kept"))).hasSize(4).containsOnly("{\"kept\":\"red\"}");
        } finally {
            client.run("DROP SCHEMA rest_operators CASCADE");
        }
    }

    @Test
    void query_is_run_with_the_rights_of_the_owner_and_its_functions_have_no_others() throws Exception {
        client.run("DO $$ BEGIN CREATE ROLE live_owner; EXCEPTION WHEN duplicate_object THEN END $$");
        try {
            client.run("GRANT USAGE, CREATE ON SCHEMA rest TO live_owner");
            client.run("GRANT SELECT ON rest.orders TO live_owner");
            client.run("CREATE TABLE rest.secret AS SELECT 1 AS a");
            client.run("SET ROLE live_owner");
            client.run("CREATE FUNCTION rest.who() RETURNS text LANGUAGE plpgsql AS"
                    + " $$ BEGIN RETURN current_user; END $$");
            view("SELECT rest.who() AS role, count(*) AS n FROM rest.orders");
            client.run("RESET ROLE");
            assertThat(json(live("limit=1"))).containsExactly("{\"role\":\"live_owner\",\"n\":3}");
            client.run("CREATE OR REPLACE FUNCTION rest.who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                    + " PERFORM set_config('role', 'none', true); RETURN (SELECT a FROM rest.secret); END $$");
            problem(rows(VIEW, "limit=1" + LIVE).then(), 403, "postgres-42501")
                    .body("detail", containsString("within security-definer function"));
            client.run("CREATE OR REPLACE FUNCTION rest.who() RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
                    + " DELETE FROM rest.orders; RETURN current_user; END $$");
            client.run("GRANT DELETE ON rest.orders TO live_owner");
            assertThat(rows(VIEW, "limit=1" + LIVE).statusCode()).isGreaterThanOrEqualTo(400);
            client.run("SET ROLE live_owner");
            String reader = client.rows(
                            "SELECT proname FROM pg_proc WHERE pronamespace = 'runnel_confined'::regnamespace AND proowner ="
                                    + " 'live_owner'::regrole")
                    .get(0);
            assertThat(catching("ALTER FUNCTION runnel_confined." + reader + " SECURITY INVOKER"))
                    .contains("permission denied for schema runnel_confined");
            client.run("RESET ROLE");
            client.run("REVOKE SELECT ON rest.orders FROM live_owner");
            client.run("CREATE OR REPLACE FUNCTION rest.who() RETURNS text LANGUAGE sql AS 'SELECT NULL'");
            problem(rows(VIEW, "limit=1" + LIVE).then(), 403, "postgres-42501")
                    .body("detail", containsString("permission denied for table orders"));
            given().delete("/api/v1/materialized-views/" + VIEW).then().statusCode(204);
            Await.until(
                    () -> "the function to be taken away",
                    () -> client.rows(
                                    "SELECT FROM pg_proc WHERE pronamespace = 'runnel_confined'::regnamespace AND proowner ="
                                            + " 'live_owner'::regrole")
                            .isEmpty());
        } finally {
            client.run("RESET ROLE");
            client.run("DROP OWNED BY live_owner");
            client.run("DROP ROLE live_owner");
        }
    }

    private String catching(String statement) {
        try {
            client.run(statement);
            return "";
        } catch (java.sql.SQLException refused) {
            return String.valueOf(refused.getMessage());
        }
    }

    @Test
    void literals_mean_the_same_when_they_are_printed() throws Exception {
        String query =
                "SELECT '02/01/2026'::date AS day, '02/01/2026 10:00'::timestamptz AS at, 'P1Y2M'::interval AS span,"
                        + " E'a\\\\b''c' AS text, '\\xff00'::bytea AS bytes, 0.1::float8 AS tenth, 'NaN'::numeric AS nothing";
        client.run("DO $do$ BEGIN SET LOCAL DateStyle = 'SQL, DMY'; SET LOCAL IntervalStyle = 'iso_8601';"
                + " CREATE MATERIALIZED VIEW rest.seen AS " + query + "; END $do$");
        client.run("SELECT runnel.adopt_materialized_view('" + VIEW + "', '{manual}', 'Asia/Kolkata')");
        client.run("SELECT runnel.pause_materialized_view('" + VIEW + "')");
        given().queryParam("fallback", "stale")
                .get(ROWS + VIEW + "/rows")
                .then()
                .statusCode(200)
                .body("rows[0].day", equalTo("2026-01-02"));
        String stored = json(rows(VIEW, "fallback=stale")).get(0);
        client.run("REFRESH MATERIALIZED VIEW rest.seen WITH NO DATA");
        assertThat(json(live("limit=1"))).containsExactly(stored);
        given().get("/api/v1/stream-tables").then().body("findAll { it.name == 'rest.seen' }", empty());
    }
}
