package io.runnel.postgres;

import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.mutiny.sqlclient.RowSet;
import io.vertx.mutiny.sqlclient.SqlConnection;
import io.vertx.mutiny.sqlclient.Tuple;
import io.vertx.pgclient.PgConnection;
import io.vertx.pgclient.PgException;
import io.vertx.sqlclient.impl.Connection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.WeakHashMap;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** One connection to the database, for as long as its holder needs it. Confined to one event loop. */
public final class Session {

    private static final Logger LOG = Logger.getLogger(Session.class);
    private static final String CHECK = "{};\nSELECT runnel_internal.check_confined({})";
    private static final String TIDY = "{};\nUNLISTEN *;\nDISCARD TEMP;\nSELECT pg_catalog.pg_advisory_unlock_all()";

    private static final Sql TERMINATE = Sql.of("SELECT pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())");

    /** How long one may take to end. */
    private static final Duration TERMINATION_MAX = Duration.ofSeconds(5);

    /** By connections, which outlive sessions. */
    private static final Map<Object, PreparedStatements> PREPARED = Collections.synchronizedMap(new WeakHashMap<>());

    private final SqlConnection connection;

    /** Whether work with the rights of others has been done here, which may have left traces. */
    private boolean confined;

    /**
     * Whether traces of it have not been looked for since. A statement that the driver has prepared may then be another one,
     * and would be run with the service's rights.
     */
    private boolean suspect;

    /** Whether the connection must not be used again. */
    private boolean spoiled;

    Session(SqlConnection connection) {
        this.connection = connection;
        // What befalls the connection fails the statement that runs, or tells the close handler; the driver would print
        // its stack as well.
        connection.exceptionHandler(thrown -> LOG.debugf("a connection fails: %s", thrown.getMessage()));
    }

    /** Runs one statement with bound values; numbers, texts and booleans only, all else as text with a cast. */
    public Uni<List<Row>> query(Sql sql, @Nullable Object... values) {
        if (suspect) {
            return Uni.createFrom().failure(unchecked());
        }
        return send(sql, values);
    }

    private static Failure unchecked() {
        return new Failure.Unavailable(
                "session-unchecked",
                "work with the rights of an owner has failed in this session, and nobody has looked what it has left behind",
                "",
                new IllegalStateException("unchecked"));
    }

    private Uni<List<Row>> send(Sql sql, @Nullable Object... values) {
        return connection
                .preparedQuery(sql.text())
                .execute(Tuple.tuple(new ArrayList<>(Arrays.asList(values))))
                .map(Session::rows)
                .onFailure()
                .invoke(this::spoil)
                .onFailure()
                .transform(DatabaseFailures::translate);
    }

    /** A statement that the driver has prepared is gone: somebody has deallocated it, perhaps others as well. */
    private void spoil(Throwable thrown) {
        spoiled |= thrown instanceof PgException error && "26000".equals(error.getSqlState());
    }

    /** As {@link #query}, for at most one row. */
    public Uni<Optional<Row>> one(Sql sql, @Nullable Object... values) {
        return query(sql, values).map(rows -> rows.stream().findFirst());
    }

    /** Runs one or several statements without values and without a result. */
    public Uni<Void> execute(Sql script) {
        return connection
                .query(script.text())
                .execute()
                .onFailure()
                .transform(DatabaseFailures::translate)
                .replaceWithVoid();
    }

    /**
     * Lets PostgreSQL check text that a user wrote, as one statement, without running it.
     *
     * @return fails with the position of the error
     */
    public Uni<Void> check(String statement) {
        return connection
                .prepare(statement)
                .flatMap(prepared -> prepared.close())
                .onFailure()
                .transform(DatabaseFailures::translate);
    }

    /**
     * Stores a user's query as a view that runs with the rights of whoever reads it, and wraps it, so that PostgreSQL
     * prints every column with its relation. The text travels as a single statement; {@link #check} it before for errors
     * at their place.
     */
    public Uni<Void> createView(QualifiedName view, String query) {
        String statement = Sql.of("CREATE VIEW {} WITH (security_invoker = true) AS SELECT * FROM (\n", view)
                        .text()
                + query
                + "\n) AS q";
        return connection
                .preparedQuery(statement)
                .execute()
                .onFailure()
                .transform(DatabaseFailures::translate)
                .replaceWithVoid();
    }

