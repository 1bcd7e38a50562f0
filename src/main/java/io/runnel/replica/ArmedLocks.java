package io.runnel.replica;

import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Listener;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jboss.logging.Logger;

/**
 * The locks by which writers know that somebody sleeps and wants to be notified. Notifications reach all services, so it is
 * enough that one of them holds a lock; the others rely on that, and are told when it lets go. If it is gone without a word,
 * they find out by {@link #watch}.
 *
 * <p>They live in the listener's session. Touched on the event loop only.
 */
public final class ArmedLocks {

    /** How often it is looked whether the holder of a lock is gone. */
    public static final Duration ABANDONED_INTERVAL = Duration.ofSeconds(1);

    private static final Logger LOG = Logger.getLogger(ArmedLocks.class);

    /** Whose lock a service may rely on: somebody's who holds it exclusively, which no writer does. */
    private static final String TAKE = """
            WITH attempt AS MATERIALIZED (
              SELECT CASE WHEN current_setting('max_prepared_transactions')::int = 0
                THEN pg_try_advisory_lock({}, $1::text::int) ELSE false END AS locked)
            SELECT locked, CASE WHEN NOT locked AND $2 THEN (
              SELECT pid::bigint
              FROM pg_locks
              WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
                AND classid = ({})::int::oid AND objid = $1::text::oid AND objsubid = 2
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) END AS holder
            FROM attempt""";

    private static final String RELEASE = "SELECT pg_advisory_unlock({}, $1::text::int) AS unlocked";
    private static final String RELEASE_AND_TELL =
            "SELECT pg_advisory_unlock({}, $1::text::int) AS unlocked, pg_notify({}, $1)::text AS told";
    private static final String ABANDONED = """
            SELECT t.id::bigint AS id
            FROM unnest($1::text::int[], $2::text::int[]) AS t(id, holder)
            WHERE NOT EXISTS (
              SELECT FROM pg_locks
              WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND pid = t.holder
                AND classid = ({})::int::oid AND objid = t.id::oid AND objsubid = 2
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))""";

    private final Listener listener;
    private final Sql take;
    private final Sql release;
    private final Sql releaseAndTell;
    private final Sql abandoned;

    private final Set<Integer> held = new HashSet<>();

    /** With the backend that holds each: another one that holds it later may have been too late for some writer. */
    private final Map<Integer, Long> relied = new HashMap<>();

    private boolean shared;

    /** Grows when all are released: what is taken afterwards, but was asked for before, is nobody's. */
    private long term;

    /**
     * @param lockClass an expression: the first of the two numbers of each lock
     * @param channel on which the others are told
     */
    public ArmedLocks(Listener listener, Sql lockClass, String channel) {
        this.listener = listener;
        this.take = Sql.of(TAKE, lockClass, lockClass);
        this.release = Sql.of(RELEASE, lockClass);
        this.releaseAndTell = Sql.of(RELEASE_AND_TELL, lockClass, Sql.literal(channel));
        this.abandoned = Sql.of(ABANDONED, lockClass);
    }

    /** Whether there are others to rely on, who rely on this one. */
    public void shared(boolean withOthers) {
        shared = withOthers;
    }

    /** Whether writers are taken to notify. */
    public boolean armed(int id) {
        return held.contains(id) || relied.containsKey(id);
    }

    /** Tries, without waiting; whether writers notify from now on. */
    public Uni<Boolean> take(int id) {
        long asked = term;
        return listener.session()
                .map(session -> session.one(take, Integer.toString(id), shared).flatMap(row -> {
                    Row found = row.orElseThrow();
                    if (asked != term) {
                        return found.truth("locked")
                                ? unlock(id).replaceWith(false)
                                : Uni.createFrom().item(false);
                    }
                    if (found.truth("locked")) {
                        held.add(id);
                    }
                    found.optionalNumber("holder").ifPresent(holder -> relied.put(id, holder));
                    return Uni.createFrom().item(armed(id));
                }))
                .orElse(Uni.createFrom().item(false));
    }

    /** Lets writers be again, as far as it is up to this service. */
    public Uni<Void> release(int id) {
        relied.remove(id);
        return held.remove(id) ? unlock(id) : Uni.createFrom().voidItem();
    }

    /** Releases all of them. Those that are taken meanwhile are held once more than they are released. */
    public Uni<Void> releaseAll() {
        term++;
        List<Integer> ids = List.copyOf(held);
        held.clear();
        relied.clear();
        return Multi.createFrom()
                .iterable(ids)
                .onItem()
                .transformToUniAndConcatenate(this::unlock)
                .collect()
                .asList()
                .replaceWithVoid();
    }

    private Uni<Void> unlock(int id) {
        Sql statement = shared ? releaseAndTell : release;
        return listener.session()
                .map(session -> session.query(statement, Integer.toString(id)).replaceWithVoid())
                .orElse(Uni.createFrom().voidItem());
    }

    /** Somebody has let go of a lock; whether this service has relied on it. */
    public boolean told(int id) {
        return relied.remove(id) != null;
    }

    /**
     * Finds those that this service has relied on and that nobody holds any more, again and again.
     *
     * @param disarmed what is to be done about one
     */
    public void watch(EventLoop loop, BooleanSupplier wanted, Consumer<Integer> disarmed) {
        loop.repeat(
                ABANDONED_INTERVAL,
                wanted,
                this::abandoned,
                ids -> ids.stream().filter(this::told).forEach(disarmed),
                thrown -> LOG.debugf("abandoned locks cannot be looked for: %s", thrown.getMessage()));
    }

    private Uni<List<Integer>> abandoned() {
        if (relied.isEmpty()) {
            return Uni.createFrom().item(List.of());
        }
        List<Map.Entry<Integer, Long>> looked = List.copyOf(relied.entrySet());
        String ids = array(looked.stream().map(Map.Entry::getKey));
        String holders = array(looked.stream().map(Map.Entry::getValue));
        return listener.session()
                .map(session -> session.query(abandoned, ids, holders)
                        .map(rows ->
                                rows.stream().map(row -> (int) row.number("id")).toList()))
                .orElse(Uni.createFrom().item(List.of()));
    }

    private static String array(Stream<? extends Number> numbers) {
        return numbers.map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
    }
}
