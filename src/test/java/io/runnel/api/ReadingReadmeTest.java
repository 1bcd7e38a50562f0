package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.contains;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.is;

import io.quarkus.test.junit.QuarkusTest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The examples of the README about reading do what it says. */
@QuarkusTest
class ReadingReadmeTest extends RowsFixture {

    private static final Pattern SECTION = Pattern.compile("(?ms)^## Reading$(.*?)^## ");
    private static final Pattern CALL = Pattern.compile("(?m)^curl -s 'localhost:8080([^']*)'$");
    private static final Pattern STATEMENT = Pattern.compile("(?m)^((?:CALL|SELECT)[^;]*);");

    @AfterEach
    void drop_projection() {
        given().delete("/api/v1/projections/balances");
    }

    @Test
    void examples_do_what_the_text_says() throws Exception {
        client.run("SET search_path = rest, public");
        client.run("CREATE TABLE days (id bigserial PRIMARY KEY, day date NOT NULL, amount numeric(12,2))");
        client.run("INSERT INTO days (day, amount) VALUES ('2026-01-01', 10), ('2026-01-01', 5), ('2026-01-02', 7)");
        table("rest.revenue_by_day", "SELECT day, sum(amount) AS revenue FROM rest.days GROUP BY day", "1s");
        client.run("CREATE TABLE payment_events (position bigserial PRIMARY KEY, customer text, amount numeric)");
        client.run("SELECT runnel.create_projection('balances', 'payment_events', 'position',"
                + " ddl => 'CREATE TABLE balances (customer text PRIMARY KEY, amount numeric)', targets => '{balances}',"
                + " default_handler => 'INSERT INTO balances VALUES (event.customer, event.amount)')");
        client.run("INSERT INTO payment_events (customer, amount) VALUES ('ann', 6), ('bob', 5), ('eve', 1)");
        String token = client.rows("SELECT pg_current_snapshot()").get(0);
        String section = SECTION.matcher(Files.readString(Path.of("README.md")))
                .results()
                .findFirst()
                .orElseThrow()
                .group(1);
        List<String> statements = all(STATEMENT, section);
        assertThat(statements).hasSize(3);
        client.run(statements.get(0));
        client.run(statements.get(1));
        assertThat(client.rows(statements.get(2)))
                .contains("balances|PROJECTION|ACTIVE|0|0|null", "rest.revenue_by_day|STREAM_TABLE|ACTIVE|0|0|null");
        List<String> calls = all(CALL, section);
        assertThat(calls).hasSize(5);
        for (String call : calls.subList(0, 2)) {
            get(call.replace("1234", token)).body("includes", is(true)).body("lagSeconds", equalTo(0f));
        }
        get(calls.get(2)).body("rows.day", contains("2026-01-02", "2026-01-01"));
        get(calls.get(3)).body("rows.customer", contains("ann", "bob"));
        get(calls.get(4)).header("Runnel-Freshness", "fresh").body("rows.revenue", contains(15f, 7f));
    }

    private static List<String> all(Pattern pattern, String section) {
        return pattern.matcher(section)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }

    private static io.restassured.response.ValidatableResponse get(String call) {
        return given().urlEncodingEnabled(false)
                .get(call.replace("/revenue_by_day", "/rest.revenue_by_day"))
                .then()
                .statusCode(200);
    }
}