    /** Calls {@code listener} with the channel and payload of each notification. */
    public void onNotification(java.util.function.BiConsumer<String, String> listener) {
        ((PgConnection) connection.getDelegate())
                .notificationHandler(message -> listener.accept(message.getChannel(), message.getPayload()));
    }

    /** Calls {@code listener} when the connection is gone, for whatever reason. */
    public void onClose(Runnable listener) {
        connection.closeHandler(listener);
    }

    /**
     * Runs a function of an owner's. Until {@link #restore} nothing else is run but {@link #execute scripts}, whose
     * statements nobody can have exchanged.
     */
    Uni<List<Row>> confined(Sql call, @Nullable Object... values) {
        if (suspect) {
            return Uni.createFrom().failure(unchecked());
        }
        confined = true;
        suspect = true;
        return send(call, values);
    }

    /** As {@link #query}, after {@link #confined} work that has certainly run nothing of the owner's. */
    Uni<List<Row>> trusted(Sql sql) {
        suspect = false;
        return send(sql);
    }

    /** Takes back what {@link #confined} work may have set, and fails if it has left anything else behind. */
    Uni<Void> restore(Sql settings) {
        return execute(Sql.of("{};\n{}", check(), settings)).invoke(() -> suspect = false);
    }

    /** The statements that the connection keeps prepared for such work. */
    PreparedStatements prepared() {
        return PREPARED.computeIfAbsent(driver(), connection -> new PreparedStatements());
    }

    private Sql check() {
        return Sql.of(CHECK, Connections.SETTINGS, Sql.literal(prepared().fingerprint()));
    }

    /**
     * Gives the connection back, or closes it for good if it is broken, or bears traces of work with the rights of others that
     * cannot be removed. Never fails.
     */
    public Uni<Void> close() {
        return tidy().flatMap(tidy -> spoiled ? terminate() : Uni.createFrom().voidItem())
                .flatMap(done -> connection.close())
                .onFailure()
                .recoverWithNull();
    }

    private Uni<Void> tidy() {
        return !confined || spoiled
                ? Uni.createFrom().voidItem()
                : execute(Sql.of(TIDY, check()))
                        .onFailure()
                        .invoke(thrown -> {
                            spoiled = true;
                            LOG.warnf("a connection is closed, not used again: %s", thrown.getMessage());
                        })
                        .onFailure()
                        .recoverWithNull();
    }

    /**
     * Cuts a connection that does not answer any more; what waits for it fails. To close it properly would wait for the
     * answer, and to give it back would hand it to the next.
     */
    public void cut() {
        driver().socket().close().onComplete(done -> {});
    }

    /**
     * Has the server end the connection, and waits until the pool has noticed, which would hand it to the next: it is told
     * after the handler, before anything else.
     */
    @SuppressWarnings("CheckReturnValue") // What would cancel it.
    private Uni<Void> terminate() {
        Uni<Void> closed = Uni.createFrom().emitter(end -> {
            Context context = Vertx.currentContext();
            connection.closeHandler(() -> context.runOnContext(noticed -> end.complete(null)));
            execute(TERMINATE).subscribe().with(done -> {}, gone -> LOG.tracef("ended: %s", gone));
        });
        return closed.ifNoItem().after(TERMINATION_MAX).recoverWithItem((Void) null);
    }

    private SocketConnectionBase driver() {
        Connection driver = ((SqlConnectionInternal) connection.getDelegate()).unwrap();
        return (SocketConnectionBase) driver.unwrap();
    }

    private static List<Row> rows(RowSet<io.vertx.mutiny.sqlclient.Row> set) {
        List<Row> rows = new ArrayList<>();
        Consumer<io.vertx.mutiny.sqlclient.Row> add = row -> rows.add(new Row(row));
        set.forEach(add);
        return rows;
    }
}
