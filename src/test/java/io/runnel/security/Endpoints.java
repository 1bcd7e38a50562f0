package io.runnel.security;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaMethod;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.HttpMethod;
import jakarta.ws.rs.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** What can be requested, read from the code. */
final class Endpoints {

    private Endpoints() {}

    /**
     * A method of a resource.
     *
     * @param roles what it says about roles; empty if nothing
     */
    record Endpoint(String method, String path, List<String> roles) {

        /** As the README writes it. */
        String shortPath() {
            return path.replaceFirst("^/api/v1", "");
        }

        /** With something in place of each parameter that does not exist. */
        String concretePath() {
            return path.replace("{id}", "1").replace("{position}", "1").replaceAll("\\{[a-z]+\\}", "sec.nothing");
        }
    }

    static List<Endpoint> all() {
        List<Endpoint> found = new ArrayList<>();
        for (JavaClass resource : new ClassFileImporter()
                .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
                .importPackages("io.runnel")) {
            if (resource.isAnnotatedWith(Path.class)) {
                for (JavaMethod method : resource.getMethods()) {
                    verb(method)
                            .ifPresent(verb -> found.add(new Endpoint(verb, path(resource, method), roles(method))));
                }
            }
        }
        found.sort(Comparator.comparing(Endpoint::path).thenComparing(Endpoint::method));
        return found;
    }

    private static Optional<String> verb(JavaMethod method) {
        return method.getAnnotations().stream()
                .filter(annotation -> annotation.getRawType().isAnnotatedWith(HttpMethod.class))
                .map(annotation -> annotation.getRawType().getSimpleName())
                .findFirst();
    }

    private static String path(JavaClass resource, JavaMethod method) {
        String base = resource.getAnnotationOfType(Path.class).value();
        return method.tryGetAnnotationOfType(Path.class)
                .map(path -> base + "/" + path.value())
                .orElse(base);
    }

    private static List<String> roles(JavaMethod method) {
        return method.tryGetAnnotationOfType(RolesAllowed.class)
                .map(allowed -> List.of(allowed.value()))
                .orElse(List.of());
    }
}
