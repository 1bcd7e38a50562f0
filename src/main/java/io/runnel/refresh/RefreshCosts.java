package io.runnel.refresh;

import io.runnel.cdc.Source;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.refresh.MaintenancePlan.SourceTable;
import io.runnel.refresh.PlanChoice.Cost;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Remembers what refreshes have cost, in their own transactions, and chooses by it. Of few changes nothing is remembered,
 * because they are applied whatever it costs.
 */
@ApplicationScoped
class RefreshCosts {

    private static final String FULL = "FULL";

    /** The pages of a table are counted; how many rows are on one, only ANALYZE knows. */
    private static final Sql SIZES = Sql.of("""
            SELECT coalesce(sum(c.pages * 8192), 0)::bigint AS bytes,
              coalesce(sum(c.pages * c.density) FILTER (WHERE c.changed), 0)::bigint AS rows
            FROM (
              SELECT pg_relation_size(c.oid) / 8192 AS pages, o.oid = ANY ($2::text::oid[]) AS changed,
                CASE WHEN c.reltuples > 0 AND c.relpages > 0 THEN c.reltuples / c.relpages ELSE 80 END AS density
              FROM unnest($1::text::oid[]) AS o (oid)
              JOIN pg_class AS c ON c.oid = o.oid
                OR c.oid IN ({})
              WHERE c.relkind IN ('r', 'm')
            ) AS c""", Sql.of(Source.DESCENDANTS, Sql.of("o.oid")));

    private static final Sql READ = Sql.of("""
            SELECT plan, magnitude::bigint AS magnitude, coalesce(changes, 0) AS changes, coalesce(seconds, -1) AS seconds,
              coalesce(source_bytes, 0) AS source_bytes, passed_over::bigint AS passed_over
            FROM runnel_internal.refresh_cost
            WHERE stream_table_id = $1 AND plan IN ('FULL', $2)""");

    // One measurement moves the mean by three tenths, and counts for at most three times the mean: a checkpoint or a
    // busy machine is no reason to change the plan. After a pause only the new one counts.
    private static final Sql MEASURED = Sql.of("""
            INSERT INTO runnel_internal.refresh_cost AS c
              (stream_table_id, plan, magnitude, changes, seconds, source_bytes)
            VALUES ($1, $2, $3::bigint, $4, $5, $6)
            ON CONFLICT (stream_table_id, plan, magnitude) DO UPDATE
            SET passed_over = 0, source_bytes = excluded.source_bytes,
              changes = CASE WHEN c.passed_over > 0 OR c.seconds IS NULL THEN excluded.changes
                ELSE 0.7 * c.changes + 0.3 * excluded.changes END,
              seconds = CASE WHEN c.passed_over > 0 OR c.seconds IS NULL THEN excluded.seconds
                ELSE 0.7 * c.seconds + 0.3 * least(excluded.seconds, 3 * c.seconds) END""");
    private static final Sql PASSED_OVER = Sql.of("""
            INSERT INTO runnel_internal.refresh_cost AS c (stream_table_id, plan, magnitude, passed_over)
            VALUES ($1, $2, $3::bigint, 1)
            ON CONFLICT (stream_table_id, plan, magnitude) DO UPDATE SET passed_over = c.passed_over + 1""");
    private static final Sql FORGET = Sql.of("DELETE FROM runnel_internal.refresh_cost WHERE stream_table_id = $1");

    private final PlanChoice.Settings settings;

    RefreshCosts(
            @ConfigProperty(name = "runnel.refresh.full-from-changes", defaultValue = "1000") long changes,
            @ConfigProperty(name = "runnel.refresh.full-from-share", defaultValue = "0.25") double share,
            @ConfigProperty(name = "runnel.refresh.full-when-slower", defaultValue = "1.1") double slower,
            @ConfigProperty(name = "runnel.refresh.changes-max", defaultValue = "10000000") long changesMax) {
        this.settings = new PlanChoice.Settings(Math.min(changes, changesMax), share, slower, changesMax);
    }

    /** The sizes of what a stream table reads: of all in bytes, of what has changed in rows. */
    private record Sizes(long bytes, long rows) {}

