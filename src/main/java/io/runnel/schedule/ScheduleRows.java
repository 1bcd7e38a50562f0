package io.runnel.schedule;

import io.runnel.catalog.StreamTable;
import io.runnel.catalog.StreamTables;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.refresh.Plans;
import io.runnel.schedule.ScheduledTable.Notice;
import io.runnel.schedule.ScheduledTable.Reads;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.DateTimeException;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What the scheduler needs of the catalog. */
@ApplicationScoped
class ScheduleRows {

    private static final Sql PRUNE = Sql.of("""
            DELETE FROM runnel_internal.refresh_history AS h
            USING runnel_internal.stream_table AS s, LATERAL (
              SELECT k.id FROM runnel_internal.refresh_history AS k
              WHERE k.stream_table_id = s.id ORDER BY k.id DESC OFFSET 1000 LIMIT 1
            ) AS oldest
            WHERE h.stream_table_id = s.id AND h.id <= oldest.id""");
    private static final Sql MARKS = Sql.of("""
            SELECT s.id, s.xmin::text || CASE
                WHEN s.refresh_requests > coalesce(f.refresh_requests, 0) THEN ' ' || s.refresh_requests
                ELSE '' END AS mark
            FROM runnel_internal.stream_table AS s
            LEFT JOIN runnel_internal.frontier AS f ON f.stream_table_id = s.id
            ORDER BY s.id""");
    private static final Sql READS = Sql.of("""
            SELECT d.source_id::bigint AS source, u.id AS upstream,
              s.refresh_requests > coalesce(f.refresh_requests, 0)
                OR s.reinitialize_requests > coalesce(f.reinitialize_requests, 0)
                OR (s.initialize AND f.snapshot IS NULL) AS requested
            FROM runnel_internal.stream_table AS s
            LEFT JOIN runnel_internal.frontier AS f ON f.stream_table_id = s.id
            LEFT JOIN runnel_internal.dependency AS d ON d.stream_table_id = s.id
            LEFT JOIN runnel_internal.stream_table AS u ON u.relation = d.relation
            WHERE s.id = $1""");
    private static final Sql SUSPEND =
            Sql.of("UPDATE runnel_internal.stream_table SET status = 'SUSPENDED', wanted = 'SUSPENDED' WHERE id = $1");
    private static final Sql REFUSE = Sql.of("""
            WITH refused AS (
              UPDATE runnel_internal.stream_table SET status = 'ERROR' WHERE id = $1 RETURNING id
            )
            UPDATE runnel_internal.frontier
            SET last_error = $2, last_error_code = 'invalid-schedule', last_error_at = clock_timestamp(),
              last_error_hint = 'alter the schedule'
            WHERE stream_table_id IN (SELECT id FROM refused)""");

    /** Dropping a source with CASCADE drops the definition view; without it, the next resumption builds everything anew. */
    private static final Sql LOST = Sql.of("""
            WITH lost AS (
              UPDATE runnel_internal.stream_table
              SET status = 'ERROR', definition_view = NULL
              WHERE id = ANY ($1::text::bigint[]) AND status <> 'ERROR' AND version = reconciled_version
                AND runnel_internal.lost(stream_table)
              RETURNING id
            )
            INSERT INTO runnel_internal.frontier (stream_table_id, consecutive_errors, last_error, last_error_code,
              last_error_hint, last_error_at)
            SELECT id, 1, 'something that the query reads was dropped', 'source-dropped',
              'create it again and resume the stream table, or alter its query', clock_timestamp()
            FROM lost
            ON CONFLICT (stream_table_id) DO UPDATE
            SET consecutive_errors = 1, last_error = excluded.last_error, last_error_code = excluded.last_error_code,
              last_error_hint = excluded.last_error_hint, last_error_at = excluded.last_error_at
            RETURNING stream_table_id AS id""");

    private final Database database;
    private final StreamTables streamTables;
    private final Plans plans;

    ScheduleRows(Database database, StreamTables streamTables, Plans plans) {
        this.database = database;
        this.streamTables = streamTables;
        this.plans = plans;
    }

    /** A definition with what it reads. */
    record Entry(StreamTable row, Reads reads, Notice notice, boolean requested) {

        /** Throws {@link IllegalArgumentException} if the schedule cannot be read. */
        ScheduledTable table() {
            return new ScheduledTable(row.id(), Schedule.parse(row.schedule()), zone(row.timeZone()), reads, notice);
        }

        private static ZoneId zone(String name) {
            try {
                return ZoneId.of(name);
            } catch (DateTimeException unknown) {
                return ZoneOffset.UTC;
            }
        }
    }

    /** All stream tables, each with a mark that differs once there is something new to read about it. */
    Uni<Map<Long, String>> marks() {
        return database.session(session -> session.query(MARKS)).map(found -> {
            Map<Long, String> marks = new LinkedHashMap<>();
            found.forEach(row -> marks.put(row.number("id"), row.text("mark")));
            return marks;
        });
    }

    /** Deletes the oldest of the refresh history. */
    Uni<Void> prune() {
        return database.session(session -> session.query(PRUNE)).replaceWithVoid();
    }

    /** Marks those of the stream tables whose sources were dropped under them as in error, and names them. */
    Uni<List<Long>> lost(Collection<Long> among) {
        String ids = among.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return database.session(session -> session.query(LOST, ids))
                .map(found -> found.stream().map(row -> row.number("id")).toList());
    }

    Uni<Optional<Entry>> read(long id) {
        return streamTables.find(id).flatMap(found -> {
            if (found.isEmpty()
                    || found.get().unreconciled()
                    || found.get().status().equals("ERROR")) {
                return Uni.createFrom()
                        .item(found.map(row ->
                                new Entry(row, new Reads(Set.of(), Set.of(), Map.of()), Notice.WAKE_UPS, false)));
            }
            return database.session(session -> session.query(READS, id))
                    .flatMap(reads ->
                            plans.plan(id).map(plan -> Optional.of(entry(found.get(), reads, plan.captured()))));
        });
    }

    private static Entry entry(StreamTable row, List<Row> rows, boolean captured) {
        Set<Integer> sources = new HashSet<>();
        Set<Long> upstream = new HashSet<>();
        Map<Integer, Long> sourceOf = new HashMap<>();
        boolean requested = false;
        for (Row read : rows) {
            requested = read.truth("requested");
            Optional<Integer> source = read.optionalNumber("source").map(Long::intValue);
            source.ifPresent(sources::add);
            read.optionalNumber("upstream").ifPresent(id -> {
                upstream.add(id);
                source.ifPresent(number -> sourceOf.put(number, id));
            });
        }
        return new Entry(
                row,
                new Reads(sources, upstream, sourceOf),
                captured ? Notice.WAKE_UPS : Notice.POLLED_ALWAYS,
                requested);
    }

    Uni<Void> suspend(long id) {
        return database.session(session -> session.query(SUSPEND, id)).replaceWithVoid();
    }

    /** Records that the schedule of a definition cannot be read. */
    Uni<Void> refuse(long id, String reason) {
        return database.session(session -> session.query(REFUSE, id, reason)).replaceWithVoid();
    }
}
