package io.runnel.security;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.security.Endpoints.Endpoint;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Each request with each role and with none. */
@QuarkusTest
class EndpointRolesTest {

    /** Keys by role, all of them of the service's own role in the database, so that nothing but the role refuses. */
    private static final Map<String, String> KEYS =
            Map.of(Roles.VIEWER, "any-viewer", Roles.OPERATOR, "any-operator", Roles.ADMIN, "tests");

    @Test
    void every_endpoint_says_which_role_it_needs() {
        assertThat(Endpoints.all())
                .hasSizeGreaterThan(50)
                .allSatisfy(endpoint -> assertThat(endpoint.roles())
                        .as("%s %s", endpoint.method(), endpoint.path())
                        .hasSize(1)
                        .isSubsetOf(Roles.VIEWER, Roles.OPERATOR, Roles.ADMIN));
    }

    @Test
    void readme_tells_the_same() throws IOException {
        Map<String, String> told = new TreeMap<>();
        Pattern row = Pattern.compile("(?m)^\\| (viewer|operator|admin) \\| (.*) \\|.*\\|$");
        Pattern request = Pattern.compile("`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`");
        for (Matcher rows = row.matcher(Files.readString(Path.of("README.md"))); rows.find(); ) {
            for (Matcher requests = request.matcher(rows.group(2)); requests.find(); ) {
                told.put(requests.group(1), rows.group(1));
            }
        }
        Map<String, String> true_ = new TreeMap<>();
        for (Endpoint endpoint : Endpoints.all()) {
            String role = endpoint.roles().get(0);
            if (!endpoint.method().equals("GET") || !role.equals(Roles.VIEWER)) {
                true_.put(endpoint.method() + " " + endpoint.shortPath(), role);
            }
        }
        assertThat(told).isEqualTo(true_);
    }

    @Test
    void each_endpoint_is_open_to_its_role_and_those_above_and_closed_to_all_others() throws Exception {
        List<String> wrong = new ArrayList<>();
        for (Endpoint endpoint : Endpoints.all()) {
            check(endpoint, Http.asNobody(), "nobody", 401, wrong);
            check(endpoint, Http.withKey("a-key-that-nobody-has-given-out"), "a wrong key", 401, wrong);
            check(endpoint, Http.withToken("no.token.atall"), "a wrong token", 401, wrong);
            for (Map.Entry<String, String> caller : KEYS.entrySet()) {
                boolean may =
                        Roles.upTo(caller.getKey()).contains(endpoint.roles().get(0));
                check(endpoint, Http.as(caller.getValue()), caller.getKey(), may ? 200 : 403, wrong);
            }
        }
        assertThat(wrong).isEmpty();
    }

    /** @param expected 200 for whatever comes of a request that is let in */
    private static void check(Endpoint endpoint, Http caller, String who, int expected, List<String> wrong)
            throws Exception {
        String body = endpoint.method().equals("GET") || endpoint.method().equals("DELETE") ? "" : "{}";
        HttpResponse<String> response = caller.send(endpoint.method(), endpoint.concretePath(), body);
        int status = response.statusCode();
        boolean right = expected == 200 ? status != 401 && status != 403 && status < 500 : status == expected;
        boolean problem = status < 400
                || (response.body().contains("\"code\":") && response.body().contains("\"status\":" + status));
        if (!right || !problem) {
            wrong.add(who + " " + endpoint.method() + " " + endpoint.path() + ": " + status + " " + response.body());
        }
        if (status == 401 && response.headers().firstValue("WWW-Authenticate").isEmpty()) {
            wrong.add(who + " is not told what is wanted by " + endpoint.path());
        }
    }

    @Test
    void token_is_good_for_what_its_claim_is_mapped_to() throws Exception {
        long later = Instant.now().plusSeconds(300).getEpochSecond();
        String clerk = TestCallers.token("{\"sub\":\"carol\",\"upn\":\"carol\",\"groups\":[\"clerks\"],\"iat\":"
                + (later - 300) + ",\"exp\":" + later + "}");
        assertThat(Http.withToken(clerk).get("/api/v1/stream-tables").statusCode())
                .isNotIn(401, 500);
        assertThat(Http.withToken(clerk).get("/api/v1/audit-log").statusCode()).isEqualTo(403);
        String other = TestCallers.token("{\"sub\":\"dan\",\"groups\":[\"gardeners\",\"admin\",\"viewer\"],\"iat\":"
                + (later - 300) + ",\"exp\":" + later + "}");
        assertThat(Http.withToken(other).get("/api/v1/stream-tables").statusCode())
                .isEqualTo(403);
        String old = TestCallers.token("{\"sub\":\"carol\",\"groups\":[\"clerks\"],\"iat\":900,\"exp\":1000}");
        assertThat(Http.withToken(old).get("/api/v1/stream-tables").statusCode())
                .isEqualTo(401);
        String forged = clerk.substring(0, clerk.lastIndexOf('.') + 1) + "AAAA";
        assertThat(Http.withToken(forged).get("/api/v1/stream-tables").statusCode())
                .isEqualTo(401);
        String unsigned =
                "eyJhbGciOiJub25lIn0." + clerk.substring(clerk.indexOf('.') + 1, clerk.lastIndexOf('.')) + ".";
        assertThat(Http.withToken(unsigned).get("/api/v1/stream-tables").statusCode())
                .isEqualTo(401);
    }

    @Test
    void probes_metrics_and_documentation_are_open() throws Exception {
        for (String path :
                List.of("/q/health/live", "/q/health/ready", "/q/health/started", "/q/metrics", "/q/openapi")) {
            assertThat(Http.asNobody().get(path).statusCode()).as(path).isEqualTo(200);
        }
    }
}
