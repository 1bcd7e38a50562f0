package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.notNullValue;
import static org.hamcrest.Matchers.nullValue;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.quarkus.vertx.VertxContextSupport;
import io.restassured.http.ContentType;
import io.restassured.response.ValidatableResponse;
import io.runnel.postgres.Database;
import io.runnel.sql.Sql;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A source, and what tests of the REST surface do over and over. */
abstract class RestFixture {

    static final String TABLES = "/api/v1/stream-tables";
    static final String TOTALS = TABLES + "/rest.totals";
    static final String QUERY =
            "SELECT customer, count(*) AS orders, sum(amount) AS total FROM rest.orders GROUP BY customer";

    @Inject
    Database database;

    @BeforeEach
    void create_source() throws Throwable {
        drop_everything();
        run(Sql.of("""
                CREATE SCHEMA rest;
                CREATE TABLE rest.orders (id bigint PRIMARY KEY, customer text, amount numeric);
                INSERT INTO rest.orders VALUES (1, 'a', 10), (2, 'a', 5), (3, 'b', 1)"""));
    }

    @AfterEach
    void drop_everything() throws Throwable {
        List<String> names = given().get(TABLES)
                .then()
                .statusCode(200)
                .extract()
                .jsonPath()
                .getList("findAll { it.name.contains('rest') }.name");
        for (String name : names) {
            given().delete(TABLES + "/{name}?cascade=true", name);
        }
        run(Sql.of("SET client_min_messages = warning; DROP SCHEMA IF EXISTS rest CASCADE"));
    }

    /** A table that is there and filled. */
    static void table(String name, String query, String schedule) {
        create(Map.of("name", name, "query", query, "schedule", schedule))
                .statusCode(201)
                .body("lastError", nullValue())
                .body("status", equalTo("ACTIVE"));
    }

    @CanIgnoreReturnValue
    static ValidatableResponse create(Map<String, ?> body) {
        return send("POST", TABLES, body);
    }

    @CanIgnoreReturnValue
    static ValidatableResponse send(String method, String path, Object body) {
        return given().contentType(ContentType.JSON)
                .body(body)
                .request(method, path)
                .then();
    }

    @CanIgnoreReturnValue
    static ValidatableResponse problem(ValidatableResponse response, int status, @Nullable String code) {
        response.statusCode(status)
                .contentType("application/problem+json")
                .body("type", equalTo("about:blank"))
                .body("status", equalTo(status))
                .body("title", notNullValue())
                .body("code", notNullValue())
                .body("detail", notNullValue());
        return code == null ? response : response.body("code", equalTo(code));
    }

    final void run(Sql script) throws Throwable {
        VertxContextSupport.subscribeAndAwait(() -> database.session(session -> session.execute(script)));
    }

    final long number(String query) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(() -> database.session(session ->
                        session.query(Sql.printedByPostgres("SELECT n::bigint AS n FROM (" + query + ") AS counted")))
                .map(rows -> rows.get(0).number("n")));
    }

    final String text(String query) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(
                () -> database.session(session -> session.query(Sql.printedByPostgres(query)))
                        .map(rows -> rows.get(0).text("t")));
    }
}
