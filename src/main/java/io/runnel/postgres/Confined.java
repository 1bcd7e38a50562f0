package io.runnel.postgres;

import io.runnel.sql.Identifier;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Work of one transaction with the rights of a role, which may call functions of that role's: in queries, expressions,
 * triggers, policies. Nothing in it can give the rights back, nor leave anything behind in the session that would be run
 * later with the service's rights: if it does, the work fails, and the connection is closed.
 *
 * <p>Between such work the session is the service's: its role, its search path, and the settings
 * that it has chosen for the transaction.
 */
public final class Confined {

    private static final String QUERY = """
            SELECT * FROM runnel_confined.{}($1::pg_catalog.text, $2::pg_catalog.text, $3::pg_catalog.text[]) AS r({})""";
    private static final String EXECUTE = "SELECT runnel_confined.{}($1::pg_catalog.text, $2::pg_catalog.text)";
    private static final String PREPARE = "PREPARE {} AS {}";
    private static final String PREPARED = "EXECUTE {}{}";
    private static final String DEALLOCATE = "DEALLOCATE {}";
    private static final Sql SAVE = Sql.of("SAVEPOINT attempt");
    private static final Sql GO_BACK = Sql.of("ROLLBACK TO SAVEPOINT attempt");
    private static final Sql FINGERPRINT = Sql.of("SELECT runnel_internal.prepared() AS fingerprint");

    private final Session session;
    private final Runner runner;
    private final String path;
    private final Sql settings;

    /**
     * @param path the search path that the work finds names by
     * @param settings what the transaction has set for itself, as SET LOCAL statements: work may have changed them, so they
     *     are made again after it
     */
    public Confined(Session session, Runner runner, SearchPath path, Sql settings) {
        this.session = session;
        this.runner = runner;
        this.path = path.sql().text();
        this.settings = settings;
    }

    /**
     * Runs a statement that is run again and again, and keeps its plan.
     *
     * @param columns the names and types of its result, as they are declared
     * @param values for its parameters, which must be texts
     */
    public Uni<List<Row>> query(Sql statement, Sql columns, String... values) {
        Identifier name = PreparedStatements.name(runner, path, statement.text());
        Sql arguments = values.length == 0
                ? Sql.of("")
                : Sql.of("({})", Arrays.stream(values).map(Sql::literal).toList());
        Uni<Void> prepared = session.prepared().use(name) ? Uni.createFrom().voidItem() : prepare(name, statement);
        return prepared.flatMap(done -> run(Sql.of(PREPARED, name, arguments).text(), columns));
    }

    /** Runs a statement that is planned for its values, all of which are one parameter, an array of texts. */
    public Uni<List<Row>> planned(Sql statement, Sql columns, @Nullable String... values) {
        return run(statement.text(), columns, values);
    }

    /** Runs one or several statements without values and without a result. */
    public Uni<Void> execute(Sql script) {
        return script(script.text()).call(this::restore);
    }

    /** As {@link #query}, for at most one row. */
    public Uni<Optional<Row>> one(Sql statement, Sql columns, String... values) {
        return query(statement, columns, values).map(rows -> rows.stream().findFirst());
    }

    /** Does work, or, if it fails in such a way, nothing of it but the other. */
    public <T> Uni<T> attempt(Supplier<Uni<T>> work, Predicate<Failure> failed, Supplier<Uni<T>> otherwise) {
        return session.execute(SAVE)
                .flatMap(saved -> work.get())
                .onFailure(thrown -> thrown instanceof Failure failure && failed.test(failure))
                .recoverWithUni(thrown ->
                        session.execute(GO_BACK).flatMap(back -> restore()).flatMap(restored -> otherwise.get()));
    }

    private Uni<List<Row>> run(String statement, Sql columns, @Nullable String... values) {
        return session.confined(Sql.of(QUERY, runner.query(), columns), path, statement, values)
                .call(this::restore);
    }

    private Uni<Void> script(String text) {
        return session.confined(Sql.of(EXECUTE, runner.execute()), path, text).replaceWithVoid();
    }

    /** Nothing of the owner's runs while a statement is analysed, so what is prepared then is what the service prepares. */
    private Uni<Void> prepare(Identifier name, Sql statement) {
        PreparedStatements prepared = session.prepared();
        List<Sql> scripts = new ArrayList<>();
        prepared.surplus().ifPresent(surplus -> {
            prepared.removed(surplus);
            scripts.add(Sql.of(DEALLOCATE, surplus));
        });
        scripts.add(Sql.of(PREPARE, name, statement));
        return script(Sql.join(";\n", scripts).text())
                .flatMap(done -> session.trusted(FINGERPRINT))
                .invoke(rows -> {
                    prepared.added(name, statement);
                    prepared.fingerprint(rows.get(0).text("fingerprint"));
                })
                .replaceWithVoid();
    }

    /**
     * Makes the session the service's again after work, if it has left nothing behind; for callers only after work that has
     * failed and was rolled back to a savepoint.
     */
    public Uni<Void> restore() {
        return session.restore(settings);
    }
}
