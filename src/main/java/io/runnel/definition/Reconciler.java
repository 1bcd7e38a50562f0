package io.runnel.definition;

import io.runnel.catalog.Moves;
import io.runnel.catalog.StreamTable;
import io.runnel.catalog.StreamTables;
import io.runnel.cdc.Capture;
import io.runnel.cdc.Source;
import io.runnel.definition.RelationFacts.Table;
import io.runnel.operator.Scan;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Runners;
import io.runnel.refresh.Plans;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Makes the database match the definition rows, whoever wrote them.
 *
 * <p>A definition that cannot be carried out ends in status ERROR with the reason; one whose sources are busy stays
 * INITIALIZING, says whom it waits for, and is tried again.
 */
@ApplicationScoped
public class Reconciler {

    // Never waits for a refresh, which holds the frontier's row: everybody who touches the definition would wait as
    // well.
    // A refresh under way tells by itself how many errors there are.
    private static final Sql LIGHT = Sql.of("""
            WITH idle AS (
              SELECT stream_table_id FROM runnel_internal.frontier
              WHERE stream_table_id = $1 AND EXISTS (
                SELECT FROM runnel_internal.stream_table WHERE id = $1 AND version <> reconciled_version)
              FOR UPDATE SKIP LOCKED
            ), healed AS (
              UPDATE runnel_internal.frontier SET consecutive_errors = 0
              WHERE stream_table_id IN (SELECT stream_table_id FROM idle)
            )
            UPDATE runnel_internal.stream_table AS s
            SET reconciled_version = version,
              status = CASE
                WHEN s.wanted <> 'ACTIVE' THEN s.wanted
                WHEN EXISTS (SELECT FROM runnel_internal.frontier AS f
                             WHERE f.stream_table_id = s.id AND f.snapshot IS NOT NULL) THEN 'ACTIVE'
                ELSE 'INITIALIZING' END
            WHERE s.id = $1 AND s.version = $2 AND NOT runnel_internal.lost(s)
            RETURNING id""");
    private static final Sql ANNOUNCE = Sql.of("SELECT pg_notify('runnel_schedule', $1)::text");
    private static final Sql WAITS = Sql.of("UPDATE runnel_internal.stream_table SET waits_for = $2 WHERE id = $1");
    private static final Sql FAILED = Sql.of("""
            WITH failed AS (
              UPDATE runnel_internal.stream_table
              SET status = 'ERROR', reconciled_version = version, waits_for = NULL
              WHERE id = $1 AND version = $2
              RETURNING id
            )
            INSERT INTO runnel_internal.frontier (stream_table_id, consecutive_errors, last_error, last_error_code,
              last_error_hint, last_error_at)
            SELECT id, 1, $3, $4, $5, clock_timestamp() FROM failed
            ON CONFLICT (stream_table_id) DO UPDATE
            SET consecutive_errors = 1, last_error = $3, last_error_code = $4, last_error_hint = $5,
              last_error_at = clock_timestamp()""");

    private final Database database;
    private final Runners runners;
    private final StreamTables streamTables;
    private final Capture capture;
    private final PlanCache plans;
    private final Moves moves;

    Reconciler(
            Database database,
            Runners runners,
            StreamTables streamTables,
            Capture capture,
            PlanCache plans,
            Moves moves) {
        this.database = database;
        this.runners = runners;
        this.streamTables = streamTables;
        this.capture = capture;
        this.plans = plans;
        this.moves = moves;
    }

    /**
     * Carries out what the definition row asks for.
     *
     * @return the row afterwards; empty if it is gone; fails with {@link Failure.Unavailable} if it is worth trying again
     */
    public Uni<Optional<StreamTable>> reconcile(long id) {
        return moves.follow(id).flatMap(moved -> streamTables.find(id)).flatMap(found -> {
            if (found.isEmpty() || !found.get().unreconciled()) {
                return Uni.createFrom().item(found);
            }
            plans.forget(id);
            return carryOut(found.get())
                    .onFailure(failure -> !passing(failure))
                    .recoverWithUni(failure -> failed(found.get(), failure))
                    .call(done -> database.session(session -> session.query(ANNOUNCE, Long.toString(id))))
                    .flatMap(done -> streamTables.find(id));
        });
    }

    /** Worth trying again: the database is busy, or a source's capture was removed while this definition came to need it. */
    private static boolean passing(Throwable failure) {
        return failure instanceof Failure.Unavailable
                || (failure instanceof Failure known && known.code().equals("postgres-23503"));
    }

