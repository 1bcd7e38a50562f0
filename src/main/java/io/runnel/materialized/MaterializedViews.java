package io.runnel.materialized;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Reads how managed materialized views stand, and what was done to them. */
@ApplicationScoped
public class MaterializedViews {

    private static final String STATUS = """
            SELECT id, schema_name::text AS schema_name, view_name::text AS view_name, owner::text AS owner, status, schedules,
              time_zone, refresh_kind, skip_unchanged, never_skipped_because, adopted, {}, populated,
              frontier::text AS frontier, refreshed_at, checked_at, duration_seconds, kind, refreshes, skipped,
              refresh_requests, answered_requests, warnings, waits_for, consecutive_errors::bigint AS consecutive_errors,
              last_error, last_error_code, last_error_hint, last_error_at
            FROM runnel.materialized_views""";
    private static final Sql QUERY = Sql.of("query");
    private static final Sql ALL = Sql.of(STATUS + "\nORDER BY 2, 3", QUERY);
    private static final Sql SUMMARIES = Sql.of(STATUS + "\nORDER BY 2, 3", Sql.of("NULL::text AS query"));
    private static final Sql BY_NAME =
            Sql.of(STATUS + "\nWHERE schema_name = $1::text AND view_name = $2::text", QUERY);
    private static final Sql HISTORY = Sql.of("""
            SELECT started_at, duration_seconds, kind, reason, error
            FROM runnel_internal.materialized_view_history
            WHERE materialized_view_id = $1
            ORDER BY id DESC
            LIMIT $2""");

    private static final Sql FRESHNESS = Sql.of("""
            SELECT schema_name::text AS schema_name, view_name::text AS view_name, status,
              runnel_internal.model_frontier('MATERIALIZED_VIEW', id)::text AS frontier,
              runnel_internal.model_lag('MATERIALIZED_VIEW', id) AS lag_seconds, runnel_internal.view_pending(id) AS pending,
              refreshed_at, checked_at
            FROM runnel.materialized_views
            WHERE id = $1""");
    private static final Sql NAMES = Sql.of(
            "SELECT schema_name::text AS schema_name, view_name::text AS view_name FROM runnel_internal.materialized_view");

    private final Database database;

    MaterializedViews(Database database) {
        this.database = database;
    }

    public Uni<List<MaterializedViewStatus>> all() {
        return database.session(session -> session.query(ALL))
                .map(rows -> rows.stream().map(MaterializedViews::status).toList());
    }

    /** The same without the queries, which take PostgreSQL longer to print than all the rest. */
    public Uni<List<MaterializedViewStatus>> summaries() {
        return database.session(session -> session.query(SUMMARIES))
                .map(rows -> rows.stream().map(MaterializedViews::status).toList());
    }

    /** Those of all managed views. */
    public Uni<List<QualifiedName>> names() {
        return database.session(session -> session.query(NAMES))
                .map(rows -> rows.stream()
                        .map(row -> QualifiedName.of(row.text("schema_name"), row.text("view_name")))
                        .toList());
    }

    public Uni<Optional<MaterializedViewStatus>> find(QualifiedName name) {
        return database.session(session ->
                        session.one(BY_NAME, name.schema().name(), name.name().name()))
                .map(found -> found.map(MaterializedViews::status));
    }

    public Uni<Optional<ViewFreshness>> freshness(long id) {
        return database.session(session -> session.one(FRESHNESS, id))
                .map(found -> found.map(row -> new ViewFreshness(
                        QualifiedName.of(row.text("schema_name"), row.text("view_name")),
                        row.text("status"),
                        row.optionalText("frontier"),
                        row.optionalReal("lag_seconds"),
                        row.optionalNumber("pending"),
                        row.optionalTime("refreshed_at"),
                        row.optionalTime("checked_at"))));
    }

    /** The latest first. */
    public Uni<List<Refresh>> history(long id, long rowsMax) {
        return database.session(session -> session.query(HISTORY, id, rowsMax))
                .map(rows -> rows.stream().map(MaterializedViews::refresh).toList());
    }

    private static MaterializedViewStatus status(Row row) {
        return new MaterializedViewStatus(
                row.number("id"),
                QualifiedName.of(row.text("schema_name"), row.text("view_name")),
                row.text("status"),
                row.text("owner"),
                row.optionalText("query"),
                row.truth("adopted"),
                row.truth("populated"),
                new MaterializedViewStatus.Settings(
                        row.texts("schedules"),
                        row.text("time_zone"),
                        row.text("refresh_kind"),
                        row.truth("skip_unchanged"),
                        row.optionalText("never_skipped_because")),
                progress(row),
                row.texts("warnings"),
                row.optionalText("last_error")
                        .map(message -> new MaterializedViewStatus.LastError(
                                message,
                                row.optionalText("last_error_code"),
                                row.optionalText("last_error_hint"),
                                row.optionalTime("last_error_at"))));
    }

    private static MaterializedViewStatus.Progress progress(Row row) {
        return new MaterializedViewStatus.Progress(
                row.optionalText("frontier"),
                row.optionalTime("refreshed_at"),
                row.optionalTime("checked_at"),
                row.optionalReal("duration_seconds"),
                row.optionalText("kind"),
                row.number("refreshes"),
                row.number("skipped"),
                row.number("refresh_requests"),
                row.number("answered_requests"),
                row.optionalText("waits_for"),
                row.number("consecutive_errors"));
    }

    private static Refresh refresh(Row row) {
        return new Refresh(
                row.optionalTime("started_at"),
                Math.round(row.real("duration_seconds") * 1000),
                row.text("kind"),
                row.text("reason"),
                row.optionalText("error"));
    }

    /**
     * One refresh; looks that found nothing to do are counted, and not listed.
     *
     * @param kind CONCURRENTLY, PLAIN or FAILED
     * @param reason why it was refreshed; of a failure, its code
     */
    public record Refresh(
            Optional<Instant> startedAt, long durationMillis, String kind, String reason, Optional<String> error) {}
}
