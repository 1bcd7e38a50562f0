package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;

/**
 * Runs batches of a worker of a projection: a look at the log's writers, then REPEATABLE READ transactions, of which each leaves
 * its snapshot as the worker's frontier. The row of its state, locked first, keeps two batches of one worker from both committing.
 *
 * <p>While there is more to do at once, a look serves several batches: what it has found out holds for good.
 */
@ApplicationScoped
class Projector {

    /** How long one batch may take before PostgreSQL cancels it. */
    static final Duration STATEMENT_TIMEOUT = Duration.ofMinutes(30);

    /** After so long no further batch begins before the next look, and other projections have their turn. */
    static final Duration RUN_MAX = Duration.ofMillis(200);

    private static final String LOOK = """
            SELECT (SELECT max({}) FROM {})::bigint AS greatest, runnel_internal.writers($1::bigint::oid) AS writers""";

    /** A batch need not wait until its commit is on disk: it is lost only together with its checkpoint. */
    private static final Sql SETTINGS = Sql.of("""
            SET LOCAL lock_timeout = '10s';
            SET LOCAL statement_timeout = '30min';
            SET LOCAL idle_in_transaction_session_timeout = '10min';
            SET LOCAL synchronous_commit = off;
            SET LOCAL jit = off""");

    private static final Sql RUN = Sql.of("""
            SELECT result ->> 'outcome' AS outcome, coalesce((result ->> 'handled')::bigint, 0) AS handled
            FROM runnel_internal.run_projection($1, $2, NULL, $3::bigint::integer) AS result""");

    private final Database database;

    Projector(Database database) {
        this.database = database;
    }

    /** What came of the batches, and the look at the log's writers to compare the next one with. */
    record Run(Batch batch, Horizon horizon) {}

    /** The batches of a run, so far. */
    private static final class Progress {
        private final long until = System.nanoTime() + RUN_MAX.toNanos();
        private Batch all = new Batch(Batch.Outcome.MORE, 0);

        private void add(Batch batch) {
            boolean another = all.handled() > 0;
            // A gap that was open at the look may have been closed since.
            Batch.Outcome outcome =
                    another && batch.outcome() == Batch.Outcome.WAITING ? Batch.Outcome.MORE : batch.outcome();
            all = new Batch(outcome, all.handled() + batch.handled());
        }

        private boolean goesOn(Batch last) {
            return last.outcome() == Batch.Outcome.MORE && last.handled() > 0 && System.nanoTime() < until;
        }
    }

    Uni<Run> run(Projection projection, Horizon before) {
        return database.session(session -> look(session, projection, before)
                .flatMap(horizon -> batches(session, projection, horizon).map(all -> new Run(all, horizon))));
    }

    private Uni<Batch> batches(Session session, Projection projection, Horizon horizon) {
        Progress progress = new Progress();
        return Uni.createFrom()
                .deferred(() -> batch(session, projection, horizon))
                .invoke(progress::add)
                .repeat()
                .whilst(progress::goesOn)
                .collect()
                .last()
                .replaceWith(() -> progress.all)
                // What was done before is done; whoever tries again sees the failure.
                .onFailure(failure -> progress.all.handled() > 0)
                .recoverWithItem(() -> progress.all);
    }

    private Uni<Batch> batch(Session session, Projection projection, Horizon horizon) {
        return database.snapshot(
                        session,
                        SETTINGS,
                        snapshot -> snapshot.one(RUN, projection.id(), horizon.position(), (long) projection.worker()))
                .map(row -> batch(row.orElseThrow()));
    }

    private static Uni<Horizon> look(Session session, Projection projection, Horizon before) {
        return session.one(Sql.of(LOOK, projection.position(), projection.table()), projection.relation())
                .map(found -> {
                    Row row = found.orElseThrow();
                    return before.next(row.optionalNumber("greatest").orElse(Horizon.NOTHING), row.texts("writers"));
                });
    }

    private static Batch batch(Row row) {
        return new Batch(Batch.Outcome.valueOf(row.text("outcome")), row.number("handled"));
    }
}
