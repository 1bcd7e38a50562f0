package io.runnel.refresh;

import io.runnel.delta.DeltaPlan;
import io.runnel.postgres.Confined;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.refresh.MaintenancePlan.SourceTable;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The statements of a refresh in full: the visible table, the auxiliary tables, and what the sources look like. */
record Recomputation(Session session, MaintenancePlan plan) {

    private Confined confined() {
        return plan.confined(session);
    }

    /** Makes the visible table equal to the query, writing the differences only, unless it is empty. */
    Uni<Written> contents() {
        return equal(plan.delta().map(DeltaPlan::contents).orElseGet(this::query));
    }

    /** As {@link #contents}, without a look at the auxiliary tables. */
    Uni<Written> visible() {
        return equal(query());
    }

    private Uni<Written> equal(Sql rows) {
        Sql filled = Sql.of("SELECT EXISTS (SELECT FROM {})", plan.target().table());
        return confined()
                .planned(filled, Sql.of("filled boolean"))
                .flatMap(found -> found.get(0).truth("filled") ? differences(rows) : fill(rows));
    }

    private Uni<Written> fill(Sql rows) {
        Sql insert = Sql.of(
                "WITH filled AS (INSERT INTO {} ({}) {} RETURNING 1) SELECT count(*) AS inserted FROM filled",
                plan.target().table(),
                plan.target().columns(),
                rows);
        return confined()
                .planned(insert, Sql.of("inserted bigint"))
                .map(found -> new Written(found.get(0).number("inserted"), 0, 0))
                .call(written ->
                        confined().execute(Sql.of("ANALYZE {}", plan.target().table())));
    }

    private Uni<Written> differences(Sql rows) {
        return confined()
                .one(DeltaPlan.differences(plan.target(), rows), Written.COLUMNS)
                .flatMap(row -> Written.of(plan, row.orElseThrow()));
    }

    private Sql query() {
        List<Sql> columns = plan.viewColumns().stream()
                .map(column -> Sql.of("v.{}", column))
                .toList();
        return Sql.of("SELECT {} FROM {} AS v", columns, plan.view());
    }

    /** Computes the auxiliary tables anew; to be done before {@link #contents}, which reads them. */
    Uni<Void> auxiliaries() {
        Map<QualifiedName, Sql> tables =
                plan.delta().map(DeltaPlan::auxiliaryTables).orElse(Map.of());
        return Multi.createFrom()
                .iterable(tables.entrySet())
                .onItem()
                .transformToUniAndConcatenate(table -> confined()
                        .execute(Sql.of(
                                "DELETE FROM {};\nINSERT INTO {} {};\nANALYZE {}",
                                table.getKey(),
                                table.getKey(),
                                table.getValue(),
                                table.getKey())))
                .collect()
                .asList()
                .replaceWithVoid();
    }

    /** Remembers what the sources look like; see {@link Situation#standings}. */
    Uni<Void> standings(Situation situation) {
        List<Uni<List<Row>>> updates = new ArrayList<>();
        for (int i = 0; i < plan.sources().size(); i++) {
            SourceTable source = plan.sources().get(i);
            if (source.source().isPresent()) {
                String now = situation.standings().get(i);
                updates.add(session.query(RefreshSql.STANDING, plan.id(), source.relation(), now));
            }
        }
        return updates.isEmpty()
                ? Uni.createFrom().voidItem()
                : Uni.join().all(updates).andFailFast().replaceWithVoid();
    }
}
