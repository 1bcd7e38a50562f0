package io.runnel.projection;

import io.runnel.postgres.Listener;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The lock on a log by which the service shows that it sleeps, so that writers notify. Getting it proves that no writer
 * that skipped its notification is still open; a look at what is pending closes the race with those that have just ended.
 */
@ApplicationScoped
class LogArming {

    private static final Sql LOCK = Sql.of("""
            SELECT CASE WHEN current_setting('max_prepared_transactions')::int = 0
              THEN pg_try_advisory_lock(runnel_internal.log_lock_class(), $1::text::int) ELSE false END AS locked""");
    private static final Sql UNLOCK =
            Sql.of("SELECT pg_advisory_unlock(runnel_internal.log_lock_class(), $1::text::int) AS unlocked");
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

    private final Listener listener;

    // Touched on the event loop only.
    private final Set<Integer> held = new HashSet<>();

    LogArming(Listener listener) {
        this.listener = listener;
    }

    /** Forgets what was held in a session that is gone. */
    void reset() {
        held.clear();
    }

    boolean armed(int log) {
        return held.contains(log);
    }

    Uni<Answer> arm(int log, Collection<Long> projections) {
        String ids = projections.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return listener.session()
                .map(session -> session.one(LOCK, Integer.toString(log)).flatMap(row -> {
                    if (!row.orElseThrow().truth("locked")) {
                        return Uni.createFrom().item(Answer.NOT_ARMED);
                    }
                    held.add(log);
                    return session.one(PENDING, ids)
                            .onFailure()
                            .call(() -> disarm(log))
                            .map(found -> found.orElseThrow().truth("pending") ? Answer.PENDING : Answer.ARMED)
                            .call(answer ->
                                    answer == Answer.ARMED ? Uni.createFrom().voidItem() : disarm(log));
                }))
                .orElse(Uni.createFrom().item(Answer.NOT_ARMED));
    }

    /** Lets writers be again; does nothing if the log is not armed. */
    Uni<Void> disarm(int log) {
        if (!held.remove(log)) {
            return Uni.createFrom().voidItem();
        }
        return listener.session()
                .map(session -> session.one(UNLOCK, Integer.toString(log)).replaceWithVoid())
                .orElse(Uni.createFrom().voidItem());
    }
}
