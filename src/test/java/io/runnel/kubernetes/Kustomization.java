package io.runnel.kubernetes;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The fields of kustomize.config.k8s.io/v1beta1 that are in use here; any other one is taken for a mistake. */
record Kustomization(
        String apiVersion,
        String kind,
        @Nullable String namespace,
        List<String> resources,
        @Nullable List<Labels> labels,
        @Nullable List<Generator> configMapGenerator,
        @Nullable List<Generator> secretGenerator,
        @Nullable List<Patch> patches,
        @Nullable List<Image> images) {

    record Labels(boolean includeSelectors, Map<String, String> pairs) {}

    record Generator(
            String name,
            @Nullable String behavior,
            @Nullable List<String> literals,
            @Nullable List<String> files,
            @Nullable Options options) {}

    record Options(boolean disableNameSuffixHash) {}

    record Patch(String path, @Nullable Target target) {}

    record Target(String kind, String name) {}

    record Image(
            String name, @Nullable String newName, @Nullable String newTag) {}

    /** The files that ConfigMaps are made of. */
    List<String> contents() {
        return configMapGenerator == null
                ? List.of()
                : configMapGenerator.stream()
                        .map(Generator::files)
                        .filter(Objects::nonNull)
                        .flatMap(List::stream)
                        .toList();
    }

    List<Patch> patchesOrNone() {
        return patches == null ? List.of() : patches;
    }
}
