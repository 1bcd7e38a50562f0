package io.runnel.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What the database remembers of definition files: which definitions came from them, and what was wrong last time. */
@ApplicationScoped
class DefinitionCatalog {

    private static final Sql KNOWN = Sql.of("""
            SELECT kind, name, object_id, file, document::bigint AS document, content::text AS content, applied_at, removed_at
            FROM runnel_internal.definition_file
            ORDER BY kind, name""");
    private static final Sql PRESENT =
            Sql.of("SELECT kind, id, schema_name, name FROM runnel_internal.definition_object");
    private static final Sql PROBLEMS = Sql.of("""
            SELECT file, document::bigint AS document, code, detail, hint, query_position::bigint AS query_position, failed_at
            FROM runnel_internal.definition_file_problem
            ORDER BY file, document""");
    private static final Sql RECORD = Sql.of("""
            INSERT INTO runnel_internal.definition_file (kind, name, object_id, file, document, content)
            SELECT $1::text, $2::text, id, $3::text, $4::bigint, $5::text::jsonb
            FROM runnel_internal.definition_object
            WHERE kind = $1::text AND schema_name = $6::text AND name = $7::text
            ON CONFLICT (kind, name) DO UPDATE
            SET object_id = excluded.object_id, file = excluded.file, document = excluded.document,
              content = excluded.content, applied_at = now(), removed_at = NULL""");
    private static final Sql MOVE = Sql.of("""
            UPDATE runnel_internal.definition_file
            SET file = $3::text, document = $4::bigint, removed_at = NULL
            WHERE kind = $1::text AND name = $2::text""");
    private static final Sql KEEP = Sql.of("""
            UPDATE runnel_internal.definition_file
            SET removed_at = now()
            WHERE kind = $1::text AND name = $2::text AND removed_at IS NULL""");
    private static final Sql FORGET =
            Sql.of("DELETE FROM runnel_internal.definition_file WHERE kind = $1::text AND name = $2::text");
    private static final Sql NO_PROBLEMS = Sql.of("DELETE FROM runnel_internal.definition_file_problem");
    private static final Sql PROBLEM = Sql.of("""
            INSERT INTO runnel_internal.definition_file_problem (file, document, code, detail, hint, query_position)
            VALUES ($1::text, $2::bigint, $3::text, $4::text, $5::text, $6::bigint)""");

    private final Database database;
    private final ObjectMapper json;

    DefinitionCatalog(Database database, ObjectMapper json) {
        this.database = database;
        this.json = json;
    }

    Uni<State> state() {
        return database.session(session -> session.query(KNOWN)
                .flatMap(known -> session.query(PRESENT).map(present -> {
                    Map<DefinitionDocument.Key, Known> rows = new HashMap<>();
                    known.forEach(row -> rows.put(key(row, row.text("name")), known(row)));
                    Map<DefinitionDocument.Key, Long> ids = new HashMap<>();
                    present.forEach(row -> ids.put(key(row, display(row)), row.number("id")));
                    return new State(rows, ids);
                })));
    }

    Uni<List<Found>> problems() {
        return database.session(session -> session.query(PROBLEMS))
                .map(rows -> rows.stream()
                        .map(row -> new Found(
                                row.text("file"),
                                row.number("document"),
                                row.text("code"),
                                row.text("detail"),
                                row.optionalText("hint"),
                                row.optionalNumber("query_position"),
                                row.optionalTime("failed_at").orElseThrow()))
                        .toList());
    }

    /** That a document was applied, with what is there by its name now. */
    Uni<Void> record(DefinitionDocument document) {
        boolean projection = document.kind() == DefinitionKind.PROJECTION;
        return call(
                RECORD,
                document.kind().title(),
                document.name(),
                document.file(),
                (long) document.number(),
                document.content().toString(),
                projection ? "" : document.qualified().schema().name(),
                projection ? document.name() : document.qualified().name().name());
    }

    /** That a document that changes nothing stands where it stands. */
    Uni<Void> move(DefinitionDocument document) {
        return call(MOVE, document.kind().title(), document.name(), document.file(), (long) document.number());
    }

    /** That no document is there any more, but what it has made stays. */
    Uni<Void> keep(DefinitionDocument.Key key) {
        return call(KEEP, key.kind().title(), key.name());
    }

    Uni<Void> forget(DefinitionDocument.Key key) {
        return call(FORGET, key.kind().title(), key.name());
    }

    /** In place of those of the last time. */
    Uni<Void> replaceProblems(List<DefinitionDocument.Trouble> troubles) {
        return database.transaction(session -> session.query(NO_PROBLEMS)
                .flatMap(none -> Multi.createFrom()
                        .iterable(troubles)
                        .onItem()
                        .transformToUniAndConcatenate(trouble -> session.query(
                                PROBLEM,
                                trouble.file(),
                                (long) trouble.number(),
                                trouble.problem().code(),
                                trouble.problem().detail(),
                                trouble.problem().hint(),
                                Optional.ofNullable(trouble.problem().position())
                                        .map(Integer::longValue)
                                        .orElse(null)))
                        .collect()
                        .last()
                        .replaceWithVoid()));
    }

    private Uni<Void> call(Sql statement, Object... values) {
        return database.session(session -> session.query(statement, values)).replaceWithVoid();
    }

    private static DefinitionDocument.Key key(Row row, String name) {
        return new DefinitionDocument.Key(DefinitionKind.of(row.text("kind")), name);
    }

    private static String display(Row row) {
        return row.text("schema_name").isEmpty()
                ? row.text("name")
                : QualifiedName.of(row.text("schema_name"), row.text("name")).display();
    }

    private Known known(Row row) {
        try {
            return new Known(
                    row.number("object_id"),
                    row.text("file"),
                    row.number("document"),
                    json.readTree(row.text("content")),
                    row.optionalTime("applied_at").orElseThrow(),
                    row.optionalTime("removed_at"));
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("what PostgreSQL holds as jsonb is no JSON", impossible);
        }
    }

    /** A definition that came from a file. */
    record Known(
            long objectId,
            String file,
            long document,
            JsonNode content,
            Instant appliedAt,
            Optional<Instant> removedAt) {}

    /** What was wrong last time. */
    record Found(
            String file,
            long document,
            String code,
            String detail,
            Optional<String> hint,
            Optional<Long> position,
            Instant failedAt) {}

    /**
     * What came from files, and what is there at all.
     *
     * @param present ids by kind and name
     */
    record State(Map<DefinitionDocument.Key, Known> known, Map<DefinitionDocument.Key, Long> present) {

        /** What came from files and is still the same object. */
        Optional<Known> made(DefinitionDocument.Key key) {
            return Optional.ofNullable(known.get(key))
                    .filter(row -> Optional.of(row.objectId()).equals(Optional.ofNullable(present.get(key))));
        }

        boolean exists(DefinitionDocument.Key key) {
            return present.containsKey(key);
        }
    }
}
