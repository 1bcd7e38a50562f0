package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/** Reads how projections stand. */
@ApplicationScoped
public class Projections {

    private static final Sql STATUS = Sql.of("""
            SELECT id, name, owner::text AS owner, status, mode, event_log, position_column::text AS position_column,
              type_column::text AS type_column, entity_column::text AS entity_column, time_column::text AS time_column,
              (SELECT jsonb_agg(handler - 'statements') FROM jsonb_array_elements(handlers) AS handler)::text AS handlers,
              ignored_types, targets, schedule, schedule_time_zone, workers::bigint AS workers, batch_size::bigint AS batch_size, failure_policy,
              attempts_max::bigint AS attempts_max, last_processed_position, latest_position, last_event_at, updated_at,
              events_handled, dead_letters, replaying, consecutive_errors::bigint AS consecutive_errors, last_error,
              last_error_code, last_error_detail, last_error_hint, last_error_at, failing_position
            FROM runnel.projections""");
    private static final Sql ALL = Sql.of("{}\nORDER BY name", STATUS);
    private static final Sql BY_NAME = Sql.of("{}\nWHERE name = $1", STATUS);
    private static final Sql DEAD_LETTERS = Sql.of("""
            SELECT position, entity, event_type, status, retry, attempts::bigint AS attempts, error, error_code, error_detail,
              failed_at
            FROM runnel.dead_letters
            WHERE projection_name = $1
            ORDER BY position
            LIMIT $2""");
    private static final String REPLAY = """
            SELECT id, status, coalesce(types, ARRAY[]::text[]) AS types, entity, from_position, from_time, at_position, upto_position,
              events_handled, events_per_second, seconds_remaining, started_at, finished_at
            FROM runnel.projection_replays
            WHERE projection_name = $1""";
    private static final Sql REPLAYS = Sql.of("{}\nORDER BY id DESC\nLIMIT $2", Sql.of(REPLAY));
    private static final Sql ONE_REPLAY = Sql.of("{} AND id = $2", Sql.of(REPLAY));

    private static final Sql REBUILD = Sql.of("""
            SELECT status, at_position, upto_position, events_handled, dead_letters, events_per_second, seconds_remaining,
              started_at, exchanged_at, rows_inserted, rows_updated, rows_deleted, failing_position, last_error,
              last_error_code, last_error_detail, last_error_hint, last_error_at
            FROM runnel.projection_rebuilds
            WHERE projection_name = $1""");

    private static final Sql FRESHNESS = Sql.of("""
            SELECT p.name, p.status, p.mode, runnel_internal.model_frontier('PROJECTION', p.id)::text AS frontier,
              runnel_internal.model_lag('PROJECTION', p.id) AS lag_seconds,
              greatest(p.latest_position - coalesce(p.last_processed_position, 0), 0)::bigint AS positions_behind,
              (SELECT coalesce(sum(upper(piece) - lower(piece)), 0) FROM unnest((
                SELECT range_agg(late.piece)
                FROM runnel_internal.projection_state AS s CROSS JOIN unnest(s.late) AS late (piece)
                WHERE s.projection_id = p.id)) AS all_late (piece))::bigint AS events_late,
              p.dead_letters, p.last_processed_position, p.last_event_at, p.updated_at
            FROM runnel.projections AS p
            WHERE p.name = $1""");

    private final Database database;

    Projections(Database database) {
        this.database = database;
    }

    public Uni<List<ProjectionStatus>> all() {
        return database.session(session -> session.query(ALL))
                .map(rows -> rows.stream().map(Projections::status).toList());
    }

    public Uni<Optional<ProjectionStatus>> find(String name) {
        return database.session(session -> session.one(BY_NAME, name)).map(found -> found.map(Projections::status));
    }

    /** The first ones by position. */
    public Uni<List<DeadLetter>> deadLetters(String name, long rowsMax) {
        return database.session(session -> session.query(DEAD_LETTERS, name, rowsMax))
                .map(rows -> rows.stream().map(Projections::deadLetter).toList());
    }

    /** The latest ones, the latest first. */
    public Uni<List<Replay>> replays(String name, long rowsMax) {
        return database.session(session -> session.query(REPLAYS, name, rowsMax))
                .map(rows -> rows.stream().map(Projections::replay).toList());
    }

