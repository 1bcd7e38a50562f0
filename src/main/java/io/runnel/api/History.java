package io.runnel.api;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Reads what refreshes did. */
@ApplicationScoped
class History {

    private static final Sql LATEST = Sql.of("""
            SELECT started_at, duration_seconds, mode, reason, changes, rows_inserted, rows_updated, rows_deleted, error
            FROM runnel_internal.refresh_history
            WHERE stream_table_id = $1
            ORDER BY id DESC
            LIMIT $2""");

    private final Database database;

    History(Database database) {
        this.database = database;
    }

    Uni<List<Entry>> of(long id, long limit) {
        return database.session(session -> session.query(LATEST, id, limit))
                .map(rows -> rows.stream().map(History::entry).toList());
    }

    private static Entry entry(Row row) {
        return new Entry(
                row.optionalTime("started_at"),
                Math.round(row.real("duration_seconds") * 1000),
                row.text("mode"),
                row.text("reason"),
                row.number("changes"),
                row.number("rows_inserted"),
                row.number("rows_updated"),
                row.number("rows_deleted"),
                row.optionalText("error"));
    }

    record Entry(
            Optional<Instant> startedAt,
            long durationMillis,
            String mode,
            String reason,
            long changes,
            long rowsInserted,
            long rowsUpdated,
            long rowsDeleted,
            Optional<String> error) {}
}
