package io.runnel.kubernetes;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.HasMetadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** What can be said about a directory of kustomizations without kustomize: it refers to files and objects that are there. */
final class Kustomizations {

    private static final String FILE = "kustomization.yaml";

    private final Path root;
    private final List<String> findings = new ArrayList<>();

    private Kustomizations(Path root) {
        this.root = root;
    }

    /** @return what is wrong, by file; empty if nothing is */
    static List<String> findings(Path root) throws IOException {
        Kustomizations found = new Kustomizations(root);
        Set<Path> used = new HashSet<>();
        List<Path> all;
        try (Stream<Path> walk = Files.walk(root)) {
            all = walk.filter(Files::isRegularFile).sorted().toList();
        }
        for (Path file : all) {
            try {
                found.file(file, used);
            } catch (IOException invalid) {
                found.say(file, String.valueOf(invalid.getMessage()));
            }
        }
        all.stream()
                .filter(file -> !used.contains(file) && !file.toString().endsWith(".example.yaml"))
                .forEach(file -> found.say(file, "is in no kustomization"));
        return found.findings;
    }

    private void file(Path file, Set<Path> used) throws IOException {
        if (file.endsWith(FILE)) {
            used.add(file);
            kustomization(file, used);
        } else if (!isContent(file) && !isPatchOfOperations(file)) {
            resources(file);
        }
    }

    private void kustomization(Path file, Set<Path> used) throws IOException {
        Kustomization kustomization = Manifests.one(Files.readString(file), Kustomization.class);
        for (String resource : kustomization.resources()) {
            Path path = beside(file, resource);
            if (!Files.exists(Files.isDirectory(path) ? path.resolve(FILE) : path)) {
                say(file, "resource " + resource + " does not exist");
            }
            used.add(path);
        }
        for (String content : kustomization.contents()) {
            Path path = beside(file, content);
            used.add(path);
            if (!Files.exists(path)) {
                say(file, "file " + content + " does not exist");
            }
        }
        Set<String> present = objects(file);
        for (Kustomization.Patch patch : kustomization.patchesOrNone()) {
            Path path = beside(file, patch.path());
            used.add(path);
            if (Files.exists(path)) {
                patch(file, path, patch, present);
            } else {
                say(file, "patch " + patch.path() + " does not exist");
            }
        }
    }

    private void patch(Path file, Path path, Kustomization.Patch patch, Set<String> present) throws IOException {
        List<String> targets = new ArrayList<>();
        Kustomization.Target target = patch.target();
        if (target != null) {
            targets.add(target.kind() + " " + target.name());
        } else {
            resources(path).forEach(object -> targets.add(id(object)));
        }
        for (String patched : targets) {
            if (!present.contains(patched)) {
                say(file, patch.path() + " patches " + patched + ", which is none of " + present);
            }
        }
    }

    /** What a kustomization gives to its patches: its own files and those of what it includes. */
    private Set<String> objects(Path file) throws IOException {
        Set<String> found = new TreeSet<>();
        Kustomization kustomization = Manifests.one(Files.readString(file), Kustomization.class);
        for (String resource : kustomization.resources()) {
            Path path = beside(file, resource);
            if (Files.isDirectory(path) && Files.exists(path.resolve(FILE))) {
                found.addAll(objects(path.resolve(FILE)));
            } else if (Files.isRegularFile(path)) {
                resources(path).forEach(object -> found.add(id(object)));
            }
        }
        return found;
    }

    private List<HasMetadata> resources(Path file) throws IOException {
        try {
            return Manifests.read(Files.readString(file));
        } catch (IOException invalid) {
            say(file, invalid.getMessage());
            return List.of();
        }
    }

    /** Whether the kustomization beside it puts it into a ConfigMap. */
    private static boolean isContent(Path file) throws IOException {
        Path beside = beside(file, FILE);
        return Files.exists(beside)
                && Manifests.one(Files.readString(beside), Kustomization.class).contents().stream()
                        .anyMatch(content -> beside(file, content).equals(file));
    }

    private static boolean isPatchOfOperations(Path file) throws IOException {
        return Manifests.documents(Files.readString(file)).stream().allMatch(JsonNode::isArray);
    }

    private static String id(HasMetadata object) {
        return object.getKind() + " " + object.getMetadata().getName();
    }

    private static Path beside(Path file, String reference) {
        return Objects.requireNonNull(file.getParent()).resolve(reference).normalize();
    }

    private void say(Path file, String finding) {
        String said = root.relativize(file) + ": " + finding;
        if (!findings.contains(said)) {
            findings.add(said);
        }
    }
}
