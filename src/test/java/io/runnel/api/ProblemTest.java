package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.postgres.Failure;
import jakarta.ws.rs.NotAllowedException;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.Response;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProblemTest {

    private final ProblemMappers mappers = new ProblemMappers();

    @Test
    void kind_of_failure_fixes_the_status() {
        assertThat(Problem.of(new Failure.Invalid("c", "m", "h")).status()).isEqualTo(400);
        assertThat(Problem.of(new Failure.Forbidden("c", "m", "d", "h")).status())
                .isEqualTo(403);
        assertThat(Problem.of(new Failure.NotFound("c", "m", "h")).status()).isEqualTo(404);
        assertThat(Problem.of(new Failure.Conflict("c", "m", "d", "h")).status())
                .isEqualTo(409);
        assertThat(Problem.of(new Failure.Internal("c", "m", "d", "h", null)).status())
                .isEqualTo(500);
        assertThat(Problem.of(new Failure.Unavailable("c", "m", "d", new Exception()))
                        .status())
                .isEqualTo(503);
    }

    @Test
    void invalid_query_says_what_why_where_and_what_to_do() {
        Problem problem = Problem.of(new Failure.Invalid("not-differential", "it cannot", "because", "do that", 12));
        assertThat(problem)
                .isEqualTo(new Problem(
                        "about:blank",
                        "Bad Request",
                        400,
                        "not-differential",
                        "it cannot: because",
                        "do that",
                        12,
                        null,
                        null));
    }

    @Test
    void what_is_empty_is_absent() {
        Problem problem = Problem.of(new Failure.NotFound("gone", "it is gone", ""));
        assertThat(problem.hint()).isNull();
        assertThat(problem.position()).isNull();
        assertThat(problem.detail()).isEqualTo("it is gone");
    }

    @Test
    void hosts_and_internals_stay_in_the_log() {
        Failure away = new Failure.Unavailable(
                "database-unavailable", "the database cannot be reached", "db7/10.0.0.1:5432", new Exception());
        assertThat(Problem.of(away).detail()).doesNotContain("10.0.0.1");
        Failure defect = new Failure.Internal("broken", "an invariant broke", "row 7 of x", "", null);
        assertThat(Problem.of(defect).detail()).doesNotContain("row 7");
        assertThat(Problem.of(defect).instance()).startsWith("urn:uuid:");
    }

    @Test
    void unavailable_tells_when_to_try_again() {
        try (Response response =
                mappers.failure(new Failure.Unavailable("postgres-40001", "try later", "", new Exception()))) {
            assertThat(response.getStatus()).isEqualTo(503);
            assertThat(response.getHeaderString(HttpHeaders.RETRY_AFTER)).isEqualTo("1");
            assertThat(response.getMediaType()).hasToString("application/problem+json");
        }
    }

    @Test
    void wrong_method_keeps_the_list_of_right_ones() {
        try (Response response = mappers.http(new NotAllowedException("POST", new String[] {"GET"}))) {
            assertThat(response.getStatus()).isEqualTo(405);
            assertThat(response.getHeaderString(HttpHeaders.ALLOW))
                    .contains("GET")
                    .contains("POST");
            assertThat(((Problem) response.getEntity()).code()).isEqualTo("method-not-allowed");
        }
    }

    @Test
    void unforeseen_failure_says_nothing_about_itself() {
        try (Response response = mappers.unforeseen(new IllegalStateException("secret"))) {
            assertThat(response.getStatus()).isEqualTo(500);
            assertThat(response.getEntity().toString()).doesNotContain("secret").contains("urn:uuid:");
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"query\": }|malformed-json",
                "{\"query\": \"a\"|malformed-json",
                "{\"query\": \"a\"} x|malformed-json",
                "{\"query\": \"a\", \"query\": \"b\"}|malformed-json",
                "{\"querry\": \"a\"}|unknown-property",
                "{\"query\": 7}|wrong-type",
                "{\"query\": true}|wrong-type",
                "{\"query\": [\"a\"]}|wrong-type",
                "{\"query\": {\"a\": 1}}|wrong-type",
                "{\"initialize\": \"true\"}|wrong-type",
                "{\"initialize\": 1}|wrong-type",
                "{\"indexes\": [\"a\"]}|wrong-type",
                "{\"indexes\": [[1]]}|wrong-type",
                "[]|wrong-type",
                "7|wrong-type",
                "\"a\"|wrong-type",
            })
    void body_that_is_no_request_is_told_from_one_that_is(String body, String code) {
        ObjectMapper mapper = new ObjectMapper();
        new StrictJson().customize(mapper);
        try {
            Object read = mapper.readValue(body, CreateRequest.class);
            throw new AssertionError("accepted: " + read);
        } catch (JsonProcessingException thrown) {
            Problem problem = ProblemMappers.json((JacksonException) thrown);
            assertThat(problem.code()).isEqualTo(code);
            assertThat(problem.status()).isEqualTo(400);
            assertThat(problem.toString()).doesNotContain("io.runnel").doesNotContain("java.");
        }
    }
}
