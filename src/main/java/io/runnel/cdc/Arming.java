package io.runnel.cdc;

import io.runnel.postgres.Listener;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The armed lock of a source: held exclusively while the service sleeps, it makes the source's writers notify.
 *
 * <p>Getting it proves that no writer that skipped its notification is still open; a look at the buffer afterwards closes
 * the race with those that committed just before.
 */
@ApplicationScoped
public class Arming {

    // A transaction that has notified cannot be prepared: where there are such, nobody may be asked to, not for a
    // moment.
    private static final Sql LOCK = Sql.of("""
            SELECT CASE WHEN current_setting('max_prepared_transactions')::int = 0
              THEN pg_try_advisory_lock({}, $1::text::int) ELSE false END AS locked""", Source.ARMED_LOCK_CLASS);
    private static final Sql UNLOCK =
            Sql.of("SELECT pg_advisory_unlock({}, $1::text::int) AS unlocked", Source.ARMED_LOCK_CLASS);
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

    private final Listener listener;

    // Touched on the event loop only. A lock that went with its session is released once too often, which does no harm.
    private final Set<Integer> held = new HashSet<>();

    Arming(Listener listener) {
        this.listener = listener;
    }

    /**
     * Tries, without waiting, to arm a source.
     *
     * @param tables the stream tables that rely on being woken up
     */
    public Uni<Answer> arm(int source, Collection<Long> tables) {
        String id = Integer.toString(source);
        String ids = tables.stream().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return listener.session()
                .map(session -> session.one(LOCK, id).flatMap(row -> {
                    if (!row.orElseThrow().truth("locked")) {
                        return Uni.createFrom().item(Answer.NOT_ARMED);
                    }
                    held.add(source);
                    return session.one(PENDING, ids)
                            .map(found -> answer(found.orElseThrow()))
                            .call(answer ->
                                    answer == Answer.ARMED ? Uni.createFrom().voidItem() : disarm(source));
                }))
                .orElse(Uni.createFrom().item(Answer.NOT_ARMED));
    }

    private static Answer answer(Row row) {
        return row.truth("pending") ? Answer.CHANGES_PENDING : Answer.ARMED;
    }

    /** Lets writers be again; does nothing if the source is not armed. */
    public Uni<Void> disarm(int source) {
        if (!held.remove(source)) {
            return Uni.createFrom().voidItem();
        }
        return listener.session()
                .map(session -> session.one(UNLOCK, Integer.toString(source)).replaceWithVoid())
                .orElse(Uni.createFrom().voidItem());
    }
}
