package io.runnel.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Optional;

/** Talks to a service. */
final class Client {

    /** How long a service may take to accept a connection. */
    static final Duration CONNECT_MAX = Duration.ofSeconds(10);

    /** How long it may take to answer; a refresh in full is answered when it is done. */
    static final Duration ANSWER_MAX = Duration.ofHours(6);

    static final String API = "/api/v1";

    static final ObjectMapper JSON = new ObjectMapper();

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(CONNECT_MAX).build();
    private final String url;
    private final Optional<String> key;

    Client(String url, Optional<String> key) {
        this.url = url.replaceFirst("/+$", "");
        this.key = key;
    }

    JsonNode get(String path) {
        return send("GET", path, Optional.empty());
    }

    JsonNode post(String path) {
        return send("POST", path, Optional.empty());
    }

    /**
     * The answer, which is missing if it has no body.
     *
     * @param path below {@link #API}
     */
    JsonNode send(String method, String path, Optional<String> body) {
        HttpResponse<String> response;
        try {
            response = http.send(request(method, path, body), HttpResponse.BodyHandlers.ofString(UTF_8));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new Refused(Exit.UNAVAILABLE, "interrupted");
        } catch (IOException | IllegalArgumentException e) {
            throw new Refused(
                    Exit.UNAVAILABLE,
                    "no service answers at " + url + ": " + e.getClass().getSimpleName()
                            + "\nhint: set RUNNEL_URL, or start one");
        }
        JsonNode answer = read(response.body());
        if (response.statusCode() >= 400) {
            throw Refused.of(response.statusCode(), answer);
        }
        return answer;
    }

    private HttpRequest request(String method, String path, Optional<String> body) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + API + path))
                .timeout(ANSWER_MAX)
                .header("Accept", "application/json, application/problem+json")
                .method(
                        method,
                        body.map(HttpRequest.BodyPublishers::ofString).orElseGet(HttpRequest.BodyPublishers::noBody));
        key.ifPresent(value -> request.header("X-API-Key", value));
        body.ifPresent(given -> request.header("Content-Type", "application/json"));
        return request.build();
    }

    private static JsonNode read(String body) {
        if (body.isBlank()) {
            return MissingNode.getInstance();
        }
        try {
            return JSON.readTree(body);
        } catch (JsonProcessingException notJson) {
            return MissingNode.getInstance();
        }
    }

    /** A name as one segment of a path. */
    static String segment(String name) {
        return URLEncoder.encode(name, UTF_8).replace("+", "%20");
    }
}
