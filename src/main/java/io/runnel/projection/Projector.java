package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;

/**
 * Runs one batch of a worker of a projection: a look at the log's writers, then one REPEATABLE READ transaction, whose snapshot becomes
 * the worker's frontier. The row of its state, locked first, keeps two batches of one worker from both committing.
 */
@ApplicationScoped
class Projector {

    /** How long one batch may take before PostgreSQL cancels it. */
    static final Duration STATEMENT_TIMEOUT = Duration.ofMinutes(30);

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

    /** A batch, and the look at the log's writers to compare the next one with. */
    record Run(Batch batch, Horizon horizon) {}

    Uni<Run> run(Projection projection, Horizon before) {
        return database.session(session -> look(session, projection, before)
                .flatMap(horizon -> database.snapshot(
                                session,
                                SETTINGS,
                                snapshot -> snapshot.one(
                                        RUN, projection.id(), horizon.position(), (long) projection.worker()))
                        .map(row -> new Run(batch(row.orElseThrow()), horizon))));
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
