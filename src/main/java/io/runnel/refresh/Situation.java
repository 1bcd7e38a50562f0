package io.runnel.refresh;

import io.runnel.cdc.Source;
import io.runnel.postgres.Row;
import io.runnel.refresh.MaintenancePlan.SourceTable;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What a refresh finds when it has taken its snapshot: the old frontier and what is pending since. Reading it locks the
 * frontier row, so that a stale owner of the stream table fails instead of applying changes twice.
 *
 * @param frontier the old frontier; empty before the first fill or if it belongs to another cluster
 * @param snapshot the refresh's own snapshot, the new frontier
 * @param snapshotAt when it was taken, or just before
 * @param evaluatedAt when the last refresh looked at the clock; empty if the query does not
 * @param changed tables with pending changes
 * @param truncated whether one of them was truncated
 * @param unknown the OIDs of those whose changes could not be captured, because their columns had changed
 * @param named whether the sources, their columns and the stream table have the names that the plan was made for, and it
 *     its owner
 * @param outdated whether the sources are no longer what the stream table was built upon
 * @param recomputedInARow how many refreshes before this one have computed everything anew because that was cheaper
 * @param standings for each source its partitions or children, the files of both, and the versions of its triggers if others than
 *     the service touched them
 * @param limit how much may be changed; none where somebody has asked for all of it: by a definition that is to be filled, or
 *     a reinitialization
 * @param unseen whether these are not those of the last refresh in full, so that there may be changes that no trigger has
 *     seen: partitions were attached, a table was rewritten with other values, triggers were or are switched off
 */
