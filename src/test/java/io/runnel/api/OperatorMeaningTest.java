package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.sql.Sql;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A type whose equality lives in one schema, and a misleading one of the same name that the search_path finds first. */
@QuarkusTest
class OperatorMeaningTest extends RestFixture {

    @Test
    void operator_that_is_printed_without_its_schema_keeps_its_meaning() throws Throwable {
        run(Sql.of("""
                CREATE TYPE rest.money AS (cents integer, note text);
                CREATE TABLE rest.prices (id integer PRIMARY KEY, before rest.money, after rest.money);
                INSERT INTO rest.prices VALUES (1, (5, 'a'), (5, 'b')), (2, (5, 'a'), (6, 'a'));
                CREATE FUNCTION rest.same(rest.money, rest.money) RETURNS boolean LANGUAGE sql IMMUTABLE
                    AS 'SELECT ($1).cents = ($2).cents';
                CREATE OPERATOR rest.= (LEFTARG = rest.money, RIGHTARG = rest.money, FUNCTION = rest.same);
                CREATE FUNCTION rest.never(rest.money, rest.money) RETURNS boolean LANGUAGE sql IMMUTABLE
                    AS 'SELECT false';
                CREATE OPERATOR public.= (LEFTARG = rest.money, RIGHTARG = rest.money, FUNCTION = rest.never);
                SET LOCAL search_path = rest;
                CREATE VIEW rest.changed AS SELECT id FROM rest.prices WHERE before IS DISTINCT FROM after;
                CREATE VIEW rest.nulled AS SELECT id, NULLIF(before, after) AS price FROM rest.prices;
                CREATE VIEW rest.cased AS
                    SELECT id, CASE before WHEN after THEN 'same' ELSE 'other' END AS kind FROM rest.prices;
                CREATE VIEW rest.joined AS
                    SELECT l.id AS one, r.id AS other
                    FROM (SELECT id, before AS price FROM rest.prices) AS l
                    JOIN (SELECT id, after AS price FROM rest.prices) AS r USING (price);
                CREATE VIEW rest.plain AS SELECT id FROM rest.prices WHERE before = after"""));
        for (String view : new String[] {"changed", "nulled", "cased", "joined"}) {
            create(Map.of("name", "rest.of_" + view, "query", "SELECT * FROM rest." + view, "schedule", "manual"))
                    .statusCode(201)
                    .body("status", equalTo("ACTIVE"))
                    .body("effectiveMode", equalTo("FULL"))
                    .body("fullReason", containsString("operator rest.="));
        }
        create(Map.of("name", "rest.of_plain", "query", "SELECT * FROM rest.plain", "schedule", "manual"))
                .statusCode(201)
                .body("effectiveMode", equalTo("DIFFERENTIAL"));
        run(Sql.of("INSERT INTO rest.prices VALUES (3, (7, 'x'), (7, 'y')), (4, (7, 'x'), (8, 'x'))"));
        for (String view : new String[] {"changed", "nulled", "cased", "joined", "plain"}) {
            given().post(TABLES + "/rest.of_" + view + "/refresh").then().statusCode(200);
            assertThat(number("SELECT count(*) AS n FROM (SELECT t::text FROM rest.of_" + view
                            + " AS t EXCEPT ALL SELECT v::text FROM rest." + view + " AS v) AS surplus"))
                    .as(view)
                    .isZero();
            assertThat(number("SELECT count(*) AS n FROM (SELECT v::text FROM rest." + view
                            + " AS v EXCEPT ALL SELECT t::text FROM rest.of_" + view + " AS t) AS missing"))
                    .as(view)
                    .isZero();
        }
    }
}
