package io.runnel.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.security.Acting;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Defines projections through the SQL functions, which do all the work. */
@ApplicationScoped
class ProjectionCommands {

    private static final Sql CREATE = Sql.of("""
            SELECT runnel.create_projection(name => $1::text, event_log => $2::text, position_column => $3::text,
              handlers => $4::text::jsonb, type_column => $5::text, entity_column => $6::text, time_column => $7::text,
              default_handler => $8::text, ignored_types => coalesce($9::text[], '{*}'),
              targets => coalesce($10::text[], ARRAY[]::text[]), ddl => $11::text, mode => coalesce($12::text, 'ASYNCHRONOUS'),
              schedule => coalesce($13::text, 'on-change'), batch_size => coalesce($14::bigint, 500)::integer,
              failure_policy => coalesce($15::text, 'STOP'), attempts_max => $16::bigint::integer,
              start_from => coalesce($17::text, 'BEGINNING'), schedule_time_zone => $18::text,
              workers => coalesce($19::bigint, 1)::integer) AS id""");
    private static final Sql ALTER = Sql.of("""
            SELECT FROM runnel.alter_projection(name => $1::text, handlers => $2::text::jsonb,
              default_handler => $3::text, ignored_types => $4::text[], schedule => $5::text,
              batch_size => $6::bigint::integer, failure_policy => $7::text, attempts_max => $8::bigint::integer,
              schedule_time_zone => $9::text, workers => $10::bigint::integer)""");
    private static final Sql DROP = Sql.of("SELECT FROM runnel.drop_projection($1::text)");
    private static final Sql PAUSE = Sql.of("SELECT FROM runnel.pause_projection($1::text)");
    private static final Sql RESUME = Sql.of("SELECT FROM runnel.resume_projection($1::text)");
    private static final Sql REBUILD = Sql.of("""
            SELECT FROM runnel.rebuild_projection($1::text, side_by_side => $2, handlers => $3::text::jsonb,
              default_handler => $4::text, ignored_types => $5::text[])""");
    private static final Sql CANCEL_REBUILD = Sql.of("SELECT FROM runnel.cancel_rebuild($1::text)");
    private static final Sql ROLL_BACK_REBUILD = Sql.of("SELECT FROM runnel.roll_back_rebuild($1::text)");
    private static final Sql FINISH_REBUILD = Sql.of("SELECT FROM runnel.finish_rebuild($1::text)");
    private static final Sql RESUME_REBUILD = Sql.of("SELECT FROM runnel.resume_rebuild($1::text)");
    private static final Sql REPLAY = Sql.of("""
            SELECT runnel.replay_projection($1::text, types => $2::text[], entity => $3::text, from_position => $4::bigint,
              from_time => $5::text::timestamptz) AS id""");
    private static final Sql CANCEL = Sql.of("SELECT FROM runnel.cancel_replay($1)");
    private static final Sql RETRY = Sql.of("SELECT runnel.retry_dead_letters($1::text, $2::bigint) AS retried");
    private static final Sql DISMISS = Sql.of("SELECT FROM runnel.dismiss_dead_letter($1::text, $2::bigint)");

    private final Acting acting;
    private final ObjectMapper json;

    ProjectionCommands(Acting acting, ObjectMapper json) {
        this.acting = acting;
        this.json = json;
    }

    Uni<Void> create(ProjectionRequest request) {
        return call(
                CREATE,
                Inputs.text("name", request.name()),
                Inputs.text("eventLog", request.eventLog()),
                Inputs.text("positionColumn", request.positionColumn()),
                handlers(request.handlers()),
                text("typeColumn", request.typeColumn()),
                text("entityColumn", request.entityColumn()),
                text("timeColumn", request.timeColumn()),
                text("defaultHandler", request.defaultHandler()),
                texts("ignoredTypes", request.ignoredTypes()),
                texts("targets", request.targets()),
                text("ddl", request.ddl()),
                text("mode", request.mode()),
                text("schedule", request.schedule()),
                number(request.batchSize()),
                text("failurePolicy", request.failurePolicy()),
                number(request.attemptsMax()),
                text("startFrom", request.startFrom()),
                text("scheduleTimeZone", request.scheduleTimeZone()),
                number(request.workers()));
    }

    Uni<Void> alter(String name, ProjectionRequest.Alteration request) {
        return call(
                ALTER,
                name,
                handlers(request.handlers()),
                text("defaultHandler", request.defaultHandler()),
                texts("ignoredTypes", request.ignoredTypes()),
                text("schedule", request.schedule()),
                number(request.batchSize()),
                text("failurePolicy", request.failurePolicy()),
                number(request.attemptsMax()),
                text("scheduleTimeZone", request.scheduleTimeZone()),
                number(request.workers()));
    }

    Uni<Void> drop(String name) {
        return call(DROP, name);
    }

    Uni<Void> pause(String name) {
        return call(PAUSE, name);
    }

    Uni<Void> resume(String name) {
        return call(RESUME, name);
    }

    Uni<Void> rebuild(String name, ProjectionRequest.Rebuilding request) {
        return call(
                REBUILD,
                name,
                request.isSideBySide(),
                handlers(request.handlers()),
                text("defaultHandler", request.defaultHandler()),
                texts("ignoredTypes", request.ignoredTypes()));
    }

    Uni<Void> cancelRebuild(String name) {
        return call(CANCEL_REBUILD, name);
    }

    Uni<Void> rollBackRebuild(String name) {
        return call(ROLL_BACK_REBUILD, name);
    }

    Uni<Void> finishRebuild(String name) {
        return call(FINISH_REBUILD, name);
    }

    Uni<Void> resumeRebuild(String name) {
        return call(RESUME_REBUILD, name);
    }

    /** @return the number of the replay */
    Uni<Long> replay(String name, ProjectionRequest.Selection selection) {
        return acting.transaction(session -> session.one(
                        REPLAY,
                        name,
                        texts("types", selection.types()),
                        text("entity", selection.entity()),
                        selection.fromPosition(),
                        text("fromTime", selection.fromTime())))
                .map(row -> row.orElseThrow().number("id"));
    }

    Uni<Void> cancel(long replay) {
        return call(CANCEL, replay);
    }

    /** @param position that of one dead letter; null for all */
    Uni<Long> retry(String name, @Nullable Long position) {
        return acting.transaction(session -> session.one(RETRY, name, position))
                .map(row -> row.orElseThrow().number("retried"));
    }

    Uni<Void> dismiss(String name, long position) {
        return call(DISMISS, name, position);
    }

    private Uni<Void> call(Sql function, @Nullable Object... values) {
        return acting.transaction(session -> session.query(function, values)).replaceWithVoid();
    }

    private @Nullable String handlers(@Nullable List<ProjectionRequest.Handler> handlers) {
        if (handlers == null) {
            return null;
        }
        try {
            return Inputs.text("handlers", json.writeValueAsString(handlers));
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("handlers were read from JSON and are none", impossible);
        }
    }

    private static @Nullable String text(String property, @Nullable String value) {
        return value == null ? null : Inputs.text(property, value);
    }

    private static String @Nullable [] texts(String property, @Nullable List<String> values) {
        return values == null
                ? null
                : values.stream().map(value -> Inputs.text(property, value)).toArray(String[]::new);
    }

    private static @Nullable Long number(@Nullable Integer value) {
        return value == null ? null : value.longValue();
    }
}
