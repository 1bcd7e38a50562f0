package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/** Reads which event logs there are. */
@ApplicationScoped
public class EventLogs {

    private static final Sql LOGS = Sql.of("""
            SELECT schema_name::text AS schema_name, table_name::text AS table_name, owner::text AS owner,
              position_column::text AS position_column, declared, appendable, immutable, on_update, on_delete, on_truncate,
              guarded_by, projections, declared_at
            FROM runnel.event_logs""");
    private static final Sql ALL = Sql.of("{}\nORDER BY 1, 2", LOGS);
    private static final Sql BY_NAME = Sql.of("{}\nWHERE schema_name = $1::text AND table_name = $2::text", LOGS);

    private final Database database;

    EventLogs(Database database) {
        this.database = database;
    }

    public Uni<List<EventLog>> all() {
        return database.session(session -> session.query(ALL))
                .map(rows -> rows.stream().map(EventLogs::log).toList());
    }

    public Uni<Optional<EventLog>> find(QualifiedName name) {
        return database.session(session ->
                        session.one(BY_NAME, name.schema().name(), name.name().name()))
                .map(found -> found.map(EventLogs::log));
    }

    private static EventLog log(Row row) {
        return new EventLog(
                QualifiedName.of(row.text("schema_name"), row.text("table_name")),
                row.text("owner"),
                row.optionalText("position_column"),
                row.truth("declared"),
                row.truth("appendable"),
                new EventLog.Guards(
                        row.truth("immutable"),
                        row.text("on_update"),
                        row.text("on_delete"),
                        row.text("on_truncate"),
                        row.texts("guarded_by")),
                row.texts("projections"),
                row.optionalTime("declared_at"));
    }
}
