package io.runnel.delta;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.delta.OperatorExamples.Example;
import io.runnel.operator.CostClass;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The SQL of every delta rule, without a database. */
class DeltaRuleTest {

    static Stream<Example> examples() {
        return OperatorExamples.all();
    }

    @ParameterizedTest
    @MethodSource("examples")
    void rule_writes_the_sql_that_was_reviewed(Example example) throws IOException {
        OperatorContract.matchesItsGoldenFile(example);
    }

    @Test
    void every_operator_has_an_example() {
        List<Class<?>> shown = OperatorExamples.all()
                .flatMap(example -> example.operator().walk())
                .<Class<?>>map(Object::getClass)
                .distinct()
                .toList();
        List<Class<?>> rules = Stream.of(Operator.class.getPermittedSubclasses())
                .<Class<?>>map(type -> type)
                .filter(type -> type != Opaque.class)
                .toList();
        assertThat(shown).containsExactlyInAnyOrderElementsOf(rules);
    }

    @Test
    void readme_says_how_every_operator_is_maintained() throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        int from = readme.indexOf("## What is maintained incrementally");
        List<String> named = readme.substring(from, readme.indexOf("\n## ", from + 1))
                .lines()
                .filter(line -> line.startsWith("|"))
                .map(line -> line.substring(0, line.lastIndexOf('|')))
                .flatMap(line ->
                        Stream.of(line.substring(line.lastIndexOf('|') + 1).split(",")))
                .map(String::strip)
                .distinct()
                .toList();
        List<String> labels = OperatorExamples.all()
                .flatMap(example -> example.operator().walk())
                .map(operator -> operator.label().replaceFirst(" of golden.*", ""))
                .distinct()
                .toList();
        assertThat(named).containsAll(labels);
        assertThat(readme.substring(from, readme.indexOf("\n## ", from + 1)))
                .contains(OperatorExamples.all()
                        .flatMap(example -> example.operator().walk())
                        .map(operator -> operator.cost(OperatorExamples.TYPES))
                        .filter(cost -> cost != CostClass.NOTHING)
                        .map(CostClass::text)
                        .distinct()
                        .toList());
    }

    @Test
    void no_golden_file_is_left_over() throws IOException {
        try (Stream<Path> files = Files.list(Path.of("src/test/resources/golden"))) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrderElementsOf(OperatorExamples.all()
                            .map(example -> example.name() + ".sql")
                            .toList());
        }
    }
}
