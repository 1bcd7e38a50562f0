package io.runnel.security;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import io.runnel.security.Endpoints.Endpoint;
import jakarta.inject.Inject;
import java.net.URLEncoder;
import java.net.http.HttpResponse;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever is sent, as whatever it is sent, nothing breaks: no 500, no statement of the sender's, nothing left behind. */
@QuarkusTest
class HostileInputTest {

    private static final List<String> NAMES = List.of(
            "'; DROP TABLE hostile.victim; --",
            "\"; DROP TABLE hostile.victim; --",
            "hostile.\"x\"; DROP TABLE hostile.victim; --\"",
            "hostile.x); DROP TABLE hostile.victim; --",
            "$$; DROP TABLE hostile.victim; $$",
            "x' OR '1'='1",
            "\\'; DROP TABLE hostile.victim; --",
            "hostile.{}",
            "hostile.$1",
            "hostile.\u0000victim",
            "hostile.\"a\"\"b\"",
            "../../etc/passwd",
            "%2e%2e",
            "hostile.\ud83d\ude42",
            "hostile.\u202e\u0007",
            "a.b.c.d",
            "x".repeat(5000),
            "");

    /** Each property of a body that is a text somewhere. */
    private static final List<String> TEXTS = List.of(
            "name",
            "query",
            "schedule",
            "refreshMode",
            "eventLog",
            "positionColumn",
            "typeColumn",
            "entityColumn",
            "timeColumn",
            "defaultHandler",
            "ddl",
            "mode",
            "failurePolicy",
            "startFrom",
            "scheduleTimeZone",
            "timeZone",
            "refreshKind",
            "entityType",
            "entity",
            "fromTime");

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        client.run("SET client_min_messages = error");
        client.run("DROP SCHEMA IF EXISTS hostile CASCADE");
        client.run("CREATE SCHEMA hostile");
        client.run("CREATE TABLE hostile.victim (id bigint PRIMARY KEY, word text)");
        client.run("INSERT INTO hostile.victim VALUES (1, 'whole')");
        client.run("SELECT runnel.create_stream_table('hostile.target', 'SELECT id, word FROM hostile.victim', '1h')");
        client.run("CALL runnel.sync('hostile.target')");
        client.run("SELECT runnel.create_event_log('hostile.events', entity_type => 'text')");
    }

    @AfterEach
    void check() throws SQLException {
        assertThat(client.rows("SELECT * FROM hostile.victim")).containsExactly("1|whole");
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                + " FROM runnel.stream_tables WHERE schema_name LIKE 'hostile%'");
        client.run("DROP SCHEMA hostile CASCADE");
        client.close();
    }

    private static void noFailure(List<String> wrong, String what, HttpResponse<String> response) {
        int status = response.statusCode();
        if (status >= 500 || (status >= 400 && status != 413 && !response.body().contains("\"code\":"))) {
            wrong.add(what + ": " + status + " " + response.body());
        }
    }

    @Test
    void names_in_paths_are_names_and_nothing_else() throws Exception {
        List<String> wrong = new ArrayList<>();
        for (Endpoint endpoint : Endpoints.all()) {
            if (!endpoint.path().contains("{name}")) {
                continue;
            }
            for (String name : NAMES) {
                String segment = URLEncoder.encode(name, UTF_8).replace("+", "%20");
                String path = endpoint.path().replace("{name}", segment);
                for (String number : new String[] {"1", "1;DROP", "99999999999999999999"}) {
                    if (path.contains("{") || number.equals("1")) {
                        String whole = path.replace("{id}", number).replace("{position}", number);
                        String body = endpoint.method().matches("GET|DELETE") ? "" : "{}";
                        noFailure(
                                wrong,
                                endpoint.method() + " " + whole,
                                Http.as("tests").send(endpoint.method(), whole.replace(" ", "%20"), body));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void texts_in_bodies_are_texts_and_nothing_else() throws Exception {
        List<String> wrong = new ArrayList<>();
        List<String> paths = List.of(
                "POST /stream-tables",
                "PUT /stream-tables/hostile.made",
                "PATCH /stream-tables/hostile.target",
                "POST /validate",
                "POST /projections",
                "POST /materialized-views",
                "POST /event-logs",
                "POST /projections/hostile/replay",
                "POST /projections/hostile/rebuild");
        for (String request : paths) {
            int space = request.indexOf(' ');
            for (String property : TEXTS) {
                for (String text : NAMES) {
                    if (text.length() < 100) {
                        noFailure(
                                wrong,
                                request + " " + property + " " + text,
                                Http.as("tests")
                                        .send(
                                                request.substring(0, space),
                                                "/api/v1" + request.substring(space + 1),
                                                body(property, text)));
                    }
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    /** What is wanted of each kind, with one property exchanged; properties that are not known are a problem of their own. */
    private static String body(String property, String text) {
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("name", "hostile.made");
        properties.put("query", "SELECT 1 AS a");
        properties.put(property, text);
        List<String> parts = new ArrayList<>();
        properties.forEach((key, value) -> parts.add("\"" + key + "\":" + quoted(value)));
        return "{" + String.join(",", parts) + "}";
    }

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        text.chars()
                .forEach(unit -> json.append(
                        unit < ' ' || unit == '"' || unit == '\\'
                                ? String.format("\\u%04x", unit)
                                : String.valueOf((char) unit)));
        return json.append('"').toString();
    }

    @Test
    void parameters_of_rows_are_values() throws Exception {
        List<String> wrong = new ArrayList<>();
        for (String parameter : List.of(
                "select",
                "order",
                "limit",
                "cursor",
                "maxStaleness",
                "token",
                "wait",
                "fallback",
                "id",
                "word",
                "nothing")) {
            for (String text : NAMES) {
                for (String prefix : new String[] {"", "eq.", "in.(", "like.", "not.eq."}) {
                    String path = "/api/v1/read-models/hostile.target/rows?" + parameter + "="
                            + URLEncoder.encode(prefix + text, UTF_8);
                    if (path.length() < 4000) {
                        noFailure(wrong, path, Http.as("tests").get(path));
                    }
                }
            }
        }
        for (String path : List.of(
                "/audit-log?name=",
                "/stream-tables/hostile.target/freshness?token=",
                "/stream-tables/hostile.target/history?limit=")) {
            for (String text : NAMES) {
                if (text.length() < 100) {
                    noFailure(
                            wrong,
                            path + text,
                            Http.as("tests").get("/api/v1" + path + URLEncoder.encode(text, UTF_8)));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void events_are_stored_as_they_are_or_refused() throws Exception {
        List<String> wrong = new ArrayList<>();
        for (String text : NAMES) {
            String quoted = quoted(text);
            noFailure(
                    wrong,
                    "event " + text,
                    Http.as("tests")
                            .send(
                                    "POST",
                                    "/api/v1/event-logs/hostile.events/events",
                                    "{\"events\":[{\"entity\":" + quoted + ",\"type\":" + quoted + ",\"body\":{"
                                            + quoted + ":" + quoted + "}}]}"));
        }
        assertThat(wrong).isEmpty();
        assertThat(client.rows("SELECT count(*) FROM hostile.events WHERE entity = $t$x' OR '1'='1$t$"))
                .containsExactly("1");
    }

    @Test
    void body_that_is_no_body_is_refused() throws Exception {
        List<String> wrong = new ArrayList<>();
        Map<String, byte[]> bodies = new LinkedHashMap<>();
        bodies.put("deep arrays", "[".repeat(100_000).getBytes(UTF_8));
        bodies.put("deep objects", ("{\"query\":".repeat(50_000) + "1" + "}".repeat(50_000)).getBytes(UTF_8));
        bodies.put(
                "deep event",
                ("{\"events\":[{\"entity\":\"a\",\"type\":\"b\",\"body\":" + "[".repeat(5_000) + "]".repeat(5_000)
                                + "}]}")
                        .getBytes(UTF_8));
        bodies.put("long number", ("{\"batchSize\":" + "9".repeat(100_000) + "}").getBytes(UTF_8));
        bodies.put(
                "huge exponent",
                "{\"events\":[{\"entity\":\"a\",\"type\":\"b\",\"body\":{\"n\":1e999999999}}]}".getBytes(UTF_8));
        bodies.put("bad UTF-8", new byte[] {'{', '"', 'n', 'a', 'm', 'e', '"', ':', '"', (byte) 0xC3, 0x28, '"', '}'});
        bodies.put("overlong UTF-8", new byte[] {'{', '"', (byte) 0xC0, (byte) 0x80, '"', ':', '1', '}'});
        bodies.put("surrogate", "{\"name\":\"\\ud800\",\"query\":\"SELECT 1 AS a\"}".getBytes(UTF_8));
        bodies.put("NUL", "{\"name\":\"a\\u0000b\",\"query\":\"SELECT '\\u0000' AS a\"}".getBytes(UTF_8));
        bodies.put("raw NUL", "\u0000\u0000\u0000".getBytes(UTF_8));
        bodies.put("not closed", "{\"name\":\"a\"".getBytes(UTF_8));
        bodies.put("two", "{\"name\":\"a\"}{\"name\":\"b\"}".getBytes(UTF_8));
        bodies.put("twice", "{\"name\":\"a\",\"name\":\"b\",\"query\":\"x\"}".getBytes(UTF_8));
        bodies.put("null", "null".getBytes(UTF_8));
        bodies.put("wrong types", "{\"name\":{},\"query\":[],\"schedule\":7,\"events\":{\"a\":[]}}".getBytes(UTF_8));
        for (Endpoint endpoint : Endpoints.all()) {
            if (endpoint.method().matches("GET|DELETE")) {
                continue;
            }
            String path = endpoint.concretePath().replace("sec.nothing", "hostile.events");
            for (Map.Entry<String, byte[]> body : bodies.entrySet()) {
                noFailure(
                        wrong,
                        endpoint.method() + " " + path + " " + body.getKey(),
                        Http.as("tests").send(endpoint.method(), path, body.getValue()));
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void body_that_is_too_large_is_refused_before_it_is_read() throws Exception {
        byte[] large = ("{\"query\":\"" + "x".repeat(3 << 20) + "\"}").getBytes(UTF_8);
        assertThat(Http.as("tests")
                        .overHttp1()
                        .send("POST", "/api/v1/validate", large)
                        .statusCode())
                .isEqualTo(413);
    }
}
