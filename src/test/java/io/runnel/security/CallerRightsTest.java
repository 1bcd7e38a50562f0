package io.runnel.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.net.http.HttpResponse;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a caller defines, reads and changes is what its role of the database may. */
@QuarkusTest
class CallerRightsTest {

    private static final String TABLES = "/api/v1/stream-tables";
    private static final String TOTALS = TABLES + "/sec.totals";
    private static final String QUERY = "SELECT customer, sum(amount) AS total FROM sec.orders GROUP BY customer";

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        clean();
        for (String role : new String[] {"sec_owner", "sec_reader", "sec_stranger"}) {
            client.run("CREATE ROLE " + role);
        }
        client.run("CREATE SCHEMA sec");
        client.run("GRANT USAGE, CREATE ON SCHEMA sec TO sec_owner, sec_stranger");
        client.run("GRANT USAGE ON SCHEMA sec TO sec_reader");
        client.run("CREATE TABLE sec.orders (id bigint PRIMARY KEY, customer text, amount numeric)");
        client.run("INSERT INTO sec.orders VALUES (1, 'ann', 10), (2, 'bob', 5)");
        client.run("GRANT SELECT, TRIGGER ON sec.orders TO sec_owner");
    }

    @AfterEach
    void drop() throws SQLException {
        clean();
        client.close();
    }

    private void clean() throws SQLException {
        client.run("SET client_min_messages = error");
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                + " FROM runnel.stream_tables WHERE schema_name = 'sec'");
        client.run("SELECT runnel.drop_projection(name) FROM runnel.projections WHERE name LIKE 'sec%'");
        client.run("SELECT runnel.drop_materialized_view(format('%I.%I', schema_name, view_name))"
                + " FROM runnel.materialized_views WHERE schema_name = 'sec'");
        client.run("DROP SCHEMA IF EXISTS sec CASCADE");
        for (String role : new String[] {"sec_owner", "sec_reader", "sec_stranger"}) {
            client.run("DO $$ BEGIN IF to_regrole('" + role + "') IS NOT NULL THEN DROP OWNED BY " + role
                    + " CASCADE; DROP ROLE " + role + "; END IF; END $$");
        }
    }

    private static String definition(String name, String query) {
        return "{\"name\":\"" + name + "\",\"query\":\"" + query + "\",\"schedule\":\"1h\"}";
    }

    private static void expect(HttpResponse<String> response, int status, String... parts) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        for (String part : parts) {
            assertThat(response.body()).contains(part);
        }
    }

    private static void define() throws Exception {
        expect(Http.as("owner").send("POST", TABLES, definition("sec.totals", QUERY)), 201, "\"ACTIVE\"");
    }

    @Test
    void table_that_a_caller_defines_belongs_to_its_role() throws Exception {
        define();
        assertThat(client.rows("SELECT tableowner FROM pg_tables WHERE schemaname = 'sec' AND tablename = 'totals'"))
                .containsExactly("sec_owner");
        assertThat(client.rows("SELECT owner FROM runnel.stream_tables WHERE schema_name = 'sec'"))
                .containsExactly("sec_owner");
        expect(Http.as("operator").send("POST", TOTALS + "/refresh", ""), 200);
        expect(Http.as("operator").send("POST", TOTALS + "/verify", ""), 200, "\"equal\":true");
        expect(Http.as("owner").send("PATCH", TOTALS, "{\"schedule\":\"2h\"}"), 200);
        expect(Http.as("owner").send("DELETE", TOTALS, ""), 204);
    }

    @Test
    void query_over_what_the_role_may_not_read_is_refused_everywhere() throws Exception {
        String denied = "permission denied for table orders";
        expect(Http.as("stranger").send("POST", TABLES, definition("sec.stolen", QUERY)), 403, denied);
        expect(Http.as("stranger").send("PUT", TABLES + "/sec.stolen", definition("sec.stolen", QUERY)), 403, denied);
        expect(Http.as("stranger").send("POST", "/api/v1/validate", "{\"query\":\"" + QUERY + "\"}"), 403, denied);
        expect(Http.as("owner").send("POST", "/api/v1/validate", "{\"query\":\"" + QUERY + "\"}"), 200);
        expect(
                Http.as("stranger")
                        .send(
                                "POST",
                                "/api/v1/materialized-views",
                                definition("sec.view", QUERY).replace("\"schedule\":\"1h\"", "\"schedules\":[\"1h\"]")),
                403,
                denied);
        expect(
                Http.as("stranger")
                        .send(
                                "POST",
                                "/api/v1/projections",
                                "{\"name\":\"sec_p\",\"eventLog\":\"sec.orders\",\"positionColumn\":\"id\","
                                        + "\"typeColumn\":\"customer\",\"handlers\":[{\"types\":[\"a\"],\"sql\":\"SELECT 1\"}]}"),
                403);
        expect(
                Http.as("stranger")
                        .send("POST", "/api/v1/event-logs", "{\"name\":\"sec.orders\",\"positionColumn\":\"id\"}"),
                403);
        assertThat(
                        client.rows(
                                "SELECT 1 FROM pg_class WHERE relname IN ('stolen', 'view') AND relnamespace = 'sec'::regnamespace"))
                .isEmpty();
    }

    @Test
    void read_model_of_others_is_neither_shown_nor_changed() throws Exception {
        define();
        Http stranger = Http.as("stranger");
        for (String path : new String[] {"", "/explain", "/history", "/freshness"}) {
            expect(stranger.get(TOTALS + path), 403, "sec_stranger");
        }
        for (String action : new String[] {"refresh", "verify", "pause", "resume", "reinitialize", "approve"}) {
            expect(stranger.send("POST", TOTALS + "/" + action, ""), 403);
        }
        expect(stranger.send("PATCH", TOTALS, "{\"schedule\":\"2h\"}"), 403);
        expect(stranger.send("PUT", TOTALS, definition("sec.totals", "SELECT 1 AS a")), 403);
        expect(stranger.send("DELETE", TOTALS, ""), 403);
        expect(stranger.get("/api/v1/read-models/sec.totals/rows"), 403);
        expect(stranger.get("/api/v1/read-models/sec.totals/rows?fallback=live"), 403);
        for (String list :
                new String[] {"/stream-tables", "/read-models", "/graph", "/sources", "/status", "/audit-log"}) {
            HttpResponse<String> answer = stranger.get("/api/v1" + list);
            assertThat(answer.statusCode()).isEqualTo(200);
            assertThat(answer.body()).as(list).doesNotContain("sec.totals", "sec.orders");
        }
        assertThat(Http.as("owner").get("/api/v1/graph").body()).contains("sec.totals");
        assertThat(Http.as("owner").get("/api/v1/sources").body()).contains("sec.orders");
    }

    @Test
    void reader_reads_what_was_granted_and_no_row_that_a_policy_hides() throws Exception {
        define();
        expect(Http.as("reader").get(TOTALS), 403, "GRANT SELECT");
        client.run("GRANT SELECT ON sec.totals TO sec_reader");
        expect(Http.as("reader").get(TOTALS), 200);
        expect(Http.as("reader").get("/api/v1/read-models/sec.totals/rows"), 200, "ann", "bob");
        expect(Http.as("reader").get("/api/v1/read-models/sec.totals/rows?fallback=live&maxStaleness=1ms"), 200, "ann");
        expect(Http.as("reader").send("POST", TOTALS + "/refresh", ""), 403);
        client.run("ALTER TABLE sec.totals ENABLE ROW LEVEL SECURITY");
        client.run("CREATE POLICY ann ON sec.totals TO sec_reader USING (customer = 'ann')");
        HttpResponse<String> rows = Http.as("reader").get("/api/v1/read-models/sec.totals/rows");
        expect(rows, 200, "ann");
        assertThat(rows.body()).doesNotContain("bob");
        expect(
                Http.as("reader").get("/api/v1/read-models/sec.totals/rows?fallback=live&maxStaleness=1ms"),
                403,
                "all rows");
        expect(Http.as("owner").get("/api/v1/read-models/sec.totals/rows"), 200, "ann", "bob");
    }

    @Test
    void key_of_a_role_that_is_not_there_opens_nothing() throws Exception {
        expect(Http.as("lost").get(TABLES), 403, "sec_missing", "create the role");
        expect(Http.as("lost").send("POST", TABLES, definition("sec.totals", QUERY)), 403, "sec_missing");
        assertThat(Http.as("lost").get("/api/v1/event-logs").statusCode()).isEqualTo(403);
    }

    @Test
    void right_that_is_taken_away_ends_what_was_granted_by_it() throws Exception {
        define();
        client.run("GRANT SELECT ON sec.totals TO sec_reader");
        expect(Http.as("reader").get("/api/v1/read-models/sec.totals/rows"), 200);
        client.run("REVOKE SELECT ON sec.totals FROM sec_reader");
        expect(Http.as("reader").get("/api/v1/read-models/sec.totals/rows"), 403);
    }
}
