package io.runnel.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes a definition be as a document says: creates it, or alters what is there. What cannot be altered is compared with the
 * document that was applied before, and refused when it differs, because to drop and create anew would lose contents,
 * checkpoints or rights, which is for a person to decide.
 */
@ApplicationScoped
class DefinitionCommands {

    private static final Sql DECLARE_LOG =
            Sql.of("SELECT runnel.create_event_log($1::text, $2::text, $3::text) AS outcome");
    private static final Sql DROP_LOG = Sql.of("SELECT FROM runnel.drop_event_log($1::text)");

    private static final List<String> FIXED_OF_PROJECTION = List.of(
            "eventLog",
            "positionColumn",
            "typeColumn",
            "entityColumn",
            "timeColumn",
            "targets",
            "ddl",
            "mode",
            "startFrom");
    private static final List<String> FIXED_OF_VIEW = List.of("query", "uniqueKey");
    private static final List<String> FIXED_OF_LOG = List.of("positionColumn", "entityType");
    private static final List<String> HANDLING = List.of("handlers", "defaultHandler", "ignoredTypes");

    /** Their absence stands for nothing that could be set. */
    private static final List<String> NEVER_TAKEN_AWAY =
            List.of("defaultHandler", "attemptsMax", "scheduleTimeZone", "timeZone");

    private final Commands tables;
    private final Lookup lookup;
    private final ProjectionCommands projections;
    private final MaterializedViewCommands views;
    private final Database database;

    DefinitionCommands(
            Commands tables,
            Lookup lookup,
            ProjectionCommands projections,
            MaterializedViewCommands views,
            Database database) {
        this.tables = tables;
        this.lookup = lookup;
        this.projections = projections;
        this.views = views;
        this.database = database;
    }

    /**
     * @param before the document that made what is there; empty if there is nothing, or none did
     * @param exists whether there is something of that name
     */
    Uni<Void> apply(DefinitionDocument document, Optional<JsonNode> before, boolean exists) {
        return Uni.createFrom().deferred(() -> switch (document.kind()) {
            case STREAM_TABLE ->
                tables.createOrReplace(document.qualified(), (CreateRequest) document.request())
                        .replaceWithVoid();
            case PROJECTION -> projection(document, (ProjectionRequest) document.request(), before, exists);
            case MATERIALIZED_VIEW -> view(document, (MaterializedViewRequest) document.request(), before, exists);
            case EVENT_LOG -> log(document, (EventLogsResource.Request) document.request(), before, exists);
        });
    }

    private Uni<Void> projection(
            DefinitionDocument document, ProjectionRequest wanted, Optional<JsonNode> before, boolean exists) {
        if (!exists) {
            return projections.create(wanted);
        }
        refuseFixed(document, before, FIXED_OF_PROJECTION);
        boolean handledAlike = before.filter(
                        old -> HANDLING.stream().noneMatch(property -> differs(document.content(), old, property)))
                .isPresent();
        return projections.alter(
                document.name(),
                new ProjectionRequest.Alteration(
                        handledAlike ? null : Objects.requireNonNullElse(wanted.handlers(), List.of()),
                        handledAlike ? null : wanted.defaultHandler(),
                        handledAlike ? null : Objects.requireNonNullElse(wanted.ignoredTypes(), List.of("*")),
                        Objects.requireNonNullElse(wanted.schedule(), "on-change"),
                        wanted.scheduleTimeZone(),
                        Objects.requireNonNullElse(wanted.workers(), 1),
                        Objects.requireNonNullElse(wanted.batchSize(), 500),
                        Objects.requireNonNullElse(wanted.failurePolicy(), "STOP"),
                        wanted.attemptsMax()));
    }

    private Uni<Void> view(
            DefinitionDocument document, MaterializedViewRequest wanted, Optional<JsonNode> before, boolean exists) {
        if (!exists) {
            return views.define(document.qualified(), wanted);
        }
        refuseFixed(document, before, FIXED_OF_VIEW);
        return views.alter(
                document.qualified(),
                new MaterializedViewRequest.Alteration(
                        Objects.requireNonNullElse(wanted.schedules(), List.of("5m")),
                        wanted.timeZone(),
                        Objects.requireNonNullElse(wanted.refreshKind(), "AUTO"),
                        Objects.requireNonNullElse(wanted.skipUnchanged(), true)));
    }

    private Uni<Void> log(
            DefinitionDocument document, EventLogsResource.Request wanted, Optional<JsonNode> before, boolean exists) {
        if (exists) {
            refuseFixed(document, before, FIXED_OF_LOG);
            return Uni.createFrom().voidItem();
        }
        return call(
                DECLARE_LOG,
                document.qualified().sql().text(),
                text("positionColumn", wanted.positionColumn()),
                text("entityType", wanted.entityType()));
    }

    /** As the document before the last one would have it undone: what it has made is dropped, without what depends on it. */
    Uni<Void> drop(DefinitionDocument.Key key) {
        return Uni.createFrom().deferred(() -> switch (key.kind()) {
            case STREAM_TABLE -> lookup.find(key.name()).flatMap(table -> tables.drop(table, false));
            case PROJECTION -> projections.drop(key.name());
            case MATERIALIZED_VIEW -> views.drop(Inputs.name(key.name()), null);
            case EVENT_LOG -> call(DROP_LOG, Inputs.name(key.name()).sql().text());
        });
    }

    private static void refuseFixed(DefinitionDocument document, Optional<JsonNode> before, List<String> fixed) {
        if (before.isEmpty()) {
            return;
        }
        JsonNode old = before.get();
        String changed = Stream.concat(
                        fixed.stream().filter(property -> differs(document.content(), old, property)),
                        NEVER_TAKEN_AWAY.stream()
                                .filter(property -> old.hasNonNull(property)
                                        && !document.content().hasNonNull(property)))
                .distinct()
                .collect(Collectors.joining(", "));
        if (!changed.isEmpty()) {
            throw new Failure.Conflict(
                    "not-alterable",
                    document.kind().title() + " " + document.name() + " cannot be altered in " + changed,
                    "",
                    "take the change back, or drop it yourself and have it created anew");
        }
    }

    private static boolean differs(JsonNode one, JsonNode other, String property) {
        return !(one.hasNonNull(property) ? Optional.of(one.get(property)) : Optional.empty())
                .equals(other.hasNonNull(property) ? Optional.of(other.get(property)) : Optional.empty());
    }

    private Uni<Void> call(Sql function, @Nullable Object... values) {
        return database.transaction(session -> session.query(function, values)).replaceWithVoid();
    }

    private static @Nullable String text(String property, @Nullable String value) {
        return value == null ? null : Inputs.text(property, value);
    }
}
