package io.runnel.api;

import io.runnel.definition.Explanation;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/** Looks at what a stream table depends on: its sources, their change buffers and indexes, and who writes to them. */
@ApplicationScoped
class Surroundings {

    /** How many transactions are named. */
    static final int WRITERS_MAX = 5;

    private static final Sql SOURCES = Sql.of("""
        SELECT n.nspname::text AS schema_name, c.relname::text AS table_name,
          greatest(c.reltuples, 0)::bigint AS rows,
          coalesce(pg_total_relation_size(buffer.relation), 0) AS buffer_bytes,
          d.source_id IS NOT NULL AS captured,
          EXISTS (
            SELECT FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
            WHERE t.tgrelid = c.oid AND f.pronamespace = 'runnel_internal'::regnamespace
              AND t.tgenabled NOT IN ('O', 'A')) AS disabled
        FROM runnel_internal.dependency AS d
        JOIN pg_class AS c ON c.oid = d.relation
        JOIN pg_namespace AS n ON n.oid = c.relnamespace
        CROSS JOIN LATERAL (SELECT to_regclass('runnel_internal.changes_' || d.source_id)) AS buffer (relation)
        WHERE d.stream_table_id = $1 AND c.relkind <> 'v'
        ORDER BY 1, 2\
        """);

    /** What another role's session does is hidden from a plain role; then its process alone is known. */
    private static final Sql WRITERS = Sql.of("""
            SELECT a.pid::bigint AS pid, coalesce(a.usename::text, '?') AS role, coalesce(a.state, 'unknown') AS state,
              extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS seconds,
              n.nspname::text AS schema_name, c.relname::text AS table_name
            FROM runnel_internal.dependency AS d
            JOIN pg_locks AS l ON l.relation = d.relation AND l.granted AND l.locktype = 'relation'
              AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
              AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            JOIN pg_stat_activity AS a ON a.pid = l.pid
            JOIN pg_class AS c ON c.oid = d.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE d.stream_table_id = $1 AND clock_timestamp() - a.xact_start > $2::text::interval
            ORDER BY a.xact_start
            LIMIT {}\
            """, WRITERS_MAX);

    private static final Sql INDEXED = Sql.of("""
        SELECT EXISTS (
          SELECT
          FROM pg_index AS i
          JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
          WHERE i.indrelid = to_regclass($1::text) AND i.indisvalid AND i.indpred IS NULL
            AND a.attname = ANY ($2::text[])) AS indexed\
        """);

    private static final Sql POLLED =
            Sql.of("SELECT current_setting('max_prepared_transactions')::integer > 0 AS polled");

    private final Database database;

    Surroundings(Database database) {
        this.database = database;
    }

    /** @param writingSince how long a transaction must have been open to be named, as an interval */
    Uni<Found> look(long id, List<Explanation.Lookup> lookups, String writingSince) {
        return database.session(session -> session.query(SOURCES, id)
                .flatMap(sources -> session.query(WRITERS, id, writingSince)
                        .flatMap(writers -> session.one(POLLED)
                                .flatMap(polled -> without(session, lookups)
                                        .map(missing -> new Found(
                                                sources.stream()
                                                        .map(Surroundings::source)
                                                        .toList(),
                                                writers.stream()
                                                        .map(Surroundings::writer)
                                                        .toList(),
                                                missing,
                                                polled.orElseThrow().truth("polled")))))));
    }

    private static Uni<List<Explanation.Lookup>> without(Session session, List<Explanation.Lookup> lookups) {
        return Multi.createFrom()
                .iterable(lookups)
                .onItem()
                .transformToUniAndConcatenate(lookup -> indexed(session, lookup)
                        .map(indexed -> indexed ? Optional.<Explanation.Lookup>empty() : Optional.of(lookup)))
                .collect()
                .asList()
                .map(found -> found.stream().flatMap(Optional::stream).toList());
    }

    private static Uni<Boolean> indexed(Session session, Explanation.Lookup lookup) {
        String[] columns = lookup.columns().toArray(new String[0]);
        return session.one(INDEXED, lookup.table(), columns)
                .map(row -> row.orElseThrow().truth("indexed"));
    }

    private static Source source(Row row) {
        return new Source(
                name(row),
                row.number("rows"),
                row.number("buffer_bytes"),
                row.truth("captured"),
                row.truth("disabled"));
    }

    private static Writer writer(Row row) {
        return new Writer(
                row.number("pid"),
                row.text("role"),
                row.text("state"),
                row.optionalReal("seconds").orElse(0.0),
                name(row));
    }

    private static String name(Row row) {
        return QualifiedName.of(row.text("schema_name"), row.text("table_name")).display();
    }

    /** @param polled whether the server allows prepared transactions, so that nobody is woken up */
    record Found(List<Source> sources, List<Writer> writers, List<Explanation.Lookup> withoutIndex, boolean polled) {

        Found {
            sources = List.copyOf(sources);
            writers = List.copyOf(writers);
            withoutIndex = List.copyOf(withoutIndex);
        }
    }

    /** @param rows as PostgreSQL estimates them */
    record Source(String name, long rows, long bufferBytes, boolean captured, boolean disabled) {}

    /** An open transaction that has written to a source, or is about to. */
    record Writer(long pid, String role, String state, double seconds, String table) {}
}
