package io.runnel.catalog;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/** Reads how stream tables stand. */
@ApplicationScoped
public class Statuses {

    private static final Sql STATUS = Sql.of("""
            SELECT
                seen.id,
                seen.schema_name::text AS schema_name,
                seen.table_name::text AS table_name,
                seen.owner::text AS owner,
                seen.query,
                seen.schedule,
                seen.refresh_mode,
                seen.effective_mode,
                nullif(seen.full_reason, '') AS full_reason,
                seen.status,
                seen.populated,
                seen.refreshed_at,
                seen.rows_in_last_refresh,
                seen.consecutive_errors::bigint AS consecutive_errors,
                seen.last_error,
                seen.last_error_code,
                nullif(seen.last_error_hint, '') AS last_error_hint,
                seen.last_error_at,
                seen.waits_for,
                seen.max_changed_share,
                stored.reconciled_version >= stored.version
                    AND (stored.status <> 'INITIALIZING'
                        OR (NOT stored.initialize AND stored.refresh_requests = 0 AND stored.reinitialize_requests = 0))
                    AND CASE stored.wanted
                        WHEN 'ACTIVE' THEN stored.status <> 'PAUSED'
                        ELSE stored.status IN (stored.wanted, 'ERROR') END
                    AND (coalesce(frontier.reinitialize_requests, 0) >= stored.reinitialize_requests
                        OR stored.status IN ('SUSPENDED', 'ERROR')) AS settled
            FROM runnel.stream_tables AS seen
            JOIN runnel_internal.stream_table AS stored ON stored.id = seen.id
            LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = seen.id""");

    private static final Sql ALL = Sql.of("{}\nORDER BY 2, 3", STATUS);

    private static final Sql BY_ID = Sql.of("{}\nWHERE stored.id = $1", STATUS);

    /** Finds it also when the table was dropped by hand and the definition is still there. */
    private static final Sql BY_NAME = Sql.of("""
            {}
            WHERE stored.id = runnel_internal.stream_table_id(
                to_regclass($1::text), ARRAY[$2::text::name], $3::text::name)""", STATUS);

    private final Database database;

    Statuses(Database database) {
        this.database = database;
    }

    public Uni<List<StreamTableStatus>> all() {
        return database.session(session -> session.query(ALL))
                .map(rows -> rows.stream().map(Statuses::status).toList());
    }

    public Uni<Optional<StreamTableStatus>> find(long id) {
        return database.session(session -> session.one(BY_ID, id)).map(found -> found.map(Statuses::status));
    }

    public Uni<Optional<StreamTableStatus>> find(QualifiedName name) {
        return database.session(session -> session.one(
                        BY_NAME,
                        name.sql().text(),
                        name.schema().name(),
                        name.name().name()))
                .map(found -> found.map(Statuses::status));
    }

    private static StreamTableStatus status(Row row) {
        return new StreamTableStatus(
                row.number("id"),
                QualifiedName.of(row.text("schema_name"), row.text("table_name")),
                row.text("owner"),
                row.text("query"),
                row.text("schedule"),
                row.text("refresh_mode"),
                row.optionalText("effective_mode"),
                row.optionalText("full_reason"),
                row.text("status"),
                row.truth("populated"),
                row.optionalTime("refreshed_at"),
                row.optionalNumber("rows_in_last_refresh"),
                row.number("consecutive_errors"),
                row.optionalText("last_error").map(message -> lastError(message, row)),
                row.optionalText("waits_for"),
                row.optionalReal("max_changed_share"),
                row.truth("settled"));
    }

    private static StreamTableStatus.LastError lastError(String message, Row row) {
        return new StreamTableStatus.LastError(
                message,
                row.optionalText("last_error_code"),
                row.optionalText("last_error_hint"),
                row.optionalTime("last_error_at"));
    }
}
