package io.runnel.catalog;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/** Reads all kinds of read models side by side. */
@ApplicationScoped
public class ReadModels {

    private static final Sql ALL = Sql.of("""
            SELECT m.id, m.name, m.kind, m.owner::text AS owner, m.status, m.schedule, m.refreshed_at, m.lag_seconds,
                m.consecutive_errors::bigint AS consecutive_errors, m.last_error, f.last_error_code
            FROM runnel.read_models AS m
            LEFT JOIN runnel_internal.frontier AS f ON m.kind = 'STREAM_TABLE' AND f.stream_table_id = m.id
            ORDER BY m.name, m.kind""");

    private final Database database;

    ReadModels(Database database) {
        this.database = database;
    }

    /** All of them, by name. */
    public Uni<List<ReadModel>> all() {
        return database.session(session -> session.query(ALL))
                .map(rows -> rows.stream().map(ReadModels::model).toList());
    }

    private static ReadModel model(Row row) {
        return new ReadModel(
                row.number("id"),
                row.text("name"),
                row.text("kind"),
                row.text("owner"),
                row.text("status"),
                row.text("schedule"),
                row.optionalTime("refreshed_at"),
                row.optionalReal("lag_seconds"),
                row.number("consecutive_errors"),
                row.optionalText("last_error"),
                row.optionalText("last_error_code"));
    }
}
