package io.runnel;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The structure of the code that a machine can hold: package directions, purity, the driver's border, file sizes. */
class ArchitectureTest {
    private static final String ROOT = "io.runnel.";
    private static final int FILE_LINES_MAX = 400;

    /** What each package may use besides itself; a package that is not a key here must not exist. */
    private static final Map<String, Set<String>> MAY_USE = Map.ofEntries(
            Map.entry("sql", Set.of()),
            Map.entry("embedded", Set.of()),
            Map.entry("cli", Set.of()),
            Map.entry("operator", Set.of("sql")),
            Map.entry("parse", Set.of("operator", "sql")),
            Map.entry("delta", Set.of("operator", "sql")),
            Map.entry("postgres", Set.of("sql")),
            Map.entry("replica", Set.of("postgres", "sql")),
            Map.entry("catalog", Set.of("postgres", "sql")),
            Map.entry("cdc", Set.of("replica", "catalog", "postgres", "sql")),
            Map.entry("refresh", Set.of("cdc", "catalog", "delta", "operator", "postgres", "sql")),
            Map.entry("schedule", Set.of("refresh", "cdc", "replica", "catalog", "postgres", "sql")),
            Map.entry("projection", Set.of("schedule", "replica", "catalog", "postgres", "sql")),
            Map.entry("rows", Set.of("postgres", "sql")),
            Map.entry("materialized", Set.of("schedule", "replica", "postgres", "sql")),
            Map.entry(
                    "definition",
                    Set.of(
                            "projection",
                            "refresh",
                            "cdc",
                            "replica",
                            "catalog",
                            "postgres",
                            "delta",
                            "parse",
                            "operator",
                            "sql")),
            Map.entry("demo", Set.of("postgres", "sql")),
            Map.entry("security", Set.of("postgres", "sql")),
            Map.entry(
                    "api",
                    Set.of(
                            "definition",
                            "projection",
                            "rows",
                            "security",
                            "materialized",
                            "schedule",
                            "refresh",
                            "cdc",
                            "replica",
                            "catalog",
                            "postgres",
                            "delta",
                            "parse",
                            "operator",
                            "sql")),
            Map.entry(
                    "health",
                    Set.of(
                            "definition",
                            "projection",
                            "materialized",
                            "schedule",
                            "refresh",
                            "cdc",
                            "catalog",
                            "postgres",
                            "delta",
                            "parse",
                            "operator",
                            "sql")));

    private static final List<String> PURE = List.of("sql", "operator", "parse", "delta");

    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.runnel");

    @Test
    void every_package_is_in_the_table() {
        assertThat(CLASSES.stream().map(ArchitectureTest::packageOf).distinct()).isSubsetOf(MAY_USE.keySet());
    }

    @Test
    void packages_use_only_what_the_table_allows() {
        MAY_USE.forEach((name, allowed) -> noClasses()
                .that()
                .resideInAPackage(ROOT + name + "..")
                .should()
                .dependOnClassesThat(
                        resideInAnyPackage("io.runnel..").and(not(resideInAnyPackage(packages(name, allowed)))))
                .allowEmptyShould(true)
                .check(CLASSES));
    }

    @Test
    void pure_packages_know_nothing_but_values() {
        classes()
                .that()
                .resideInAnyPackage(packages(PURE.stream()))
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "io.runnel..",
                        "java.lang..",
                        "java.math",
                        "java.util",
                        "java.util.function",
                        "java.util.regex",
                        "java.util.stream",
                        "org.jspecify.annotations",
                        "com.google.errorprone.annotations")
                .allowEmptyShould(true)
                .check(CLASSES);
    }

    @Test
    void only_postgres_talks_to_the_driver() {
        noClasses()
                .that()
                .resideOutsideOfPackage(ROOT + "postgres..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.vertx.sqlclient..",
                        "io.vertx.pgclient..",
                        "io.vertx.mutiny.sqlclient..",
                        "io.vertx.mutiny.pgclient..",
                        "java.sql..",
                        "org.postgresql..")
                .check(CLASSES);
    }

    @Test
    void files_stay_short_enough_to_read() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("src"))) {
            assertThat(files.filter(file -> file.toString().endsWith(".java")))
                    .allSatisfy(file -> assertThat(Files.readAllLines(file))
                            .as("lines of %s", file)
                            .hasSizeLessThanOrEqualTo(FILE_LINES_MAX));
        }
    }

    private static String packageOf(JavaClass type) {
        return type.getPackageName().replaceFirst("^io\\.runnel\\.?", "").replaceFirst("\\..*$", "");
    }

    private static String[] packages(String name, Set<String> allowed) {
        return packages(Stream.concat(Stream.of(name), allowed.stream()));
    }

    private static String[] packages(Stream<String> names) {
        return names.map(name -> ROOT + name + "..").toArray(String[]::new);
    }
}
