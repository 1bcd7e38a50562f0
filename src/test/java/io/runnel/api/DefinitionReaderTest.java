package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is a definition, and what is refused with which code. */
@QuarkusTest
class DefinitionReaderTest {

    private static final String VALID = "kind: StreamTable\nname: a\nquery: SELECT 1\n";

    @Inject
    DefinitionReader reader;

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "a.yaml|[1, 2]|wrong-type|the document is not a mapping",
                "a.yaml|text|wrong-type|the document is not a mapping",
                "a.yaml|name: a|unknown-kind|the document has no kind",
                "a.yaml|kind: Table|unknown-kind|Table is no kind of definition",
                "a.yaml|kind: StreamTable\\nname: a|invalid-definition|query must not be blank",
                "a.yaml|kind: StreamTable\\nquery: SELECT 1|invalid-definition|name must not be blank",
                "a.yaml|kind: StreamTable\\nname: a b\\nquery: x|invalid-name|a b is not a name",
                "a.yaml|kind: StreamTable\\nname: 1\\nquery: x|wrong-type|property name has a value of the wrong type",
                "a.yaml|kind: StreamTable\\nname: a\\nname: b\\nquery: x|malformed-yaml|Duplicate field 'name'",
                "a.yaml|kind: StreamTable\\nname: &n a\\nquery: *n|malformed-yaml|aliases are not supported",
                "a.yaml|kind: StreamTable\\nname: a\\nquery: x\\nowner: me|unknown-property|unknown property owner",
                "a.yaml|kind: Projection\\nname: a\\neventLog: b\\npositionColumn: c\\nbatchSize: many|wrong-type|batchSize",
                "a.yaml|kind: EventLog\\nname: ' '|invalid-definition|name must not be blank",
                "a.sql|SELECT 1|unknown-kind|does not begin with comment lines",
                "a.sql|-- kind: Projection\\n-- name: a\\nSELECT 1|invalid-definition|is the query of a StreamTable",
                "a.sql|-- kind: StreamTable\\n-- query: x\\nSELECT 1|invalid-definition|is the query of a StreamTable",
                "a.sql|-- kind: StreamTable\\n-- Totals: by: day\\nSELECT 1|malformed-yaml|comment lines at the beginning",
            })
    void document_that_is_no_definition_is_refused(String file, String text, String code, String detail) {
        DefinitionReader.Documents found = read(file, text.replace("\\n", "\n"));
        assertThat(found.valid()).isEmpty();
        assertThat(found.troubles()).hasSize(1);
        assertThat(found.troubles().get(0).problem().code()).isEqualTo(code);
        assertThat(found.troubles().get(0).problem().detail()).contains(detail);
        assertThat(found.troubles().get(0).problem().hint()).isNotBlank();
    }

    @Test
    void documents_before_and_after_a_wrong_one_are_read_and_those_after_what_is_no_yaml_are_not() {
        DefinitionReader.Documents found = read(
                "a.yaml",
                VALID + "---\nkind: Wrong\n---\n" + VALID.replace("name: a", "name: s.b") + "---\na: [\n---\n" + VALID);
        assertThat(found.valid().stream().map(DefinitionDocument::name)).containsExactly("public.a", "s.b");
        assertThat(found.troubles().stream().map(DefinitionDocument.Trouble::number))
                .containsExactly(2, 4);
    }

    @Test
    void second_document_of_the_same_name_is_refused() {
        DefinitionReader.Documents found = read("a.yaml", VALID + "---\n" + VALID.replace("name: a", "name: PUBLIC.A"))
                .distinct();
        assertThat(found.valid().stream().map(DefinitionDocument::number)).containsExactly(1);
        assertThat(found.troubles().get(0).problem().code()).isEqualTo("defined-twice");
        assertThat(found.troubles().get(0).number()).isEqualTo(2);
    }

    @Test
    void examples_of_the_documentation_and_of_kubernetes_are_definitions() throws IOException {
        String readme = Files.readString(Path.of("README.md"));
        int begin = readme.indexOf("## Definitions as files");
        String section = readme.substring(begin, readme.indexOf("\n## ", begin));
        TreeMap<String, String> texts = new TreeMap<>();
        Matcher blocks =
                Pattern.compile("```(yaml|sql)\n(.*?)```", Pattern.DOTALL).matcher(section);
        while (blocks.find()) {
            texts.put("example." + blocks.group(1), blocks.group(2));
        }
        texts.put("kubernetes.yaml", Files.readString(Path.of("kubernetes/overlays/development/definitions.yaml")));
        DefinitionReader.Documents found = reader.read(new DefinitionDirectory(texts, List.of()));
        assertThat(found.troubles()).isEmpty();
        assertThat(found.valid().stream().map(DefinitionDocument::name))
                .containsExactlyInAnyOrder(
                        "public.revenue_by_day",
                        "public.largest_days",
                        "public.revenue_by_customer",
                        "public.account_events",
                        "public.account_events_by_type");
    }

    private DefinitionReader.Documents read(String file, String text) {
        TreeMap<String, String> texts = new TreeMap<>();
        texts.put(file, text);
        return reader.read(new DefinitionDirectory(texts, List.of()));
    }
}
