package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import io.restassured.response.Response;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Reads rows over REST, and the same in SQL. */
abstract class RowsFixture extends RestFixture {

    static final String ROWS = "/api/v1/read-models/";
    static final String EVERYTHING = "rest.everything";

    @Inject
    DataSource source;

    SqlClient client;

    @BeforeEach
    void connect() throws Exception {
        client = new SqlClient(source);
        client.run("SET TimeZone = 'UTC'");
    }

    @AfterEach
    void disconnect() throws Exception {
        client.close();
    }

    static Response rows(String name, String parameters) {
        return given().urlEncodingEnabled(false).get(ROWS + name + "/rows?" + encoded(parameters));
    }

    static String encoded(String parameters) {
        List<String> parts = new ArrayList<>();
        for (String part : parameters.split("&", -1)) {
            int equals = part.indexOf('=');
            parts.add(URLEncoder.encode(part.substring(0, equals), StandardCharsets.UTF_8) + "="
                    + URLEncoder.encode(part.substring(equals + 1), StandardCharsets.UTF_8));
        }
        return String.join("&", parts);
    }

    /** All pages, one after the other, as the text of each row. */
    static List<String> pages(String name, String parameters) throws Exception {
        List<String> all = new ArrayList<>();
        String next = ROWS + name + "/rows?" + encoded(parameters);
        while (next != null) {
            Response response = given().urlEncodingEnabled(false).get(next);
            assertThat(response.statusCode()).as(response.asString()).isEqualTo(200);
            List<String> page = json(response);
            assertThat(page).isNotEmpty();
            all.addAll(page);
            next = response.jsonPath().getString("next");
            assertThat(response.header("Link")).isEqualTo(next == null ? null : "<" + next + ">; rel=\"next\"");
        }
        return all;
    }

    /** The rows of an answer, as they were sent: each ends a line. */
    static List<String> json(Response response) {
        String body = response.asString();
        assertThat(response.statusCode()).as(body).isEqualTo(200);
        String rows = body.substring("{\"rows\":[".length(), body.lastIndexOf(']'));
        return rows.isEmpty() ? List.of() : List.of(rows.split(",\n", -1));
    }

    final List<String> json(String query) throws Exception {
        return client.rows("SELECT row_to_json(q) FROM (" + query + ") AS q");
    }
}
