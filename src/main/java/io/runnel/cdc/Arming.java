package io.runnel.cdc;

import io.runnel.postgres.Listener;
import io.runnel.postgres.Row;
import io.runnel.replica.ArmedLocks;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.stream.Collectors;

/**
 * The armed lock of a source: held exclusively while the service sleeps, it makes the source's writers notify.
 *
 * <p>Getting it proves that no writer that skipped its notification is still open; a look at the buffer afterwards closes
 * the race with those that committed just before.
 */
@ApplicationScoped
public class Arming {

    private static final Sql PENDING = Sql.of("""
            SELECT EXISTS (
              SELECT FROM unnest($1::text::bigint[]) AS t(id)
              WHERE coalesce(runnel_internal.pending_changes(t.id, pg_current_snapshot()), 0) > 0) AS pending""");

    /** What came of an attempt to arm a source. */
    public enum Answer {
        /** The lock is held and the tables have applied everything committed before. */
        ARMED,
        /** Writers are active, or their transactions might be prepared, which notifications do not survive. */
        NOT_ARMED,
        /** The lock was released again, because the tables have changes to apply. */
        CHANGES_PENDING
    }

    private static final Uni<Answer> NOT_ARMED = Uni.createFrom().item(Answer.NOT_ARMED);

    private final Listener listener;
    private final ArmedLocks locks;

    Arming(Listener listener) {
        this.listener = listener;
        this.locks = new ArmedLocks(listener, Sql.of("{}", Source.ARMED_LOCK_CLASS), "runnel_disarmed_source");
    }

    /** The locks themselves. */
    public ArmedLocks locks() {
        return locks;
    }

    /**
     * Tries, without waiting, to arm a source.
     *
     * @param tables the stream tables that rely on being woken up
     */
    public Uni<Answer> arm(int source, Collection<Long> tables) {
        String ids = tables.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return locks.take(source).flatMap(taken -> taken ? look(source, ids) : NOT_ARMED);
    }

    private Uni<Answer> look(int source, String ids) {
        return listener.session()
                .map(session -> session.one(PENDING, ids)
                        .onFailure()
                        .call(() -> locks.release(source))
                        .map(found -> answer(found.orElseThrow()))
                        .call(answer ->
                                answer == Answer.ARMED ? Uni.createFrom().voidItem() : locks.release(source)))
                .orElse(NOT_ARMED);
    }

    private static Answer answer(Row row) {
        return row.truth("pending") ? Answer.CHANGES_PENDING : Answer.ARMED;
    }

    /** Lets writers be again; does nothing if the source is not armed. */
    public Uni<Void> disarm(int source) {
        return locks.release(source);
    }
}
