package io.runnel.postgres;

import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.mutiny.sqlclient.Pool;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;

/** Sessions and transactions. */
@ApplicationScoped
public class Database {

    private static final Sql BEGIN = Sql.of("BEGIN");
    private static final String BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ;\n{}";
    private static final Sql COMMIT = Sql.of("COMMIT");
    private static final Sql ROLLBACK = Sql.of("ROLLBACK");

    /** The search path that sessions of the service's role have by default, for what people write without schemas. */
    private static final Sql DEFAULT_PATH = Sql.of("""
            SELECT set_config('search_path', CASE reset_val WHEN '"$user", public' THEN 'public' ELSE reset_val END, true)
            FROM pg_settings
            WHERE name = 'search_path'""");

    private final Pool pool;
    private final AtomicInteger working = new AtomicInteger();

    Database(Pool pool) {
        this.pool = pool;
    }

    /**
     * A connection that its caller closes, for those who keep one.
     *
     * @param longest how long it may take; a server that is cut off does not answer at all
     */
    public Uni<Session> connect(Duration longest) {
        Uni<Session> opening = connect();
        AtomicBoolean late = new AtomicBoolean();
        return Uni.createFrom()
                .<Session>emitter(result -> begin(
                        opening.call(session ->
                                late.get() ? session.close() : Uni.createFrom().voidItem()),
                        result))
                .ifNoItem()
                .after(longest)
                .failWith(() -> {
                    late.set(true);
                    return new Failure.Unavailable(
                            "database-unavailable", "the database does not answer", "", new TimeoutException());
                });
    }

    private Uni<Session> connect() {
        return pool.getConnection()
                .onFailure()
                .transform(DatabaseFailures::translate)
                .map(Session::new);
    }

    /**
     * Work on one connection, each statement in a transaction of its own. Once begun it goes on to its end, even if nobody
     * waits for it any more, so that its connection comes back clean: what is cancelled stops anywhere.
     */
    public <T> Uni<T> session(Function<Session, Uni<T>> work) {
        Uni<T> whole = connect()
                .flatMap(session ->
                        Uni.createFrom().deferred(() -> work.apply(session)).eventually(session::close))
                .onSubscription()
                .invoke(working::incrementAndGet)
                .onTermination()
                .invoke(working::decrementAndGet);
        return Uni.createFrom().emitter(result -> begin(whole, result));
    }

    @SuppressWarnings("CheckReturnValue") // What would cancel it.
    private static <T> void begin(Uni<T> work, UniEmitter<? super T> result) {
        work.subscribe().with(result::complete, result::fail);
    }

    /** How many {@link #session}s work is done in, or waits for, at this moment. */
    public int working() {
        return working.get();
    }

    /** Work in one READ COMMITTED transaction; a failure rolls it back. */
    public <T> Uni<T> transaction(Function<Session, Uni<T>> work) {
        return session(session -> within(session, BEGIN, work));
    }

    /**
     * As {@link #transaction}, with names as they are found by sessions of the service's role if nobody chooses a search
     * path: what people write over REST. A path that nobody has chosen does not lead a role of the name {@code runnel} into
     * the schema of that name.
     */
    public <T> Uni<T> definition(Function<Session, Uni<T>> work) {
        return transaction(session -> session.query(DEFAULT_PATH).flatMap(set -> work.apply(session)));
    }

    /** As {@link #definition}, rolled back in any case. */
    public <T> Uni<T> draft(Function<Session, Uni<T>> work) {
        return rehearsal(session -> session.query(DEFAULT_PATH).flatMap(set -> work.apply(session)));
    }

    /** Work in one transaction that is rolled back in any case. */
    public <T> Uni<T> rehearsal(Function<Session, Uni<T>> work) {
        return session(session ->
                session.execute(BEGIN).flatMap(begun -> work.apply(session)).eventually(() -> rollback(session)));
    }

    /**
     * Work in one REPEATABLE READ transaction on a session.
     *
     * @param opening settings and locks, which come before the snapshot; the first query of the work takes it
     */
    public <T> Uni<T> snapshot(Session session, Sql opening, Function<Session, Uni<T>> work) {
        return within(session, Sql.of(BEGIN_SNAPSHOT, opening), work);
    }

    private static <T> Uni<T> within(Session session, Sql begin, Function<Session, Uni<T>> work) {
        return session.execute(begin)
                .flatMap(begun -> work.apply(session))
                .call(() -> session.execute(COMMIT))
                .onFailure()
                .call(() -> rollback(session));
    }

    /** What went wrong before is what is told; a connection that cannot roll back is gone, and its transaction with it. */
    private static Uni<Void> rollback(Session session) {
        return session.execute(ROLLBACK).onFailure().recoverWithNull();
    }
}
