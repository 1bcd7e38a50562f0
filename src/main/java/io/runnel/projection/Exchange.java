package io.runnel.projection;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Set;

/**
 * Puts a side-by-side rebuild in the place of the projection that it rebuilds, in one transaction; see
 * {@code V11__projection_rebuild.sql}.
 */
@ApplicationScoped
class Exchange {

    /** Nobody waits longer than this behind the locks on the target tables, for which writers of theirs wait. */
    private static final Sql SETTINGS = Sql.of("""
            SET LOCAL lock_timeout = '1s';
            SET LOCAL statement_timeout = '30min';
            SET LOCAL idle_in_transaction_session_timeout = '10min';
            SET LOCAL jit = off""");

    private static final Sql LOCK = Sql.of("SELECT FROM runnel_internal.lock_rebuild($1)");
    private static final Sql EXCHANGE = Sql.of("SELECT runnel_internal.exchange_rebuild($1) AS outcome");
    private static final Sql FAIL = Sql.of("SELECT FROM runnel_internal.fail_rebuild($1, $2, $3, $4)");

    /** Failures that say nothing about what was tried: a lock could not be had, or a transaction was chosen to give way. */
    static final Set<String> PASSING = Set.of("postgres-55p03", "postgres-40001", "postgres-40p01");

    private final Database database;

    Exchange(Database database) {
        this.database = database;
    }

    enum Outcome {
        /** There is nothing more to do. */
        DONE,
        /** What it rebuilds has gone on meanwhile: to be tried again after the next batch. */
        AGAIN,
        /** What is missing is held back by an open transaction. */
        LATER
    }

    /**
     * @param rebuild which has caught up
     * @return fails if it is to be tried later
     */
    Uni<Outcome> attempt(Projection rebuild) {
        return database.transaction(session -> session.execute(SETTINGS)
                        .flatMap(set -> session.query(LOCK, rebuild.id()))
                        .flatMap(locked -> exchanged(session, rebuild)))
                .onFailure(thrown -> thrown instanceof Failure failure
                        && !(failure instanceof Failure.Unavailable)
                        && !PASSING.contains(failure.code()))
                .recoverWithUni(thrown -> fail(rebuild, (Failure) thrown));
    }

    private static Uni<Outcome> exchanged(Session session, Projection rebuild) {
        return session.one(EXCHANGE, rebuild.id())
                .map(row -> Outcome.valueOf(row.orElseThrow().text("outcome")));
    }

    private Uni<Outcome> fail(Projection rebuild, Failure failure) {
        String code = failure.code().replaceFirst("^postgres-", "").toUpperCase(java.util.Locale.ROOT);
        return database.session(session -> session.query(FAIL, rebuild.id(), code, failure.message(), failure.hint()))
                .replaceWith(Outcome.DONE);
    }
}
