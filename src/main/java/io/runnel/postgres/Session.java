package io.runnel.postgres;

import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import io.vertx.mutiny.sqlclient.RowSet;
import io.vertx.mutiny.sqlclient.SqlConnection;
import io.vertx.mutiny.sqlclient.Tuple;
import io.vertx.pgclient.PgConnection;
import io.vertx.sqlclient.impl.Connection;
import io.vertx.sqlclient.impl.SocketConnectionBase;
import io.vertx.sqlclient.impl.SqlConnectionInternal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** One connection to the database, for as long as its holder needs it. Confined to one event loop. */
public final class Session {

    private static final Logger LOG = Logger.getLogger(Session.class);

    private final SqlConnection connection;

    Session(SqlConnection connection) {
        this.connection = connection;
        // What befalls the connection fails the statement that runs, or tells the close handler; the driver would print
        // its stack as well.
        connection.exceptionHandler(thrown -> LOG.debugf("a connection fails: %s", thrown.getMessage()));
    }

    /** Runs one statement with bound values; numbers, texts and booleans only, all else as text with a cast. */
    public Uni<List<Row>> query(Sql sql, @Nullable Object... values) {
        return connection
                .preparedQuery(sql.text())
                .execute(Tuple.tuple(new ArrayList<>(Arrays.asList(values))))
                .map(Session::rows)
                .onFailure()
                .transform(DatabaseFailures::translate);
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

    /** Gives the connection back, or closes it for good if it is broken. Never fails. */
    public Uni<Void> close() {
        return connection.close().onFailure().recoverWithNull();
    }

    /**
     * Cuts a connection that does not answer any more; what waits for it fails. To close it properly would wait for the
     * answer, and to give it back would hand it to the next.
     */
    void cut() {
        Connection driver = ((SqlConnectionInternal) connection.getDelegate()).unwrap();
        ((SocketConnectionBase) driver.unwrap()).socket().close().onComplete(done -> {});
    }

    private static List<Row> rows(RowSet<io.vertx.mutiny.sqlclient.Row> set) {
        List<Row> rows = new ArrayList<>();
        Consumer<io.vertx.mutiny.sqlclient.Row> add = row -> rows.add(new Row(row));
        set.forEach(add);
        return rows;
    }
}
