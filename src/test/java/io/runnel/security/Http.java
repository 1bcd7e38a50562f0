package io.runnel.security;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.restassured.RestAssured;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** Requests of one caller. */
final class Http {

    static final String NOBODY = "";

    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final HttpClient OLD_CLIENT =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    private final HttpClient client;
    private final String header;
    private final String value;

    private Http(HttpClient client, String header, String value) {
        this.client = client;
        this.header = header;
        this.value = value;
    }

    /** With a key of {@link TestCallers}. */
    static Http as(String name) {
        return withKey(TestCallers.key(name));
    }

    static Http withKey(String key) {
        return new Http(CLIENT, CallerMechanism.HEADER, key);
    }

    static Http withToken(String token) {
        return new Http(CLIENT, "Authorization", "Bearer " + token);
    }

    static Http asNobody() {
        return new Http(CLIENT, NOBODY, NOBODY);
    }

    /** In which a body that is refused ends its connection, and not all streams of it. */
    Http overHttp1() {
        return new Http(OLD_CLIENT, header, value);
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send("GET", path, "");
    }

    HttpResponse<String> send(String method, String path, String body) throws IOException, InterruptedException {
        return send(method, path, body.getBytes(UTF_8));
    }

    HttpResponse<String> send(String method, String path, byte[] body) throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create("http://localhost:" + RestAssured.port + path))
                .method(
                        method,
                        body.length == 0
                                ? HttpRequest.BodyPublishers.noBody()
                                : HttpRequest.BodyPublishers.ofByteArray(body))
                .timeout(Duration.ofSeconds(60));
        if (body.length > 0) {
            request.header("Content-Type", "application/json");
        }
        if (!header.isEmpty()) {
            request.header(header, value);
        }
        return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
    }
}
