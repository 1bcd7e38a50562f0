package io.runnel.catalog;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.stream.IntStream;

/** Reads what is captured and how much of it waits. */
@ApplicationScoped
public class CapturedSources {

    /** Buffers are counted no further. */
    public static final long ROWS_MAX = 1_000_000;

    /** The frontier {@code 3:3:} is that of a reader who has seen no transaction at all. */
    private static final Sql ALL = Sql.of("""
            SELECT
                source.id::bigint AS id,
                pg_namespace.nspname::text AS schema_name,
                pg_class.relname::text AS table_name,
                CASE WHEN pg_relation_size(buffer.relation) > 0
                    THEN runnel_internal.pending_in(source.id, '3:3:', pg_current_snapshot(), $1)
                    ELSE 0 END AS rows,
                coalesce(pg_total_relation_size(buffer.relation), 0) AS bytes,
                reads.schemas,
                reads.tables
            FROM runnel_internal.source
            JOIN pg_class ON pg_class.oid = source.relation
            JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
            CROSS JOIN LATERAL (SELECT to_regclass('runnel_internal.changes_' || source.id) AS relation) AS buffer
            CROSS JOIN LATERAL (
                SELECT
                    coalesce(array_agg(stream_table.schema_name::text ORDER BY stream_table.id), ARRAY[]::text[])
                        AS schemas,
                    coalesce(array_agg(stream_table.table_name::text ORDER BY stream_table.id), ARRAY[]::text[])
                        AS tables
                FROM runnel_internal.dependency
                JOIN runnel_internal.stream_table ON stream_table.id = dependency.stream_table_id
                WHERE dependency.source_id = source.id
            ) AS reads
            ORDER BY 2, 3""");

    private final Database database;

    CapturedSources(Database database) {
        this.database = database;
    }

    public Uni<List<CapturedSource>> all() {
        return database.session(session -> session.query(ALL, ROWS_MAX))
                .map(rows -> rows.stream().map(CapturedSources::source).toList());
    }

    private static CapturedSource source(Row row) {
        List<String> schemas = row.texts("schemas");
        List<String> tables = row.texts("tables");
        return new CapturedSource(
                row.number("id"),
                QualifiedName.of(row.text("schema_name"), row.text("table_name")),
                row.number("rows"),
                row.number("bytes"),
                IntStream.range(0, tables.size())
                        .mapToObj(i -> QualifiedName.of(schemas.get(i), tables.get(i)))
                        .toList());
    }
}