record Situation(
        Optional<String> frontier,
        boolean foreign,
        String snapshot,
        String snapshotAt,
        Optional<String> evaluatedAt,
        long recomputedInARow,
        long changes,
        Set<QualifiedName> changed,
        boolean truncated,
        List<Long> unknown,
        boolean named,
        List<String> standings,
        boolean unseen,
        ChangeLimit limit,
        boolean permitted,
        boolean outdated,
        long version,
        long refreshRequests,
        long servedRefreshRequests,
        long reinitializeRequests,
        long servedReinitializeRequests) {

    private static final String READ = """
            SELECT f.snapshot::text AS frontier, pg_current_snapshot()::text AS snapshot,
              statement_timestamp()::text AS snapshot_at, f.evaluated_at::text AS evaluated_at,
              f.recomputed_in_a_row::bigint AS recomputed_in_a_row,
              f.origin IS DISTINCT FROM runnel_internal.origin() AS "foreign",
              s.max_changed_share, s.approvals, f.approvals AS used_approvals,
              s.version, s.refresh_requests, s.reinitialize_requests,
              f.refresh_requests AS served_refresh_requests, f.reinitialize_requests AS served_reinitialize_requests,
              {} AS permitted, {} AS named, s.reconciled_shape IS DISTINCT FROM {} AS outdated{}
            FROM runnel_internal.frontier AS f
            JOIN runnel_internal.stream_table AS s ON s.id = f.stream_table_id
            WHERE f.stream_table_id = $1
            FOR UPDATE OF f""";
    private static final String PENDING = """
            ,
              (SELECT ARRAY[count(*), count(*) FILTER (WHERE b.weight = 0),
                count(*) FILTER (WHERE b.weight = {})] FROM {} AS b
               WHERE b.xid >= pg_snapshot_xmin(f.snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
                 AND NOT pg_visible_in_snapshot(b.xid, f.snapshot)) AS {}""";
    private static final String STANDING = """
            ,
              (SELECT concat_ws(' ',
                 (SELECT string_agg(concat(c.oid, ':', c.relfilenode), ',' ORDER BY c.oid) FROM pg_class AS c
                  WHERE c.relkind = 'r' AND (c.oid = o.relation OR c.oid IN ({}))),
                 CASE WHEN t.versions IS DISTINCT FROM o.triggers THEN t.versions END,
                 CASE WHEN t.active < CASE WHEN o.row_level THEN 2 ELSE 4 END THEN 'off' END)
               FROM runnel_internal.source AS o
               CROSS JOIN LATERAL (
                 SELECT string_agg(g.xmin::text, ' ' ORDER BY g.tgname) AS versions,
                   count(*) FILTER (WHERE g.tgenabled IN ('O', 'A')) AS active
                 FROM pg_trigger AS g
                 WHERE g.tgrelid = o.relation AND starts_with(g.tgname::text, 'runnel_capture_' || o.id || '_')) AS t
               WHERE o.id = {}) AS {},
              (SELECT d.standing FROM runnel_internal.dependency AS d
               WHERE d.stream_table_id = f.stream_table_id AND d.relation = {}::oid) AS {}""";
    private static final String NAMED = """
            EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE c.oid = {}::oid AND n.nspname = {} AND c.relname = {})
              AND (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute AS a
                   WHERE a.attrelid = {}::oid AND a.attnum > 0 AND NOT a.attisdropped) = ARRAY[{}]::text[]""";
    private static final String ITSELF = """
            EXISTS (SELECT FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                    WHERE c.oid = s.relation AND n.nspname = {} AND c.relname = {} AND pg_get_userbyid(c.relowner) = {})""";
    private static final String OFF = " off";
    private static final String PERMITTED = "has_any_column_privilege({}, {}::oid, 'SELECT')";

    static Sql query(MaintenancePlan plan) {
        List<Sql> parts = new ArrayList<>();
        List<Sql> rights = new ArrayList<>(List.of(Sql.of("true")));
        List<Sql> names = new ArrayList<>(List.of(Sql.of(
                ITSELF,
                Sql.literal(plan.target().table().schema().name()),
                Sql.literal(plan.target().table().name().name()),
                Sql.literal(plan.owner()))));
        for (int i = 0; i < plan.sources().size(); i++) {
            SourceTable source = plan.sources().get(i);
            names.add(named(source));
            if (source.source().isPresent()) {
                int capture = source.source().get();
                parts.add(Sql.of(PENDING, Source.UNKNOWN, Source.buffer(capture), Identifier.of("pending" + i)));
                parts.add(Sql.of(
                        STANDING,
                        Sql.of(Source.DESCENDANTS, Sql.of("o.relation")),
                        capture,
                        Identifier.of("standing" + i),
                        source.relation(),
                        Identifier.of("standing before" + i)));
            }
            if (plan.delta().isPresent()) {
                rights.add(Sql.of(PERMITTED, Sql.literal(plan.owner()), source.relation()));
            }
        }
        return Sql.of(READ, Sql.join(" AND ", rights), Sql.join(" AND ", names), plan.shape(), Sql.join("", parts));
    }

    private static Sql named(SourceTable source) {
        List<Sql> columns = source.columns().stream()
                .map(column -> Sql.literal(column.name()))
                .toList();
        return Sql.of(
                NAMED,
                source.relation(),
                Sql.literal(source.table().schema().name()),
                Sql.literal(source.table().name().name()),
                source.relation(),
                columns);
    }

    static Situation of(MaintenancePlan plan, Row row) {
        long changes = 0;
        long truncations = 0;
        List<Long> unknown = new ArrayList<>();
        boolean unseen = false;
        Set<QualifiedName> changed = new HashSet<>();
        List<String> standings = new ArrayList<>();
        for (int i = 0; i < plan.sources().size(); i++) {
            SourceTable source = plan.sources().get(i);
            boolean captured = source.source().isPresent();
            String standing = captured ? row.text("standing" + i) : "";
            standings.add(standing);
            if (captured) {
                unseen |= standing.endsWith(OFF)
                        || !Optional.of(standing).equals(row.optionalText("standing before" + i));
                List<Long> pending = row.numbers("pending" + i);
                changes += pending.get(0);
                truncations += pending.get(1);
                if (pending.get(2) > 0) {
                    unknown.add(source.relation());
                }
                if (pending.get(0) > 0) {
                    changed.add(source.table());
                }
            }
        }
        return new Situation(
                row.optionalText("frontier"),
                row.truth("foreign"),
                row.text("snapshot"),
                row.text("snapshot_at"),
                row.optionalText("evaluated_at"),
                row.number("recomputed_in_a_row"),
                changes,
                Set.copyOf(changed),
                truncations > 0,
                List.copyOf(unknown),
                row.truth("named"),
                standings,
                unseen,
                limit(row),
                row.truth("permitted"),
                row.truth("outdated"),
                row.number("version"),
                row.number("refresh_requests"),
                row.number("served_refresh_requests"),
                row.number("reinitialize_requests"),
                row.number("served_reinitialize_requests"));
    }

    private static ChangeLimit limit(Row row) {
        boolean asked = row.optionalText("frontier").isEmpty()
                || row.number("reinitialize_requests") > row.number("served_reinitialize_requests");
        long approvals = row.number("approvals");
        return new ChangeLimit(
                asked ? Optional.empty() : row.optionalReal("max_changed_share"),
                approvals,
                approvals > row.number("used_approvals"));
    }

    /** Whether the auxiliary tables are those of an earlier frontier, see {@link Refresher}. */
    boolean stale(MaintenancePlan plan) {
        return recomputedInARow > 1
                && plan.delta().isPresent()
                && !plan.delta().get().auxiliaryTables().isEmpty();
    }

    boolean requested() {
        return refreshRequests > servedRefreshRequests;
    }

    /** Why the whole result has to be computed anew; empty if applying changes does. */
    Optional<String> fullReason(MaintenancePlan plan) {
        if (frontier.isEmpty()) {
            return Optional.of("first fill");
        }
        if (foreign) {
            return Optional.of("the frontier belongs to another cluster or database");
        }
        if (reinitializeRequests > servedReinitializeRequests) {
            return Optional.of("reinitialization was requested");
        }
        if (truncated) {
            return Optional.of("a source was truncated");
        }
        if (!unknown.isEmpty()) {
            return Optional.of(
                    "columns of a source were renamed, dropped or given other types while it was written to");
        }
        if (unseen) {
            return Optional.of("a source was changed without its triggers");
        }
        if (plan.timed() && evaluatedAt.isEmpty()) {
            return Optional.of("when the last refresh looked at the clock is not known");
        }
        if (plan.delta().isPresent()) {
            return Optional.empty();
        }
        boolean due = changes > 0 || !plan.captured() || requested();
        return due ? Optional.of("refreshed in full") : Optional.empty();
    }
}
