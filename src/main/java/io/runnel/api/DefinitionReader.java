package io.runnel.api;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import io.runnel.postgres.Failure;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.validation.ConstraintViolation;
import jakarta.validation.Validator;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Reads the documents of definition files, as strictly as the requests over REST. One that is wrong does not keep others
 * from being read; after what is no YAML, the rest of its file is lost.
 *
 * <p>A file of SQL is one query. What else there is to say about it stands in the comment lines at its beginning, which are
 * YAML once the dashes are taken away. Statements of any other kind have no way in: they would be neither comparable with
 * what is there, nor could be taken back.
 */
@ApplicationScoped
class DefinitionReader {

    static final int DOCUMENTS_MAX = 10_000;

    private static final String KIND = "kind";
    private static final String SEE_README = "its properties are those of the request that creates it over REST";

    private final ObjectMapper yaml;
    private final Validator validator;

    DefinitionReader(ObjectMapper json, Validator validator) {
        this.yaml = json.copyWith(new YAMLFactory().enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION))
                // What follows a document is the next one.
                .disable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
        this.validator = validator;
    }

    /** All documents in the order of files, and what is wrong with others. */
    Documents read(DefinitionDirectory directory) {
        Documents found = new Documents(new ArrayList<>(), new ArrayList<>(directory.troubles()));
        directory.texts().forEach((file, text) -> {
            if (file.endsWith(".sql")) {
                found.add(file, 1, () -> document(file, 1, header(text)));
            } else {
                readYaml(file, text, found);
            }
        });
        return found;
    }

    private void readYaml(String file, String text, Documents found) {
        int number = 0;
        try (YAMLParser parser = parser(text)) {
            refuseAliases(text);
            while (parser.nextToken() != null) {
                number++;
                int place = number;
                JsonNode document = yaml.readTree(parser);
                if (document != null && !document.isNull()) {
                    found.add(file, place, () -> document(file, place, document));
                }
            }
        } catch (JsonProcessingException malformed) {
            found.trouble(file, Math.max(1, number), malformed(malformed));
        } catch (IOException impossible) {
            throw new IllegalStateException("a text cannot be read", impossible);
        }
    }

    private YAMLParser parser(String text) throws IOException {
        return ((YAMLFactory) yaml.getFactory()).createParser(text);
    }

    /** The name of an alias would be taken for its value. What is no YAML from some place on is told when it is read. */
    private void refuseAliases(String text) throws IOException {
        try (YAMLParser parser = parser(text)) {
            boolean alias = false;
            while (!alias && tokenFollows(parser)) {
                alias = parser.isCurrentAlias();
            }
            if (alias) {
                throw new JsonParseException(parser, "aliases are not supported, write the value out");
            }
        }
    }

    private static boolean tokenFollows(YAMLParser parser) throws IOException {
        try {
            return parser.nextToken() != null;
        } catch (JsonProcessingException malformed) {
            return false;
        }
    }

    /** The comment lines that a text begins with as a document, the rest of it as the query. */
    private JsonNode header(String text) {
        StringBuilder comments = new StringBuilder();
        int at = 0;
        while (text.startsWith("--", at)) {
            int end = text.indexOf('\n', at) < 0 ? text.length() : text.indexOf('\n', at) + 1;
            comments.append(text, at + 2, end);
            at = end;
        }
        try {
            // Every line is indented by what follows the dashes, which YAML takes as it is.
            JsonNode header = yaml.readTree(comments.toString());
            if (!(header instanceof ObjectNode properties)) {
                throw new Failure.Invalid(
                        "unknown-kind",
                        "the file does not begin with comment lines that say what its query defines",
                        "write -- kind: StreamTable and -- name: schema.table above it");
            } else if (!DefinitionKind.of(properties.path(KIND).asText()).hasQuery() || properties.has("query")) {
                throw new Failure.Invalid(
                        "invalid-definition",
                        "a file of SQL is the query of a StreamTable or MaterializedView",
                        "write other definitions in YAML");
            }
            return properties.put("query", text.substring(at));
        } catch (JsonProcessingException malformed) {
            throw new Failure.Invalid(
                    "malformed-yaml",
                    "the comment lines at the beginning are not YAML: " + malformed.getOriginalMessage(),
                    "separate other comments from them by an empty line");
        }
    }

    private DefinitionDocument document(String file, int number, JsonNode document) {
        if (!(document instanceof ObjectNode given)) {
            throw new Failure.Invalid("wrong-type", "the document is not a mapping", "write kind: and name: first");
        }
        ObjectNode content = given.deepCopy();
        JsonNode title = content.remove(KIND);
        DefinitionKind kind = DefinitionKind.of(title == null ? "" : title.asText());
        Object request;
        try {
            request = yaml.treeToValue(content, kind.request());
        } catch (JsonProcessingException mismatch) {
            throw new NotReadable(mismatch);
        }
        Set<ConstraintViolation<Object>> violations = validator.validate(request);
        if (!violations.isEmpty()) {
            throw new Failure.Invalid(
                    "invalid-definition",
                    violations.stream()
                            .map(violation -> violation.getPropertyPath() + " " + violation.getMessage())
                            .sorted()
                            .collect(Collectors.joining("; ")),
                    SEE_README);
        } else if (!content.path("name").isTextual()) {
            throw new Failure.Invalid("invalid-definition", "name must not be blank", SEE_README);
        }
        String name = content.path("name").asText();
        return new DefinitionDocument(
                file,
                number,
                kind,
                kind == DefinitionKind.PROJECTION
                        ? Inputs.text("name", name)
                        : Inputs.name(name).display(),
                content,
                request);
    }

    private static Problem malformed(JsonProcessingException thrown) {
        return Problem.of(
                Response.Status.BAD_REQUEST,
                "malformed-yaml",
                "the document is not YAML"
                        + (thrown.getLocation() == null
                                ? ""
                                : " at line " + thrown.getLocation().getLineNr()) + ": "
                        + Objects.requireNonNullElse(thrown.getOriginalMessage(), "")
                                .replaceFirst("(?s)\\n.*", ""),
                "the rest of the file was not read");
    }

    /** What Jackson says about a document that is YAML, but not of its type. */
    private static final class NotReadable extends RuntimeException {
        private static final long serialVersionUID = 1L;
        private final transient Problem problem;

        NotReadable(JsonProcessingException mismatch) {
            super(mismatch);
            Problem told = ProblemMappers.json(mismatch);
            this.problem = mismatch instanceof JsonMappingException
                    ? Problem.of(
                            Response.Status.BAD_REQUEST,
                            told.code(),
                            told.detail(),
                            told.code().equals("wrong-type") ? SEE_README : Objects.requireNonNullElse(told.hint(), ""))
                    : malformed(mismatch);
        }
    }

    /** What was read so far. Of two documents that define the same, the first counts. */
    record Documents(List<DefinitionDocument> valid, List<DefinitionDocument.Trouble> troubles) {

        void add(String file, int number, java.util.function.Supplier<DefinitionDocument> reading) {
            try {
                if (valid.size() >= DOCUMENTS_MAX) {
                    throw new Failure.Invalid(
                            "too-many-definitions",
                            "there are more than " + DOCUMENTS_MAX + " definitions",
                            "divide them among databases");
                }
                valid.add(reading.get());
            } catch (Failure wrong) {
                trouble(file, number, Problem.of(wrong));
            } catch (NotReadable wrong) {
                trouble(file, number, wrong.problem);
            }
        }

        void trouble(String file, int number, Problem problem) {
            troubles.add(new DefinitionDocument.Trouble(file, number, problem));
        }

        /** Without those that a document before them defines already. */
        Documents distinct() {
            Map<DefinitionDocument.Key, DefinitionDocument> first = new HashMap<>();
            Documents distinct = new Documents(new ArrayList<>(), new ArrayList<>(troubles));
            for (DefinitionDocument document : valid) {
                DefinitionDocument other = first.putIfAbsent(document.key(), document);
                if (other == null) {
                    distinct.valid.add(document);
                } else {
                    distinct.trouble(
                            document.file(),
                            document.number(),
                            Problem.of(
                                    Response.Status.CONFLICT,
                                    "defined-twice",
                                    document.kind().title() + " " + document.name()
                                            + " is defined already, by document " + other.number() + " of "
                                            + other.file(),
                                    "remove one of the two"));
                }
            }
            return distinct;
        }
    }
}