    /** Chooses how to refresh. In mode DIFFERENTIAL changes are applied whatever it costs. */
    Uni<PlanChoice> choose(Session session, MaintenancePlan plan, Situation situation) {
        if (!plan.automatic() || situation.changes() < settings.changes()) {
            return Uni.createFrom()
                    .item(new PlanChoice(false, situation.changes() == 0 ? "time has passed" : "changes"));
        }
        return sizes(session, plan, situation)
                .flatMap(sizes -> session.query(READ, plan.id(), changed(plan, situation))
                        .map(rows -> choose(situation, sizes, rows)));
    }

    private PlanChoice choose(Situation situation, Sizes sizes, List<Row> rows) {
        Optional<Cost> full = rows.stream()
                .filter(row -> row.text("plan").equals(FULL))
                .map(RefreshCosts::cost)
                .findFirst();
        List<Row> differential =
                rows.stream().filter(row -> !row.text("plan").equals(FULL)).toList();
        int magnitude = PlanChoice.magnitude(situation.changes());
        return PlanChoice.choose(
                settings,
                new PlanChoice.Situation(situation.changes(), sizes.rows(), sizes.bytes()),
                full,
                differential.stream().map(RefreshCosts::cost).toList(),
                differential.stream()
                        .filter(row -> row.number("magnitude") == magnitude)
                        .map(RefreshCosts::cost)
                        .findFirst());
    }

    private static Cost cost(Row row) {
        return new Cost(
                row.real("changes"), row.real("seconds"), row.real("source_bytes"), (int) row.number("passed_over"));
    }

    /** Remembers what applying the changes has taken. */
    Uni<Void> applied(Session session, MaintenancePlan plan, Situation situation, double seconds) {
        if (!plan.automatic() || situation.changes() < settings.changes()) {
            return Uni.createFrom().voidItem();
        }
        long magnitude = PlanChoice.magnitude(situation.changes());
        return session.query(
                        MEASURED,
                        plan.id(),
                        changed(plan, situation),
                        magnitude,
                        (double) situation.changes(),
                        seconds,
                        0.0)
                .flatMap(measured -> session.query(PASSED_OVER, plan.id(), FULL, 0L))
                .replaceWithVoid();
    }

    /**
     * Remembers what computing anew has taken. The first fill is an estimate until then.
     *
     * @param chosen whether changes could have been applied instead
     */
    Uni<Void> anew(Session session, MaintenancePlan plan, Situation situation, double seconds, boolean chosen) {
        if (!plan.automatic()) {
            return Uni.createFrom().voidItem();
        }
        return (situation.frontier().isEmpty()
                        ? session.query(FORGET, plan.id())
                        : Uni.createFrom().voidItem())
                .flatMap(ready -> sizes(session, plan, situation))
                .flatMap(sizes -> session.query(MEASURED, plan.id(), FULL, 0L, 0.0, seconds, (double) sizes.bytes()))
                .flatMap(measured -> chosen
                        ? session.query(PASSED_OVER, plan.id(), changed(plan, situation), (long)
                                        PlanChoice.magnitude(situation.changes()))
                                .replaceWithVoid()
                        : Uni.createFrom().voidItem());
    }

    private static Uni<Sizes> sizes(Session session, MaintenancePlan plan, Situation situation) {
        return session.one(
                        SIZES,
                        array(plan.sources()),
                        array(plan.sources().stream()
                                .filter(source -> situation.changed().contains(source.table()))
                                .toList()))
                .map(row -> new Sizes(
                        row.orElseThrow().number("bytes"), row.orElseThrow().number("rows")));
    }

    private static String array(List<SourceTable> sources) {
        return sources.stream()
                .map(source -> Long.toString(source.relation()))
                .collect(Collectors.joining(",", "{", "}"));
    }

    private static String changed(MaintenancePlan plan, Situation situation) {
        return plan.sources().stream()
                .filter(source -> situation.changed().contains(source.table()))
                .flatMap(source -> source.source().stream())
                .sorted()
                .map(String::valueOf)
                .collect(Collectors.joining(","));
    }
}
