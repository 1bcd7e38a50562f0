package io.runnel.postgres;

import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.mutiny.sqlclient.Pool;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.function.Function;

/** Sessions and transactions. */
@ApplicationScoped
public class Database {

    private static final Sql BEGIN = Sql.of("BEGIN");
    private static final String BEGIN_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ;\n{}";
    private static final Sql COMMIT = Sql.of("COMMIT");
    private static final Sql ROLLBACK = Sql.of("ROLLBACK");

    private final Pool pool;

    Database(Pool pool) {
        this.pool = pool;
    }

    /** A connection that its caller closes, for those who keep one. */
    Uni<Session> connect() {
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
                        Uni.createFrom().deferred(() -> work.apply(session)).eventually(session::close));
        return Uni.createFrom().emitter(result -> begin(whole, result));
    }

    @SuppressWarnings("CheckReturnValue") // What would cancel it.
    private static <T> void begin(Uni<T> work, UniEmitter<? super T> result) {
        work.subscribe().with(result::complete, result::fail);
    }

    /** Work in one READ COMMITTED transaction; a failure rolls it back. */
    public <T> Uni<T> transaction(Function<Session, Uni<T>> work) {
        return session(session -> within(session, BEGIN, work));
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
