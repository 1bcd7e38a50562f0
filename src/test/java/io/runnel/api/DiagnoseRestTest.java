package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.empty;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.not;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.response.ValidatableResponse;
import io.runnel.SqlClient;
import io.runnel.sql.Sql;
import jakarta.inject.Inject;
import java.time.Duration;
import java.time.Instant;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** What is said of a stream table that is in trouble, and of all together. */
@QuarkusTest
class DiagnoseRestTest extends RestFixture {

    @Inject
    DataSource jdbc;

    private static ValidatableResponse diagnose(String name) {
        return given().get(TABLES + "/" + name + "/diagnose").then().statusCode(200);
    }

    @Test
    void table_in_order_has_no_findings() {
        table("rest.totals", QUERY, "1h");
        diagnose("rest.totals")
                .body("healthy", equalTo(true))
                .body("summary", equalTo("rest.totals is in order."))
                .body("findings.findAll { it.severity != 'NOTE' }", empty());
    }

    @Test
    void failing_table_is_told_with_its_cause_and_what_to_do() throws Throwable {
        table("rest.totals", "SELECT id, 10 / amount AS share FROM rest.orders", "10ms");
        run(Sql.of("INSERT INTO rest.orders VALUES (9, 'z', 0)"));
        await("SELECT count(*) AS n FROM runnel.stream_tables WHERE table_name = 'totals' AND status = 'SUSPENDED'", 1);
        diagnose("rest.totals")
                .body("healthy", equalTo(false))
                .body("findings.code", hasItem("suspended"))
                .body("findings.find { it.code == 'suspended' }.why", containsString("division by zero"))
                .body("findings.find { it.code == 'suspended' }.todo", containsString("/resume"));
        given().get("/api/v1/status")
                .then()
                .statusCode(200)
                .body("fresh", equalTo(false))
                .body("summary", containsString("rest.totals is suspended"))
                .body("notFresh.name", hasItem("rest.totals"));
    }

    @Test
    void missing_index_is_told_until_it_is_there() throws Throwable {
        run(Sql.of("""
            CREATE TABLE rest.customers (id bigint PRIMARY KEY, name text);
            CREATE TABLE rest.lines (id bigint PRIMARY KEY, customer_id bigint, amount numeric);
            INSERT INTO rest.customers SELECT i, 'c' || i FROM generate_series(1, 100) AS i;
            INSERT INTO rest.lines SELECT i, i % 100, i FROM generate_series(1, 20000) AS i;
            ANALYZE rest.lines; ANALYZE rest.customers\
            """));
        table(
                "rest.joined",
                "SELECT l.id, l.amount, c.name FROM rest.lines AS l JOIN rest.customers AS c ON c.id = l.customer_id",
                "1h");
        diagnose("rest.joined")
                .body("findings.find { it.code == 'missing-index' }.what", containsString("rest.lines"))
                .body(
                        "findings.find { it.code == 'missing-index' }.todo",
                        equalTo("CREATE INDEX ON rest.lines (customer_id)"));
        run(Sql.of("CREATE INDEX ON rest.lines (customer_id)"));
        diagnose("rest.joined").body("findings.code", not(hasItem("missing-index")));
    }

    @Test
    void pause_full_recomputation_and_switched_off_triggers_are_told() throws Throwable {
        table("rest.totals", "SELECT *, random() AS r FROM rest.orders", "1h");
        run(Sql.of("SELECT runnel.create_stream_table('rest.plain', 'SELECT id FROM rest.orders', '1h')"));
        await("SELECT count(*) AS n FROM runnel.stream_tables WHERE table_name = 'plain' AND status = 'ACTIVE'", 1);
        given().post(TOTALS + "/pause").then().statusCode(200);
        diagnose("rest.totals").body("findings.code", hasItems("paused", "full"));
        run(Sql.of("ALTER TABLE rest.orders DISABLE TRIGGER USER"));
        diagnose("rest.plain").body("findings.code", hasItem("trigger-disabled"));
    }

    @Test
    void writer_that_stays_open_is_named() throws Throwable {
        table("rest.totals", QUERY, "1h");
        try (SqlClient writer = new SqlClient(jdbc)) {
            writer.run("BEGIN");
            writer.run("INSERT INTO rest.orders VALUES (7, 'w', 1)");
            String pid = writer.rows("SELECT pg_backend_pid()").get(0);
            Instant end = Instant.now().plus(Duration.ofSeconds(40));
            String found;
            do {
                found = given().get(TOTALS + "/diagnose").asString();
            } while (!found.contains("open-writer") && Instant.now().isBefore(end));
            assertThat(found).contains("open-writer", "process " + pid, "pg_terminate_backend(" + pid + ")");
            writer.run("ROLLBACK");
        }
        diagnose("rest.totals").body("findings.code", not(hasItem("open-writer")));
    }

    @Test
    void status_says_at_a_glance_that_all_is_fresh_once_it_is() throws Throwable {
        table("rest.totals", QUERY, "1h");
        given().get("/api/v1/status").then().body("notFresh.name", not(hasItem("rest.totals")));
    }

    private void await(String query, long wanted) throws Throwable {
        Instant end = Instant.now().plus(Duration.ofSeconds(60));
        while (number(query) != wanted) {
            assertThat(Instant.now()).as(query).isBefore(end);
        }
    }
}