    private Uni<Void> carryOut(StreamTable table) {
        if (!table.built()) {
            return build(table);
        }
        return database.session(session -> session.one(LIGHT, table.id(), table.version()))
                .flatMap(done -> done.isPresent() ? Uni.createFrom().voidItem() : build(table));
    }

    private Uni<Void> build(StreamTable table) {
        return runners.of(table.owner()).flatMap(runner -> build(table, runner));
    }

    private Uni<Void> build(StreamTable table, Runner runner) {
        return compile(table, runner).flatMap(compilation -> {
            boolean differential =
                    compilation.differential() && !table.refreshMode().equals("FULL");
            if (table.refreshMode().equals("DIFFERENTIAL") && !differential) {
                return Uni.createFrom().failure(notDifferential(table, compilation));
            }
            Optional<String> missing = compilation.tables().stream()
                    .filter(Table::capturable)
                    .flatMap(source -> source.missingRight().stream())
                    .findFirst();
            if (missing.isPresent()) {
                return Uni.createFrom().failure(missingRight(table, missing.get()));
            }
            Optional<String> reason = differential ? Optional.empty() : Optional.of(reasons(table, compilation));
            return captures(table, compilation, differential)
                    .flatMap(captures -> database.transaction(
                            session -> new Construction(session, runner, table, compilation, captures, differential)
                                    .build(reason)))
                    .onFailure(failure -> Plans.tooWide(compilation.target(table), failure))
                    .call(failure -> plans.widen(table.id(), table.version()));
        });
    }

    private Uni<Compilation> compile(StreamTable table, Runner runner) {
        QualifiedName draft = RelationReader.draft();
        return database.rehearsal(session -> session.execute(Definitions.path(table))
                .flatMap(set -> Definitions.define(session, draft, table.query()))
                .flatMap(defined -> Compiler.compile(session, draft, table.query(), table.owner(), runner)));
    }

    private Uni<Map<QualifiedName, Source>> captures(StreamTable table, Compilation compilation, boolean differential) {
        Map<QualifiedName, Source> captures = new HashMap<>();
        return Multi.createFrom()
                .iterable(
                        compilation.tables().stream().filter(Table::capturable).toList())
                .onItem()
                .transformToUniAndConcatenate(source -> capture.ensure(
                                table.id(),
                                source.relation(),
                                differential ? columns(compilation, source) : List.of(),
                                source.composed())
                        .onFailure(Failure.Unavailable.class)
                        .call(busy -> waiting(table, source))
                        .invoke(captured -> captures.put(source.name(), captured)))
                .collect()
                .asList()
                .replaceWith(captures);
    }

    private static List<Long> columns(Compilation compilation, Table source) {
        return compilation
                .root()
                .walk()
                .filter(Scan.class::isInstance)
                .map(Scan.class::cast)
                .filter(scan -> scan.table().equals(source.name()))
                .flatMap(scan -> scan.reads().stream())
                .map(read -> source.column(read.column()).number())
                .distinct()
                .toList();
    }

    private Uni<Void> waiting(StreamTable table, Table source) {
        return capture.blockers(source.relation())
                .flatMap(blockers -> database.session(session -> session.query(
                        WAITS,
                        table.id(),
                        "writers of " + source.name().display()
                                + blockers.map(holders -> ": " + holders).orElse(""))))
                .replaceWithVoid();
    }

    private Uni<Void> failed(StreamTable table, Throwable thrown) {
        Failure failure = thrown instanceof Failure known
                ? known
                : new Failure.Internal("internal", "initialization failed", String.valueOf(thrown), "", thrown);
        String message = failure.detail().isEmpty() ? failure.message() : failure.message() + ": " + failure.detail();
        return database.session(session ->
                        session.query(FAILED, table.id(), table.version(), message, failure.code(), failure.hint()))
                .replaceWithVoid();
    }

    private static String reasons(StreamTable table, Compilation compilation) {
        return compilation.differential()
                ? "refresh mode FULL was chosen for " + table.name().display()
                : compilation.refusals().stream()
                        .map(Explanation.Refusal::reason)
                        .collect(Collectors.joining("; "));
    }

    private static Failure notDifferential(StreamTable table, Compilation compilation) {
        return new Failure.Invalid(
                "not-differential",
                "stream table " + table.name().display() + " cannot be maintained differentially",
                reasons(table, compilation),
                "use refresh mode AUTO or FULL, or change the query",
                0);
    }

    private static Failure missingRight(StreamTable table, String grant) {
        return new Failure.Forbidden(
                "missing-right",
                "a right is missing to maintain stream table " + table.name().display(),
                "",
                grant + ", then resume the stream table");
    }
}
