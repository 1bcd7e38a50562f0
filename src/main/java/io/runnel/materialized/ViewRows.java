package io.runnel.materialized;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.DateTimeException;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Set;

/** The views that the service refreshes, as the catalog has them. */
@ApplicationScoped
class ViewRows {

    private static final Sql ACTIVE = Sql.of("""
            WITH RECURSIVE used (id, relation) AS (
              SELECT id, relation
              FROM runnel_internal.materialized_view
              UNION
              SELECT used.id, r.oid
              FROM used
              JOIN pg_rewrite AS w ON w.ev_class = used.relation AND w.ev_type = '1'
              JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
              JOIN pg_class AS r ON r.oid = d.refobjid
            ), above AS (
              SELECT used.id, array_agg(DISTINCT u.id) AS upstream
              FROM used
              JOIN runnel_internal.materialized_view AS u ON u.relation = used.relation AND u.id <> used.id
              GROUP BY used.id
            ), layered AS (
              SELECT DISTINCT used.id
              FROM used
              JOIN runnel_internal.model_written AS m ON m.relation = used.relation AND m.kind <> 'MATERIALIZED_VIEW'
            )
            SELECT v.id, n.nspname::text AS schema_name, c.relname::text AS view_name, v.schedules, v.time_zone,
              CASE WHEN c.relispopulated THEN coalesce(s.checked_at, v.created_at) END AS last_look,
              v.refresh_requests > s.refresh_requests AS requested, coalesce(a.upstream, ARRAY[]::bigint[]) AS upstream,
              l.id IS NOT NULL AS layered
            FROM runnel_internal.materialized_view AS v
            JOIN runnel_internal.materialized_view_state AS s ON s.materialized_view_id = v.id
            JOIN pg_class AS c ON c.oid = v.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN above AS a ON a.id = v.id
            LEFT JOIN layered AS l ON l.id = v.id
            WHERE v.wanted = 'ACTIVE' AND NOT s.suspended
            ORDER BY v.id""");
    private static final Sql MAINTAIN =
            Sql.of("SELECT FROM runnel_internal.maintain_views(), runnel_internal.release_confined()");
    private static final Sql FAILED = Sql.of("SELECT runnel_internal.view_failed($1, $2, $3, $4, $5, $6) AS suspended");
    private static final Sql WAITS = Sql.of("SELECT FROM runnel_internal.view_waits($1, $2)");

    private final Database database;

    ViewRows(Database database) {
        this.database = database;
    }

    /** All that are neither paused nor suspended. */
    Uni<List<ManagedView>> active() {
        return database.session(session -> session.query(ACTIVE))
                .map(rows -> rows.stream().map(ViewRows::view).toList());
    }

    /** Follows renamed views, forgets dropped ones, and deletes what nobody needs any more. */
    Uni<Void> maintain() {
        return database.session(session -> session.query(MAINTAIN)).replaceWithVoid();
    }

    /** @return whether the view is suspended now */
    Uni<Boolean> failed(long id, Failure failure) {
        return database.session(session -> session.one(
                        FAILED,
                        id,
                        failure.message(),
                        failure.code(),
                        failure.hint(),
                        ViewRefresher.CONSECUTIVE_ERRORS_MAX,
                        ViewRefresher.HISTORY_ROWS_MAX))
                .map(row -> row.orElseThrow().truth("suspended"));
    }

    Uni<Void> waits(long id, Failure failure) {
        return database.session(session -> session.query(WAITS, id, failure.message()))
                .replaceWithVoid();
    }

    private static ManagedView view(Row row) {
        return new ManagedView(
                row.number("id"),
                QualifiedName.of(row.text("schema_name"), row.text("view_name")),
                times(row.texts("schedules"), row.text("time_zone")),
                row.optionalTime("last_look"),
                row.truth("requested"),
                row.truth("layered"),
                Set.copyOf(row.numbers("upstream")));
    }

    /** PostgreSQL knows a few time zones that Java does not; the schedules of stream tables are read in UTC then, too. */
    private static RefreshTimes times(List<String> schedules, String zone) {
        try {
            return RefreshTimes.of(schedules, zone);
        } catch (DateTimeException unknown) {
            return RefreshTimes.of(schedules, ZoneOffset.UTC.getId());
        }
    }
}
