package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/** The projections that the service runs, as the catalog has them. */
@ApplicationScoped
class ProjectionRows {

    private static final Sql ACTIVE = Sql.of("""
            SELECT p.id, s.worker::bigint AS worker, p.name, p.log_id::bigint AS log, p.relation::bigint AS relation, n.nspname::text AS schema_name,
              c.relname::text AS table_name, p.position_column::text AS position_column,
              p.schedule, p.schedule_time_zone, s.looked_at,
              runnel_internal.projection_pending(p.id, s.worker) AS pending, coalesce(b.exchanging, false) AS exchanging
            FROM runnel_internal.projection AS p
            JOIN runnel_internal.projection_state AS s ON s.projection_id = p.id
            JOIN pg_class AS c ON c.oid = p.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            LEFT JOIN runnel_internal.projection_rebuild AS b ON b.shadow_id = p.id
            WHERE p.wanted = 'ACTIVE' AND p.log_id IS NOT NULL AND NOT EXISTS (
              SELECT FROM runnel_internal.projection_state AS one WHERE one.projection_id = p.id AND one.suspended)
            ORDER BY p.id, s.worker""");
    // Materialised, because a function in FROM may be called before the rows are filtered.
    private static final Sql DROPPED = Sql.of("""
            WITH dropped AS MATERIALIZED (
              SELECT p.id
              FROM runnel_internal.projection AS p
              WHERE p.wanted = 'ACTIVE' AND NOT EXISTS (
                SELECT FROM runnel_internal.projection_state AS s WHERE s.projection_id = p.id AND s.suspended)
                AND NOT EXISTS (SELECT FROM pg_class AS c WHERE c.oid = p.relation)
            )
            SELECT runnel_internal.run_projection(id, 0) ->> 'outcome' AS outcome FROM dropped""");
    private static final Sql RELEASE = Sql.of("""
            WITH unused AS MATERIALIZED (
              SELECT l.id
              FROM runnel_internal.event_log AS l
              WHERE NOT EXISTS (SELECT FROM runnel_internal.projection AS p WHERE p.log_id = l.id)
            )
            SELECT runnel_internal.release_log(id)::text AS released FROM unused""");
    private static final Sql PRUNE = Sql.of("SELECT FROM runnel_internal.prune_log($1::text::integer)");

    private final Database database;

    ProjectionRows(Database database) {
        this.database = database;
    }

    /** All workers of those that are neither paused nor suspended, after those were suspended whose log is gone. */
    Uni<List<Projection>> active() {
        return database.session(session -> session.query(DROPPED)
                .flatMap(suspended -> session.query(ACTIVE))
                .map(rows -> rows.stream().map(ProjectionRows::projection).toList()));
    }

    /** Takes the triggers from logs that no projection reads any more. */
    Uni<Void> release() {
        return database.session(session -> session.query(RELEASE)).replaceWithVoid();
    }

    Uni<Void> prune(int log) {
        return database.session(session -> session.query(PRUNE, Integer.toString(log)))
                .replaceWithVoid();
    }

    private static Projection projection(Row row) {
        return new Projection(
                row.number("id"),
                (int) row.number("worker"),
                row.text("name"),
                (int) row.number("log"),
                row.number("relation"),
                QualifiedName.of(row.text("schema_name"), row.text("table_name")),
                Identifier.of(row.text("position_column")),
                Times.of(row.text("schedule"), row.text("schedule_time_zone"), row.optionalTime("looked_at")),
                row.truth("pending"),
                row.truth("exchanging"));
    }
}
