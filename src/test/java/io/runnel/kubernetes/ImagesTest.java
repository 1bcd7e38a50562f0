package io.runnel.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.fabric8.kubernetes.api.model.apps.Deployment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What can be said about the images without a container engine: they begin with images of a version, and copy what is there. */
class ImagesTest {

    private static final String NATIVE = "Dockerfile.native";
    private static final String JVM = "src/main/docker/Dockerfile.jvm";

    @ParameterizedTest
    @ValueSource(strings = {NATIVE, JVM})
    void instructions_refer_to_what_is_there(String file) throws IOException {
        assertThat(findings(Files.readString(Path.of(file)))).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                NATIVE + "|:jdk-21.0.9|:latest|is of no version",
                NATIVE + "|ubi9-quarkus-micro-image:2.0|ubi9-quarkus-micro-image|is of no version",
                NATIVE + "|--from=build|--from=builder|no stage builder",
                NATIVE + "|USER 10001:10001|USER root|runs as root",
                JVM + "|mvnw pom.xml|mvnw pom.yaml|pom.yaml",
                JVM + "|src/main src/main|src/test src/test|src/test",
            })
    void instruction_with_a_mistake_is_refused(String file, String right, String wrong, String finding)
            throws IOException {
        String text = Files.readString(Path.of(file));
        assertThat(text).contains(right);
        assertThat(findings(text.replace(right, wrong))).anyMatch(found -> found.contains(finding));
    }

    @Test
    void user_is_the_one_that_pods_run_as() throws IOException {
        Deployment deployment =
                (Deployment) Manifests.read(Files.readString(Path.of("kubernetes/base/deployment.yaml")))
                        .get(0);
        long user = deployment
                .getSpec()
                .getTemplate()
                .getSpec()
                .getSecurityContext()
                .getRunAsUser();
        for (String file : List.of(NATIVE, JVM)) {
            assertThat(Files.readString(Path.of(file))).contains("USER " + user + ":" + user + "\n");
        }
    }

    private static List<String> findings(String dockerfile) throws IOException {
        List<String> findings = new ArrayList<>();
        List<String> stages = new ArrayList<>();
        String user = "root";
        for (String line : dockerfile.replace("\\\n", " ").lines().toList()) {
            List<String> words = List.of(line.strip().split("\\s+", -1));
            switch (words.get(0)) {
                case "FROM" -> {
                    if (!words.get(1).matches(".+:[^:/]*[0-9][^:/]*")) {
                        findings.add(words.get(1) + " is of no version");
                    }
                    stages.add(words.get(words.size() - 1));
                    user = "root";
                }
                case "COPY" -> findings.addAll(copied(words, stages));
                case "USER" -> user = words.get(1);
                default -> {}
            }
        }
        if (!user.matches("[1-9][0-9]*:[1-9][0-9]*")) {
            findings.add("runs as " + user);
        }
        return findings;
    }

    private static List<String> copied(List<String> words, List<String> stages) throws IOException {
        List<String> options =
                words.stream().filter(word -> word.startsWith("--from=")).toList();
        if (!options.isEmpty()) {
            String stage = options.get(0).substring("--from=".length());
            return stages.contains(stage) ? List.of() : List.of("no stage " + stage);
        }
        List<String> context = Arrays.stream(
                        Files.readString(Path.of(".dockerignore")).split("\n", -1))
                .filter(line -> line.startsWith("!"))
                .map(line -> line.substring(1))
                .toList();
        return words.subList(1, words.size() - 1).stream()
                .filter(word -> !word.startsWith("--"))
                .filter(source -> !context.contains(source) || !Files.exists(Path.of(source)))
                .map(source -> source + " is not in the context")
                .toList();
    }
}
