package io.runnel.cdc;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Installs change capture, widens it, and removes what nobody needs.
 *
 * <p>Creating a trigger takes a lock that waits for the source's open writers and makes new ones queue behind it. It is
 * asked for with a timeout of {@link #LOCK_TIMEOUT} and, where that does not do, again later: a writer waits at most
 * that long. Getting it also proves that no writer is open that ran without capture, or with fewer columns, so whatever
 * snapshot is taken after the commit misses nothing.
 */
@ApplicationScoped
public class Capture {

    /** How long a writer may at most queue behind the installation of capture. */
    public static final Duration LOCK_TIMEOUT = Duration.ofMillis(50);

    private static final Sql TIMEOUT = Sql.of(
            "SET LOCAL lock_timeout = '50ms'; SET LOCAL client_min_messages = warning; SET LOCAL search_path = pg_catalog");
    // Who drops the definition waits, and then finds the capture that goes with it.
    private static final Sql HOLD = Sql.of("SELECT id FROM runnel_internal.stream_table WHERE id = $1 FOR KEY SHARE");
    private static final Sql REGISTER = Sql.of("""
            INSERT INTO runnel_internal.source (relation, row_level)
            SELECT c.oid, c.relkind = 'p' OR EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent))
            FROM pg_class AS c WHERE c.oid = $1::bigint::oid
            ON CONFLICT (relation) DO NOTHING""");
    private static final Sql EXISTS =
            Sql.of("SELECT EXISTS (SELECT FROM pg_class WHERE oid = $1::bigint::oid) AS present");
    // Which columns the names are of that the trigger function writes, and whether they have ever been others.
    private static final String ATTRIBUTES = """
            (SELECT string_agg(concat_ws(':', a.attnum, a.attname, a.xmin), ',' ORDER BY a.attnum)
               FROM pg_attribute AS a
               WHERE a.attrelid = s.relation AND a.attnum = ANY ({}) AND NOT a.attisdropped)""";
    // A statement of its own: what FIND reads must be read after the lock was obtained.
    private static final Sql LOCK =
            Sql.of("SELECT id FROM runnel_internal.source WHERE relation = $1::bigint::oid FOR UPDATE");
    private static final Sql FIND =
            Sql.of("""
            SELECT s.id::bigint AS id, s.relation::bigint AS relation, s.columns::bigint[] AS columns, s.row_level AS row_level_before,
              c.relkind = 'p' OR EXISTS (SELECT FROM pg_inherits AS i WHERE c.oid IN (i.inhrelid, i.inhparent)) AS row_level,
              n.nspname::text AS schema_name, c.relname::text AS table_name,
              pg_has_role(c.relowner, 'USAGE') AS owned,
              to_regclass('runnel_internal.changes_' || s.id) IS NOT NULL AS buffered,
              s.attributes IS DISTINCT FROM {} AS altered,
              (SELECT count(*) FROM pg_trigger AS t
               WHERE t.tgrelid = c.oid AND starts_with(t.tgname::text, 'runnel_capture_' || s.id || '_')) AS triggers,
              EXISTS (SELECT FROM pg_trigger AS t
                WHERE starts_with(t.tgname::text, 'runnel_capture_' || s.id || '_') AND t.tgrelid <> c.oid
                  AND t.tgrelid NOT IN ({})) AS astray
            FROM runnel_internal.source AS s
            JOIN pg_class AS c ON c.oid = s.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE s.relation = $1::bigint::oid""", Sql.of(ATTRIBUTES, Sql.of("s.columns")), Sql.of(Source.DESCENDANTS, Sql.of("c.oid")));
    private static final Sql COLUMNS = Sql.of("""
            SELECT a.attnum::bigint AS number, a.attname::text AS name, a.atttypid::bigint AS declared,
              format_type(b.oid, -1) AS type,
              (SELECT CASE WHEN y.typlen > 0 THEN (y.typlen + 7) / 8 * 8 WHEN y.typstorage = 'p' THEN 8192 ELSE 24 END
               FROM pg_type AS y WHERE y.oid = b.oid)::bigint AS bytes,
              CASE WHEN a.attcollation <> 0 AND a.attcollation <> b.typcollation
                THEN (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation AS l
                      JOIN pg_namespace AS n ON n.oid = l.collnamespace WHERE l.oid = a.attcollation) END AS collation,
              coalesce((w.atttypid, w.attcollation) <> (b.oid, a.attcollation), false) AS retyped
            FROM pg_attribute AS a
            CROSS JOIN LATERAL (
              WITH RECURSIVE base AS (
                SELECT t.oid, t.typtype, t.typbasetype, t.typcollation FROM pg_type AS t WHERE t.oid = a.atttypid
                UNION ALL
                SELECT t.oid, t.typtype, t.typbasetype, t.typcollation FROM base
                JOIN pg_type AS t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
              ) SELECT * FROM base WHERE base.typtype <> 'd'
            ) AS b
            LEFT JOIN pg_attribute AS w
              ON w.attrelid = to_regclass($3) AND w.attname = 'c' || a.attnum AND NOT w.attisdropped
            WHERE a.attrelid = $1::bigint::oid AND a.attnum = ANY($2::text::smallint[]) AND NOT a.attisdropped
            ORDER BY a.attnum""");
    private static final Sql DESCENDANTS = Sql.of("""
            SELECT n.nspname::text AS schema_name, c.relname::text AS table_name, c.relispartition AS partition,
              pg_has_role(c.relowner, 'USAGE') AS owned
            FROM pg_class AS c
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'p') AND c.oid IN ({})
            ORDER BY c.oid""", Sql.of(Source.DESCENDANTS, Sql.of("$1::bigint::oid")));
    private static final Sql RECORD = Sql.of("""
            UPDATE runnel_internal.source AS s
            SET columns = $2::text::smallint[], row_level = $3,
              attributes = CASE WHEN $4 THEN {} ELSE s.attributes END,
              triggers = (SELECT string_agg(t.xmin::text, ' ' ORDER BY t.tgname) FROM pg_trigger AS t
                WHERE t.tgrelid = s.relation AND starts_with(t.tgname::text, 'runnel_capture_' || s.id || '_'))
            WHERE s.id = $1::bigint""", Sql.of(ATTRIBUTES, Sql.of("$2::text::smallint[]")));
    private static final Sql BLOCKERS = Sql.of("""
            SELECT string_agg(DISTINCT coalesce('backend ' || l.pid, 'prepared transaction ' || p.gid), ', ') AS holders
            FROM pg_locks AS l
            LEFT JOIN pg_locks AS x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
              AND x.virtualtransaction = l.virtualtransaction
            LEFT JOIN pg_prepared_xacts AS p ON p.transaction = x.transactionid
            WHERE l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
              AND l.relation = $1::bigint::oid AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
              AND l.mode IN ('RowExclusiveLock', 'ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock',
                'ExclusiveLock', 'AccessExclusiveLock')""");
    private static final String CREATE_BUFFER = """
            CREATE TABLE {} (xid xid8 NOT NULL, weight smallint NOT NULL)
            WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);
            CREATE INDEX ON {} (xid)""";
    private static final String DROP_COLUMN = "ALTER TABLE {} DROP COLUMN {}";
    private static final String ADD_COLUMN = "ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}{}";

    private final Database database;

    Capture(Database database) {
        this.database = database;
    }

    /**
     * Makes sure that at least the given columns of a table are captured, and commits that.
     *
     * <p>So are the columns that a name has come to mean something else for: once that is committed, no writer is open
     * whose changes were captured under the old meaning.
     *
     * @param streamTable the definition that needs them
     * @param refresh whether to create the triggers again even if they are all there (a partition or child was added)
     * @return the source; fails with {@link Failure.Unavailable} while the lock cannot be had, with {@link Failure.NotFound} if
     *     the definition was dropped
     */
    public Uni<Source> ensure(long streamTable, long relation, List<Long> columns, boolean refresh) {
        return database.transaction(session -> session.one(HOLD, streamTable)
                .map(held -> held.orElseThrow(Capture::dropped))
                .flatMap(held -> ensure(session, relation, columns, refresh ? Extent.TRIGGERS : Extent.MISSING)));
    }

    private static Failure dropped() {
        return new Failure.NotFound("stream-table-not-found", "the stream table was dropped", "");
    }

    /** For whoever needs it; nobody may. */
    Uni<Source> ensure(long relation, List<Long> columns, Extent extent) {
        return database.transaction(session -> ensure(session, relation, columns, extent));
    }

    private static Uni<Source> ensure(Session session, long relation, List<Long> columns, Extent extent) {
        return session.execute(TIMEOUT)
                .flatMap(set -> session.query(REGISTER, relation))
                .flatMap(registered -> session.one(LOCK, relation))
                .flatMap(locked -> session.one(FIND, relation))
                .flatMap(found -> found.map(row -> widen(session, row, columns, extent))
                        .orElseGet(() -> missing(session, relation)));
    }

    /** Either the table was dropped, or its capture was removed after it had been found to be registered. */
    private static Uni<Source> missing(Session session, long relation) {
        return session.one(EXISTS, relation)
                .flatMap(row -> Uni.createFrom()
                        .failure(row.orElseThrow().truth("present") ? removed(relation) : gone(relation)));
    }

    /**
     * Writes the trigger function of a source anew, after columns of it were renamed, dropped, or given other types.
     *
     * @return fails with {@link Failure.Unavailable} while a lock that is needed cannot be had
     */
    public Uni<Source> renew(long relation) {
        return ensure(relation, List.of(), Extent.FUNCTION);
    }

    /** Who keeps capture from being installed, for people; empty if nobody does any more. */
    public Uni<Optional<String>> blockers(long relation) {
        return database.session(session -> session.one(BLOCKERS, relation))
                .map(row -> row.flatMap(found -> found.optionalText("holders")));
    }

    private static Uni<Source> widen(Session session, Row row, List<Long> columns, Extent extent) {
        TreeSet<Long> all = new TreeSet<>(row.numbers("columns"));
        boolean wider = all.addAll(columns);
        boolean rowLevel = row.truth("row_level");
        Source source = new Source((int) row.number("id"), row.number("relation"), List.copyOf(all), rowLevel);
        boolean complete = row.truth("buffered") && row.number("triggers") >= (rowLevel ? 2 : 4);
        boolean levelled = rowLevel == row.truth("row_level_before") && !row.truth("astray");
        boolean altered = row.truth("altered") && extent == Extent.MISSING;
        if (complete && levelled && !wider && !altered && extent == Extent.MISSING) {
            return Uni.createFrom().item(source);
        }
        boolean locked = !complete || wider || altered || extent == Extent.TRIGGERS;
        QualifiedName table = QualifiedName.of(row.text("schema_name"), row.text("table_name"));
        Uni<Void> cleared = levelled
                ? Uni.createFrom().voidItem()
                : session.execute(Sql.of("DROP FUNCTION IF EXISTS {}() CASCADE", source.function()));
        return cleared.flatMap(done -> columns(session, source))
                .flatMap(found -> install(session, source, table, found, row, locked || !levelled));
    }

    private static Uni<List<Row>> columns(Session session, Source source) {
        return session.query(
                COLUMNS,
                source.relation(),
                array(source.columns()),
                source.buffer().sql().text());
    }

    private static Uni<Source> install(
            Session session, Source wanted, QualifiedName table, List<Row> columns, Row row, boolean locked) {
        Source source = new Source(
                wanted.id(),
                wanted.relation(),
                columns.stream().map(column -> column.number("number")).toList(),
                wanted.rowLevel());
        boolean retyped = columns.stream().anyMatch(column -> column.truth("retyped"));
        Sql function = CaptureSql.function(
                source,
                columns.stream()
                        .map(column -> new CaptureSql.Column(
                                Identifier.of(column.text("name")), column.number("declared"), column.number("bytes")))
                        .toList());
        // The function must exist before the triggers; that it is replaced before their lock is held does no harm,
        // because nobody sees it until the commit.
        return session.execute(function)
                .call(created -> locked || retyped
                        ? triggers(session, source, table, row.truth("owned"))
                        : Uni.createFrom().voidItem())
                .flatMap(created -> session.execute(buffer(source, columns, row.truth("buffered"))))
                .flatMap(built -> session.query(
                        RECORD, (long) source.id(), array(source.columns()), source.rowLevel(), locked || retyped))
                .replaceWith(source);
    }

    private static Uni<Void> triggers(Session session, Source source, QualifiedName table, boolean owned) {
        return session.query(DESCENDANTS, source.relation())
                .flatMap(descendants -> session.execute(triggers(source, table, owned, descendants)));
    }

    /**
     * Gives the buffer the source's columns. One whose type changed starts empty: no query reads it, since PostgreSQL
     * would have refused the change, and the lock on the source makes sure that no writer is about to write to it.
     */
    private static Sql buffer(Source source, List<Row> columns, boolean exists) {
        List<Sql> statements = new ArrayList<>(List.of(Sql.of("SELECT 1")));
        if (!exists) {
            statements.add(Sql.of(CREATE_BUFFER, source.buffer(), source.buffer()));
        }
        for (Row column : columns) {
            Identifier name = Source.column(column.number("number"));
            if (column.truth("retyped")) {
                statements.add(Sql.of(DROP_COLUMN, source.buffer(), name));
            }
            statements.add(Sql.of(
                    ADD_COLUMN,
                    source.buffer(),
                    name,
                    Sql.printedByPostgres(column.text("type")),
                    column.optionalText("collation")
                            .map(collation -> Sql.of(" COLLATE {}", Sql.printedByPostgres(collation)))
                            .orElse(Sql.of(""))));
        }
        return Sql.join(";\n", statements);
    }

    private static Sql triggers(Source source, QualifiedName table, boolean owned, List<Row> rows) {
        boolean all = owned && rows.stream().allMatch(row -> row.truth("owned"));
        List<CaptureSql.Descendant> descendants = rows.stream()
                .map(row -> new CaptureSql.Descendant(
                        QualifiedName.of(row.text("schema_name"), row.text("table_name")), row.truth("partition")))
                .toList();
        Sql triggers = CaptureSql.triggers(source, table, descendants);
        return all ? Sql.join("", List.of(triggers, CaptureSql.always(source, table, descendants))) : triggers;
    }

    private static String array(List<Long> numbers) {
        return numbers.stream().map(String::valueOf).collect(java.util.stream.Collectors.joining(",", "{", "}"));
    }

    private static Failure removed(long relation) {
        return new Failure.Unavailable(
                "capture-removed",
                "the capture of a source has just been removed",
                "oid " + relation,
                new IllegalStateException("removed"));
    }

    private static Failure gone(long relation) {
        return new Failure.Conflict(
                "source-missing",
                "a source table does not exist any more",
                "oid " + relation,
                "alter or drop the query");
    }

    /** What is written anew although it is there. */
    enum Extent {
        MISSING,
        FUNCTION,
        TRIGGERS
    }
}
