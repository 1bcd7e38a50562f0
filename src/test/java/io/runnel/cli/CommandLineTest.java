package io.runnel.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.runnel.SqlClient;
import io.runnel.security.TestCallers;
import jakarta.inject.Inject;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The commands against a real service, over HTTP. */
@QuarkusTest
class CommandLineTest {

    @Inject
    DataSource database;

    @TempDir
    Path files;

    private SqlClient sql;
    private String printed = "";
    private String complained = "";

    @BeforeEach
    void create() throws SQLException {
        sql = new SqlClient(database);
        clean();
        sql.run("CREATE SCHEMA line");
        sql.run("CREATE TABLE line.orders (id bigint PRIMARY KEY, customer text, amount numeric)");
        sql.run("INSERT INTO line.orders VALUES (1, 'ann', 10), (2, 'bob', 5)");
    }

    @AfterEach
    void drop() throws SQLException {
        clean();
        sql.close();
    }

    private void clean() throws SQLException {
        sql.run("SET client_min_messages = error");
        sql.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                + " FROM runnel.stream_tables WHERE schema_name = 'line'");
        sql.run("SELECT runnel.drop_projection(name) FROM runnel.projections WHERE name = 'line'");
        sql.run("DROP SCHEMA IF EXISTS line CASCADE");
    }

    private int run(Map<String, String> environment, String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter error = new StringWriter();
        int exit = Main.client(environment, new PrintWriter(out, true), new PrintWriter(error, true), arguments);
        printed = out.toString();
        complained = error.toString();
        return exit;
    }

    private int run(String... arguments) {
        return run(environment("tests"), arguments);
    }

    private static Map<String, String> environment(String key) {
        return Map.of(
                "RUNNEL_URL", "http://localhost:" + RestAssured.port + "/", "RUNNEL_API_KEY", TestCallers.key(key));
    }

    private JsonNode json() throws Exception {
        return Client.JSON.readTree(printed);
    }

    private void define() throws Exception {
        Path file = files.resolve("totals.json");
        Files.writeString(
                file,
                "{\"name\": \"line.totals\", \"schedule\": \"1h\","
                        + " \"query\": \"SELECT customer, sum(amount) AS total FROM line.orders GROUP BY customer\"}");
        assertThat(run("create", "-f", file.toString())).as(complained).isZero();
        assertThat(printed).containsPattern("status +ACTIVE");
    }

    @Test
    void life_of_a_stream_table() throws Exception {
        define();
        assertThat(run("list")).isZero();
        assertThat(printed)
                .containsPattern("(?m)^name +kind +status")
                .containsPattern("line.totals +stream-table +ACTIVE +1h");
        assertThat(run("list", "--json")).isZero();
        assertThat(json().findValuesAsText("name")).contains("line.totals");
        sql.run("INSERT INTO line.orders VALUES (3, 'ann', 1)");
        assertThat(run("verify", "line.totals")).isEqualTo(Exit.NOT_AS_IT_SHOULD_BE);
        assertThat(run("refresh", "line.totals", "--json")).isZero();
        assertThat(json().path("rowsUpdated").asInt()).isEqualTo(1);
        assertThat(run("verify", "line.totals", "--json")).isZero();
        assertThat(json().path("equal").asBoolean()).isTrue();
        assertThat(run("explain", "line.totals")).isZero();
        assertThat(printed).startsWith("DIFFERENTIAL").contains("scan of line.orders");
        assertThat(run("history", "line.totals")).isZero();
        assertThat(printed).contains("DIFFERENTIAL", "FULL");
        assertThat(run("diagnose", "line.totals")).isZero();
        assertThat(printed).contains("line.totals is in order.");
        assertThat(run("pause", "line.totals")).isZero();
        assertThat(run("diagnose", "line.totals")).isEqualTo(Exit.NOT_AS_IT_SHOULD_BE);
        assertThat(printed).contains("Somebody has paused it", "todo: POST");
        assertThat(run("resume", "line.totals")).isZero();
        assertThat(run("approve", "line.totals")).isEqualTo(Exit.REFUSED);
        assertThat(complained).contains("no refresh of stream table", "waits for approval");
        assertThat(run("rebuild", "line.totals")).isZero();
        Path alteration = Files.writeString(files.resolve("alteration"), "{\"schedule\": \"2h\"}");
        assertThat(run("alter", "line.totals", "-f", alteration.toString())).isZero();
        assertThat(run("show", "line.totals")).isZero();
        assertThat(printed).containsPattern("schedule +2h");
        assertThat(run("lag", "--watch", "--times", "2", "--interval", "1")).isZero();
        assertThat(printed.lines().filter(line -> line.startsWith("line.totals")))
                .hasSize(2);
        assertThat(run("drop", "line.totals")).isZero();
        assertThat(run("show", "line.totals")).isEqualTo(Exit.REFUSED);
        assertThat(complained).contains("there is no read model line.totals", "hint:");
    }

    @Test
    void status_tells_trouble_by_its_exit_code() throws Exception {
        sql.run("SELECT runnel.create_stream_table('line.bad', 'SELECT 1 / amount AS a FROM line.orders', '10ms')");
        sql.run("CALL runnel.sync('line.bad')");
        sql.run("INSERT INTO line.orders VALUES (3, 'x', 0)");
        sql.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'bad' AND status = 'SUSPENDED'");
        assertThat(run("status")).isEqualTo(Exit.NOT_AS_IT_SHOULD_BE);
        assertThat(printed).contains("line.bad");
        assertThat(run("status", "--json")).isEqualTo(Exit.NOT_AS_IT_SHOULD_BE);
        assertThat(json().path("fresh").asBoolean()).isFalse();
    }

    @Test
    void other_kinds_are_found_by_their_names() throws Exception {
        Path log = Files.writeString(files.resolve("log"), "{\"name\": \"line.events\", \"entityType\": \"text\"}");
        assertThat(run("create", "--kind", "event-log", "-f", log.toString()))
                .as(complained)
                .isZero();
        sql.run("CREATE TABLE line.target (n bigint)");
        Path projection = Files.writeString(
                files.resolve("projection"),
                "{\"kind\": \"projection\", \"name\": \"line\", \"eventLog\": \"line.events\", \"positionColumn\":"
                        + " \"position\", \"targets\": [\"line.target\"], \"handlers\": [], \"defaultHandler\": \"INSERT"
                        + " INTO line.target VALUES (event.position)\"}");
        assertThat(run("create", "-f", projection.toString())).as(complained).isZero();
        assertThat(run("pause", "line")).isZero();
        assertThat(printed).containsPattern("status +PAUSED");
        assertThat(run("resume", "line")).isZero();
        assertThat(run("rebuild", "line")).isZero();
        assertThat(run("drop", "line")).isZero();
        assertThat(run("request", "get", "/graph")).isZero();
        assertThat(json().path("nodes").isArray()).isTrue();
    }

    @Test
    void query_is_validated_with_its_reasons_and_places() {
        assertThat(run("validate", "-q", "SELECT random() AS r FROM line.orders"))
                .isZero();
        assertThat(printed).startsWith("FULL").contains("because");
        assertThat(run("validate", "-q", "SELECT nothing FROM line.orders")).isEqualTo(Exit.REFUSED);
        assertThat(complained).contains("nothing", "at character 8", "hint:");
        assertThat(run("validate")).isEqualTo(Exit.USAGE);
    }

    @Test
    void exit_codes_tell_who_is_to_act() {
        Map<String, String> nowhere = new HashMap<>(environment("tests"));
        nowhere.put("RUNNEL_URL", "http://localhost:1");
        assertThat(run(nowhere, "list")).isEqualTo(Exit.UNAVAILABLE);
        assertThat(complained).contains("no service answers at http://localhost:1");
        assertThat(run(environment("nobody-has-this-one"), "list")).isEqualTo(Exit.FORBIDDEN);
        assertThat(complained).contains("the key or token is not valid");
        assertThat(run(environment("any-viewer"), "request", "DELETE", "/stream-tables/line.x"))
                .isEqualTo(Exit.FORBIDDEN);
        assertThat(run("create", "-f", files.resolve("missing").toString())).isEqualTo(Exit.USAGE);
        assertThat(run("no-such-command")).isEqualTo(Exit.USAGE);
        assertThat(run("refresh")).isEqualTo(Exit.USAGE);
    }

    @Test
    void key_may_be_in_a_file_and_is_never_printed() throws Exception {
        Path file = Files.writeString(files.resolve("key"), TestCallers.key("tests") + "\n");
        Map<String, String> environment = Map.of("RUNNEL_URL", "http://localhost:" + RestAssured.port);
        assertThat(run(environment, "list")).isEqualTo(Exit.FORBIDDEN);
        assertThat(run(environment, "list", "--key-file", file.toString())).isZero();
        assertThat(run("--help")).isZero();
        assertThat(printed).contains("Exit codes:").doesNotContain(TestCallers.key("tests"));
    }

    @Test
    void every_command_is_in_the_readme() throws Exception {
        String readme = Files.readString(Path.of("README.md"));
        Set<String> commands = new CommandLine(new Runnel(Map.of(), new PrintWriter(new StringWriter())))
                .getSubcommands()
                .keySet();
        assertThat(commands)
                .hasSizeGreaterThan(15)
                .allSatisfy(command -> assertThat(readme).contains("| `runnel " + command));
    }
}
