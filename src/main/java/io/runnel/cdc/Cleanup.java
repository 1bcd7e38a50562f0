package io.runnel.cdc;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/**
 * Deletes change rows that every dependant has applied, and the capture of sources that nobody reads any more.
 *
 * <p>A row is superfluous if its transaction is visible in the frontier of every dependant. A dependant that is being
 * initialised has no frontier yet and keeps everything. Only row locks on the buffer are taken, which no writer waits
 * for.
 */
@ApplicationScoped
public class Cleanup {

    /** How many change rows one transaction deletes at most. */
    public static final int BATCH_ROWS_MAX = 50_000;

    private static final String PRUNE = """
            WITH dependants AS MATERIALIZED (
              SELECT f.snapshot
              FROM runnel_internal.dependency AS d
              JOIN runnel_internal.stream_table AS s ON s.id = d.stream_table_id
              LEFT JOIN runnel_internal.frontier AS f ON f.stream_table_id = s.id
              WHERE d.source_id = {} AND (f.snapshot IS NOT NULL OR s.status <> 'ERROR')
            ), deleted AS (
              DELETE FROM {} AS b
              WHERE b.ctid = ANY (ARRAY(
                SELECT c.ctid
                FROM {} AS c
                WHERE c.xid < coalesce(
                    (SELECT min(pg_snapshot_xmax(d.snapshot)) FROM dependants AS d), {}::xid8) AND NOT EXISTS (
                  SELECT FROM dependants AS d
                  WHERE d.snapshot IS NULL OR NOT pg_visible_in_snapshot(c.xid, d.snapshot))
                ORDER BY c.xid
                LIMIT {}))
              RETURNING 1
            )
            SELECT count(*) AS deleted FROM deleted""";
    private static final Sql XID_MAX = Sql.literal(Long.toUnsignedString(-1));
    // A definition that is being built has its sources captured before it depends on them.
    private static final Sql UNUSED = Sql.of("""
            SELECT s.id::bigint AS id, s.relation::bigint AS relation
            FROM runnel_internal.source AS s
            WHERE NOT EXISTS (SELECT FROM runnel_internal.dependency AS d WHERE d.source_id = s.id)
              AND NOT EXISTS (
                SELECT FROM runnel_internal.stream_table AS t
                WHERE t.version IS DISTINCT FROM t.reconciled_version AND t.status <> 'ERROR')""");
    // The triggers go with their function: to drop them by name one would have to own the table.
    private static final String REMOVE = """
            SET LOCAL lock_timeout = '50ms';
            SET LOCAL client_min_messages = warning;
            DROP FUNCTION IF EXISTS {}() CASCADE;
            DROP TABLE IF EXISTS {};
            DELETE FROM runnel_internal.source WHERE id = {}""";

    private final Database database;

    Cleanup(Database database) {
        this.database = database;
    }

    /**
     * Deletes one batch of the source's superfluous change rows.
     *
     * @return how many; as many as {@link #BATCH_ROWS_MAX} if there may be more
     */
    public Uni<Long> prune(int source) {
        QualifiedName buffer = Source.buffer(source);
        return database.session(session -> session.one(Sql.of(PRUNE, source, buffer, buffer, XID_MAX, BATCH_ROWS_MAX)))
                .map(row -> row.map(found -> found.number("deleted")).orElse(0L));
    }

    /** Removes the capture of sources without dependants; what cannot be locked now is left for the next time. */
    public Uni<Void> removeUnused() {
        return database.session(session -> session.query(UNUSED))
                .onItem()
                .transformToMulti(rows -> Multi.createFrom().iterable(rows))
                .onItem()
                .transformToUniAndConcatenate(this::remove)
                .collect()
                .asList()
                .replaceWithVoid();
    }

    private Uni<Boolean> remove(Row row) {
        Source source = new Source((int) row.number("id"), row.number("relation"), List.of(), false);
        return database.transaction(
                        session -> session.execute(Sql.of(REMOVE, source.function(), source.buffer(), source.id()))
                                .replaceWith(true))
                .onFailure()
                .recoverWithItem(false);
    }
}
