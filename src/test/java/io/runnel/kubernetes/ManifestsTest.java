package io.runnel.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The manifests against the types of Kubernetes, and against themselves and the documentation. Needs no cluster. */
class ManifestsTest {

    private static final Path ROOT = Path.of("kubernetes");
    private static final String DEPLOYMENT = "base/deployment.yaml";
    private static final Set<String> GIVEN = Set.of("Secret runnel");

    @TempDir
    Path directory;

    @Test
    void every_manifest_has_only_fields_that_kubernetes_knows_and_refers_to_what_is_there() throws IOException {
        assertThat(Kustomizations.findings(ROOT)).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                DEPLOYMENT + "|containerPort: 8080|containerPrt: 8080|containerPrt",
                DEPLOYMENT + "|replicas: 2|replicas: '2'|replicas",
                DEPLOYMENT + "|runAsNonRoot: true|runAsNonRoot: 'true'|runAsNonRoot",
                DEPLOYMENT + "|apps/v1|apps/v1beta1|unknown kind apps/v1beta1/Deployment",
                DEPLOYMENT + "|type: RollingUpdate|type: 1|type",
                "base/service.yaml|port: 80|port: 80\\n      port: 81|port",
                "base/service-monitor.yaml|scrapeTimeout|scrapeTimeOut|scrapeTimeOut",
                "base/network-policy.yaml|policyTypes|policyType|policyType",
                "base/secret.example.yaml|stringData|stringdata|stringdata",
                "base/kustomization.yaml|resources:|resorces:|resorces",
                "base/kustomization.yaml|- service.yaml|- servise.yaml|servise.yaml does not exist",
                "overlays/production/kustomization.yaml|../../base|../base|../base does not exist",
                "overlays/production/kustomization.yaml|kind: Deployment|kind: StatefulSet|StatefulSet runnel",
                "overlays/development/kustomization.yaml|- definitions.yaml|- definition.yaml|file definition.yaml does not exist",
                "overlays/development/one-replica.yaml|name: runnel|name: runner|Deployment runner",
                "overlays/development/one-replica.yaml|replicas|replica|replica",
            })
    void manifest_with_a_mistake_is_refused(String file, String right, String wrong, String finding)
            throws IOException {
        mutate(file, right, wrong.replace("\\n", "\n"));
        assertThat(Kustomizations.findings(directory)).anyMatch(found -> found.contains(finding));
    }

    @Test
    void secret_template_has_what_the_deployment_reads() throws IOException {
        Deployment deployment = (Deployment)
                Manifests.read(Files.readString(ROOT.resolve(DEPLOYMENT))).get(0);
        Secret template = (Secret) Manifests.read(Files.readString(ROOT.resolve("base/secret.example.yaml")))
                .get(0);
        assertThat(deployment.getSpec().getTemplate().getSpec().getContainers().get(0).getEnv().stream()
                        .map(variable ->
                                variable.getValueFrom().getSecretKeyRef().getKey()))
                .isNotEmpty()
                .allMatch(template.getStringData()::containsKey);
    }

    @ParameterizedTest
    @ValueSource(strings = {"development", "production"})
    void overlay_builds_into_restricted_pods_whose_names_lead_to_what_is_there(String overlay) throws Exception {
        List<HasMetadata> objects = Manifests.read(rendered(ROOT, overlay));
        assertThat(PodRules.findings(objects, GIVEN)).isEmpty();
        String documented = Files.readString(Path.of("README.md"));
        assertThat(objects.stream()
                        .filter(object -> object instanceof ConfigMap
                                && object.getMetadata().getName().matches("runnel-[a-z0-9]{10}"))
                        .flatMap(object -> ((ConfigMap) object).getData().keySet().stream()))
                .as("settings")
                .isNotEmpty()
                .allMatch(setting -> documented.contains("`" + setting + "`"));
        assertThat(objects)
                .allSatisfy(object -> assertThat(
                                object.getKind().equals("Namespace")
                                        ? object.getMetadata().getName()
                                        : object.getMetadata().getNamespace())
                        .startsWith("runnel"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "runAsNonRoot: true|runAsNonRoot: false|runAsNonRoot",
                "readOnlyRootFilesystem: true|readOnlyRootFilesystem: false|readOnlyRootFilesystem",
                "[\"ALL\"]|[\"CHOWN\"]|capabilities",
                "type: RuntimeDefault|type: Unconfined|seccompProfile",
                "path: /q/health/live\\n              port: http|path: /q/health/live\\n              port: htp|htp",
                "- name: tmp\\n              mountPath|- name: temp\\n              mountPath|volume temp",
                "serviceAccountName: runnel|serviceAccountName: runner|service account runner",
                "name: http\\n|name: web\\n|port of Service runnel",
            })
    void pod_with_a_mistake_is_refused(String right, String wrong, String finding) throws Exception {
        mutate(DEPLOYMENT, right.replace("\\n", "\n"), wrong.replace("\\n", "\n"));
        assertThat(PodRules.findings(Manifests.read(rendered(directory, "production")), GIVEN))
                .anyMatch(found -> found.contains(finding));
    }

    /** A copy in which one thing is wrong. */
    private void mutate(String file, String right, String wrong) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(ROOT)) {
            files = walk.filter(Files::isRegularFile).toList();
        }
        for (Path source : files) {
            Path copy = directory.resolve(ROOT.relativize(source).toString());
            Files.createDirectories(Objects.requireNonNull(copy.getParent()));
            Files.copy(source, copy);
        }
        String text = Files.readString(directory.resolve(file));
        assertThat(text).contains(right);
        Files.writeString(directory.resolve(file), text.replace(right, wrong));
    }

    /** What kustomize makes of an overlay; only where there is one. */
    private static String rendered(Path root, String overlay) throws IOException, InterruptedException {
        List<String> command = List.of(
                "kubectl",
                "kustomize",
                root.resolve("overlays").resolve(overlay).toString());
        assumeThat(Stream.of(Objects.requireNonNullElse(System.getenv("PATH"), "")
                                .split(":"))
                        .map(path -> Path.of(path, "kubectl")))
                .as("kubectl on the path")
                .anyMatch(Files::isExecutable);
        Path out = Files.createTempFile("kustomize", ".yaml");
        Path errors = Files.createTempFile("kustomize", ".log");
        Process process = new ProcessBuilder(new ArrayList<>(command))
                .redirectOutput(out.toFile())
                .redirectError(errors.toFile())
                .start();
        assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(Files.readString(errors)).isZero();
        return Files.readString(out);
    }
}
