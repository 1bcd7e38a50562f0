package io.runnel.replica;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.replica.Allocation.Link;
import io.runnel.replica.ReadModelKey.Kind;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Leases and shares, as the catalog has them. */
@ApplicationScoped
class ReplicaRows {

    private static final Sql RENEW = Sql.of("""
            SELECT leads, serves, members, version
            FROM runnel_internal.renew_lease($1, $2, make_interval(secs => $3::text::float8), $4)""");
    private static final Sql LEAVE = Sql.of("SELECT FROM runnel_internal.leave($1, $2)");
    private static final Sql END = Sql.of("SELECT FROM runnel_internal.end_sessions($1)");
    private static final Sql REPLICAS = Sql.of("""
            SELECT instance, host, started_at, seen_at, assigned_read_models
            FROM runnel.replicas
            ORDER BY started_at, instance""");
    private static final Sql SHARES = Sql.of("SELECT kind, id, instance FROM runnel_internal.share");
    private static final Sql MODELS = Sql.of("""
            SELECT 'STREAM_TABLE' AS kind, id FROM runnel_internal.stream_table
            UNION ALL
            SELECT 'PROJECTION', id FROM runnel_internal.projection
            UNION ALL
            SELECT 'MATERIALIZED_VIEW', id FROM runnel_internal.materialized_view""");
    private static final Sql LINKS = Sql.of("""
            WITH RECURSIVE used (id, relation) AS (
              SELECT id, relation
              FROM runnel_internal.materialized_view
              UNION
              SELECT used.id, d.refobjid
              FROM used
              JOIN pg_rewrite AS w ON w.ev_class = used.relation AND w.ev_type = '1'
              JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
            )
            SELECT 'MATERIALIZED_VIEW' AS kind, used.id AS reader, v.id AS read
            FROM used
            JOIN runnel_internal.materialized_view AS v ON v.relation = used.relation AND v.id <> used.id
            UNION ALL
            SELECT 'STREAM_TABLE', d.stream_table_id, s.id
            FROM runnel_internal.dependency AS d
            JOIN runnel_internal.stream_table AS s ON s.relation = d.relation
            UNION ALL
            SELECT 'PROJECTION', id, rebuild_of FROM runnel_internal.projection WHERE rebuild_of IS NOT NULL""");
    private static final Sql GIVE = Sql.of("""
            WITH given AS (
              SELECT t.kind, t.id, t.instance
              FROM unnest($1::text[], $2::text::bigint[], $3::text[]) AS t(kind, id, instance)
            ), taken AS (
              DELETE FROM runnel_internal.share AS s
              WHERE NOT EXISTS (SELECT FROM given AS g WHERE g.kind = s.kind AND g.id = s.id)
            ), changed AS (
              INSERT INTO runnel_internal.share AS s (kind, id, instance)
              SELECT g.kind, g.id, g.instance FROM given AS g
              ON CONFLICT (kind, id) DO UPDATE SET instance = excluded.instance WHERE s.instance <> excluded.instance
            )
            UPDATE runnel_internal.share_version SET version = version + 1
            RETURNING pg_notify('runnel_replica', '0')::text AS told""");

    private final Database database;

    ReplicaRows(Database database) {
        this.database = database;
    }

    /**
     * What a renewal tells.
     *
     * @param serves false while something leads that has no lease
     * @param version of the shares
     */
    record Renewal(boolean leads, boolean serves, List<String> members, long version) {}

    /** @param led whether this session leads already */
    Uni<Renewal> renew(Session session, String instance, String host, Duration lease, boolean led) {
        return session.one(RENEW, instance, host, Double.toString(lease.toMillis() / 1000.0), led)
                .map(found -> {
                    Row row = found.orElseThrow();
                    return new Renewal(
                            row.truth("leads"), row.truth("serves"), row.texts("members"), row.number("version"));
                });
    }

    /** @param led whether this session leads */
    Uni<Void> leave(Session session, String instance, boolean led) {
        return session.query(LEAVE, instance, led).replaceWithVoid();
    }

    /** Ends all sessions of this process but the given one. */
    Uni<Void> endSessions(Session session, String instance) {
        return session.query(END, instance).replaceWithVoid();
    }

    /** @param answering the one that this process is */
    Uni<List<Replica>> replicas(String answering) {
        return database.session(session -> session.query(REPLICAS))
                .map(rows -> rows.stream()
                        .map(row -> new Replica(
                                row.text("instance"),
                                row.text("host"),
                                row.optionalTime("started_at").orElseThrow(),
                                row.optionalTime("seen_at").orElseThrow(),
                                row.number("assigned_read_models"),
                                row.text("instance").equals(answering)))
                        .toList());
    }

    /** Who has what. */
    static Uni<Map<ReadModelKey, String>> shares(Session session) {
        return session.query(SHARES).map(rows -> {
            Map<ReadModelKey, String> shares = new HashMap<>();
            rows.forEach(row -> shares.put(key(row, "id"), row.text("instance")));
            return shares;
        });
    }

    /**
     * Gives each of the members its share; with one alone nothing is shared out. No lock outlives a statement, which would be
     * in everybody's way if this process stood still.
     */
    Uni<Void> allocate(List<String> members) {
        return database.session(session -> shares(session)
                .flatMap(current -> session.query(MODELS)
                        .flatMap(models -> session.query(LINKS).flatMap(links -> {
                            Map<ReadModelKey, String> wanted = members.size() < 2
                                    ? Map.of()
                                    : Allocation.of(
                                            models.stream()
                                                    .map(row -> key(row, "id"))
                                                    .toList(),
                                            links.stream()
                                                    .map(row -> new Link(key(row, "reader"), key(row, "read")))
                                                    .toList(),
                                            members,
                                            current);
                            return wanted.equals(current) ? Uni.createFrom().voidItem() : give(session, wanted);
                        }))));
    }

    private static Uni<Void> give(Session session, Map<ReadModelKey, String> wanted) {
        List<String> kinds = new ArrayList<>();
        List<String> ids = new ArrayList<>();
        List<String> instances = new ArrayList<>();
        wanted.forEach((key, instance) -> {
            kinds.add(key.kind().name());
            ids.add(Long.toString(key.id()));
            instances.add(instance);
        });
        return session.query(
                        GIVE,
                        kinds.toArray(new String[0]),
                        "{" + String.join(",", ids) + "}",
                        instances.toArray(new String[0]))
                .replaceWithVoid();
    }

    private static ReadModelKey key(Row row, String id) {
        return new ReadModelKey(Kind.valueOf(row.text("kind")), row.number(id));
    }
}
