package io.runnel.kubernetes;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What probes and Prometheus ask for is there. */
@QuarkusTest
class ProbesTest {

    @Test
    void paths_of_probes_and_of_metrics_are_answered() throws IOException {
        List<String> paths = List.of(
                        Path.of("kubernetes/base/deployment.yaml"), Path.of("kubernetes/base/service-monitor.yaml"))
                .stream()
                .flatMap(file -> documents(file).stream())
                .flatMap(document -> document.findValuesAsText("path").stream())
                .toList();
        assertThat(paths).hasSize(4);
        paths.forEach(path -> given().get(path).then().statusCode(200));
    }

    private static List<JsonNode> documents(Path file) {
        try {
            return Manifests.documents(Files.readString(file));
        } catch (IOException unreadable) {
            throw new java.io.UncheckedIOException(unreadable);
        }
    }
}
