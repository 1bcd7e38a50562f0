package io.runnel.catalog;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Measures how far stream tables are behind. Buffers without a page are not looked into, so idle tables cost little. */
@ApplicationScoped
public class Freshnesses {

    /**
     * What a stream table reads and Runnel does not capture may have changed at any time, so such a table is behind
     * from its last refresh on; so is one whose query reads the clock. Views are expanded into rows of their own; the view's row says nothing.
     */
    private static final String MEASURE = """
            WITH RECURSIVE involved (id) AS (
                {}
                UNION
                SELECT upstream.id
                FROM involved
                JOIN runnel_internal.dependency ON dependency.stream_table_id = involved.id
                JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
            ), beneath AS MATERIALIZED (
                SELECT model.relation, runnel_internal.model_lag(model.kind, model.id) AS lag_seconds
                FROM runnel_internal.model_written AS model
                WHERE model.kind <> 'STREAM_TABLE' AND EXISTS (
                    SELECT FROM runnel_internal.dependency
                    WHERE dependency.relation = model.relation
                        AND dependency.stream_table_id IN (SELECT involved.id FROM involved))
            )
            SELECT
                stream_table.id,
                coalesce(pg_namespace.nspname, stream_table.schema_name)::text AS schema_name,
                coalesce(pg_class.relname, stream_table.table_name)::text AS table_name,
                frontier.snapshot::text AS frontier,
                frontier.refreshed_at,
                extract(epoch FROM clock_timestamp() - frontier.refreshed_at)::double precision AS age_seconds,
                CASE
                    WHEN frontier.snapshot IS NULL THEN NULL
                    WHEN reads.written THEN runnel_internal.pending_changes(stream_table.id, pg_current_snapshot())
                    ELSE 0
                END AS pending,
                coalesce(reads.uncaptured, false) OR frontier.evaluated_at IS NOT NULL AS uncaptured,
                coalesce(reads.upstream, ARRAY[]::bigint[]) AS upstream,
                coalesce(reads.below, false) AS below,
                reads.below_seconds
            FROM involved
            JOIN runnel_internal.stream_table ON stream_table.id = involved.id
            LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
            LEFT JOIN pg_class ON pg_class.oid = stream_table.relation
            LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
            CROSS JOIN LATERAL (
                SELECT
                    bool_or(pg_relation_size(
                        to_regclass('runnel_internal.changes_' || dependency.source_id)) > 0) AS written,
                    bool_or(dependency.source_id IS NULL AND source.relkind IS DISTINCT FROM 'v') AS uncaptured,
                    array_agg(upstream.id) FILTER (WHERE upstream.id IS NOT NULL) AS upstream,
                    bool_or(beneath.relation IS NOT NULL) AS below,
                    CASE WHEN bool_and(beneath.relation IS NULL OR beneath.lag_seconds IS NOT NULL)
                        THEN max(beneath.lag_seconds) END AS below_seconds
                FROM runnel_internal.dependency
                LEFT JOIN pg_class AS source ON source.oid = dependency.relation
                LEFT JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
                LEFT JOIN beneath ON beneath.relation = dependency.relation
                WHERE dependency.stream_table_id = stream_table.id
            ) AS reads""";

    private static final Sql ALL = Sql.of(MEASURE, Sql.of("SELECT stream_table.id FROM runnel_internal.stream_table"));
    private static final Sql ONE = Sql.of(MEASURE, Sql.of("SELECT $1::bigint"));

    private final Database database;

    Freshnesses(Database database) {
        this.database = database;
    }

    public Uni<List<Freshness>> all() {
        return database.session(session -> session.query(ALL)).map(Freshnesses::freshnesses);
    }

    public Uni<Optional<Freshness>> find(long id) {
        return database.session(session -> session.query(ONE, id))
                .map(rows -> freshnesses(rows).stream()
                        .filter(freshness -> freshness.id() == id)
                        .findFirst());
    }

    private static List<Freshness> freshnesses(List<Row> rows) {
        List<Freshness> own = rows.stream().map(Freshnesses::own).toList();
        return withUpstream(own);
    }

    private static Freshness own(Row row) {
        Optional<Long> pending = row.optionalNumber("pending");
        Optional<Double> lag = pending.flatMap(
                changes -> changes > 0 || row.truth("uncaptured") ? row.optionalReal("age_seconds") : Optional.of(0.0));
        // What a read model of another kind does not know, the tables over it do not know either.
        Optional<Double> behind = row.truth("below")
                ? lag.flatMap(own -> row.optionalReal("below_seconds").map(below -> Math.max(own, below)))
                : lag;
        return new Freshness(
                row.number("id"),
                QualifiedName.of(row.text("schema_name"), row.text("table_name")),
                row.optionalText("frontier"),
                row.optionalTime("refreshed_at"),
                pending,
                behind,
                row.numbers("upstream"));
    }

    /** Raises each lag to the highest among the stream tables that it reads. */
    static List<Freshness> withUpstream(List<Freshness> own) {
        Map<Long, Freshness> byId = own.stream().collect(Collectors.toMap(Freshness::id, Function.identity()));
        Map<Long, Optional<Double>> known = new HashMap<>();
        return own.stream()
                .map(one -> new Freshness(
                        one.id(),
                        one.name(),
                        one.frontier(),
                        one.refreshedAt(),
                        one.pendingChanges(),
                        lag(one, byId, known),
                        one.upstream()))
                .toList();
    }

    private static Optional<Double> lag(Freshness one, Map<Long, Freshness> byId, Map<Long, Optional<Double>> known) {
        Optional<Double> found = known.get(one.id());
        if (found != null) {
            return found;
        }
        // Also what stops the walk if the catalog should ever hold a cycle.
        known.put(one.id(), one.lagSeconds());
        Optional<Double> lag = one.lagSeconds();
        for (long id : one.upstream()) {
            Freshness upstream = byId.get(id);
            Optional<Double> above = upstream == null ? Optional.empty() : lag(upstream, byId, known);
            lag = lag.map(seconds -> Math.max(seconds, above.orElse(0.0)));
        }
        known.put(one.id(), lag);
        return lag;
    }
}