    public Uni<Optional<Replay>> replay(String name, long id) {
        return database.session(session -> session.one(ONE_REPLAY, name, id))
                .map(found -> found.map(Projections::replay));
    }

    /** Its rebuild side by side. */
    public Uni<Optional<Rebuild>> rebuild(String name) {
        return database.session(session -> session.one(REBUILD, name)).map(found -> found.map(Projections::rebuild));
    }

    public Uni<Optional<ProjectionFreshness>> freshness(String name) {
        return database.session(session -> session.one(FRESHNESS, name))
                .map(found -> found.map(Projections::freshness));
    }

    private static ProjectionFreshness freshness(Row row) {
        return new ProjectionFreshness(
                row.text("name"),
                row.text("status"),
                row.text("mode"),
                row.text("frontier"),
                row.optionalReal("lag_seconds"),
                row.optionalNumber("positions_behind").orElse(0L),
                row.number("events_late"),
                row.number("dead_letters"),
                row.optionalNumber("last_processed_position"),
                row.optionalTime("last_event_at"),
                row.optionalTime("updated_at"));
    }

    private static ProjectionStatus status(Row row) {
        return new ProjectionStatus(
                row.number("id"),
                row.text("name"),
                row.text("status"),
                row.text("owner"),
                new ProjectionStatus.Log(
                        row.text("event_log"),
                        row.text("position_column"),
                        row.optionalText("type_column"),
                        row.optionalText("entity_column"),
                        row.optionalText("time_column")),
                row.text("handlers"),
                row.texts("ignored_types"),
                row.texts("targets"),
                new ProjectionStatus.Settings(
                        row.text("mode"),
                        row.text("schedule"),
                        row.text("schedule_time_zone"),
                        row.number("workers"),
                        row.number("batch_size"),
                        row.text("failure_policy"),
                        row.optionalNumber("attempts_max")),
                progress(row),
                row.optionalText("last_error").map(message -> error(message, row)));
    }

    private static ProjectionStatus.Progress progress(Row row) {
        return new ProjectionStatus.Progress(
                row.optionalNumber("last_processed_position"),
                row.optionalNumber("latest_position"),
                row.optionalTime("last_event_at"),
                row.optionalTime("updated_at"),
                row.number("events_handled"),
                row.number("dead_letters"),
                row.truth("replaying"),
                row.number("consecutive_errors"));
    }

    private static ProjectionStatus.LastError error(String message, Row row) {
        return new ProjectionStatus.LastError(
                message,
                row.optionalText("last_error_code"),
                row.optionalText("last_error_detail"),
                row.optionalText("last_error_hint"),
                row.optionalTime("last_error_at"),
                row.optionalNumber("failing_position"));
    }

    private static DeadLetter deadLetter(Row row) {
        return new DeadLetter(
                row.number("position"),
                row.optionalText("entity"),
                row.optionalText("event_type"),
                row.text("status"),
                row.truth("retry"),
                row.number("attempts"),
                row.optionalText("error"),
                row.optionalText("error_code"),
                row.optionalText("error_detail"),
                row.optionalTime("failed_at"));
    }

    private static Rebuild rebuild(Row row) {
        return new Rebuild(
                row.text("status"),
                row.optionalNumber("at_position"),
                row.optionalNumber("upto_position"),
                row.number("events_handled"),
                row.number("dead_letters"),
                row.optionalReal("events_per_second"),
                row.optionalReal("seconds_remaining"),
                row.optionalTime("started_at"),
                row.optionalTime("exchanged_at"),
                row.number("rows_inserted"),
                row.number("rows_updated"),
                row.number("rows_deleted"),
                row.optionalText("last_error").map(message -> error(message, row)));
    }

    private static Replay replay(Row row) {
        return new Replay(
                row.number("id"),
                row.text("status"),
                row.texts("types"),
                row.optionalText("entity"),
                row.optionalNumber("from_position"),
                row.optionalTime("from_time"),
                row.optionalNumber("at_position"),
                row.optionalNumber("upto_position"),
                row.number("events_handled"),
                row.optionalReal("events_per_second"),
                row.optionalReal("seconds_remaining"),
                row.optionalTime("started_at"),
                row.optionalTime("finished_at"));
    }
}
