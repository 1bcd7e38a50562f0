package io.runnel.projection;

import io.runnel.postgres.Listener;
import io.runnel.replica.ArmedLocks;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.stream.Collectors;

/**
 * The lock on a log by which the service shows that it sleeps, so that writers notify. Getting it proves that no writer
 * that skipped its notification is still open; a look at what is pending closes the race with those that have just ended.
 */
@ApplicationScoped
class LogArming {

    private static final Sql PENDING = Sql.of("""
            SELECT EXISTS (
              SELECT FROM unnest($1::text::bigint[]) AS t(id)
              WHERE runnel_internal.projection_pending(t.id)) AS pending""");

    /** What came of an attempt. */
    enum Answer {
        /** The lock is held, and nothing is pending. */
        ARMED,
        /** Writers are active, or their transactions might be prepared, which notifications do not survive. */
        NOT_ARMED,
        /** There is something to do first; the lock is released again. */
        PENDING
    }

    private static final Uni<Answer> NOT_ARMED = Uni.createFrom().item(Answer.NOT_ARMED);

    private final Listener listener;
    private final ArmedLocks locks;

    LogArming(Listener listener) {
        this.listener = listener;
        this.locks = new ArmedLocks(listener, Sql.of("runnel_internal.log_lock_class()"), "runnel_disarmed_log");
    }

    /** The locks themselves. */
    ArmedLocks locks() {
        return locks;
    }

    boolean armed(int log) {
        return locks.armed(log);
    }

    Uni<Answer> arm(int log, Collection<Long> projections) {
        String ids = projections.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return locks.take(log).flatMap(taken -> taken ? look(log, ids) : NOT_ARMED);
    }

    private Uni<Answer> look(int log, String ids) {
        return listener.session()
                .map(session -> session.one(PENDING, ids)
                        .onFailure()
                        .call(() -> disarm(log))
                        .map(found -> found.orElseThrow().truth("pending") ? Answer.PENDING : Answer.ARMED)
                        .call(answer ->
                                answer == Answer.ARMED ? Uni.createFrom().voidItem() : disarm(log)))
                .orElse(NOT_ARMED);
    }

    /** Lets writers be again; does nothing if the log is not armed. */
    Uni<Void> disarm(int log) {
        return locks.release(log);
    }
}
