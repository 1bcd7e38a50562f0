package io.runnel.api;

import io.runnel.catalog.StreamTableStatus;
import io.runnel.definition.Definitions;
import io.runnel.definition.Explanation;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Session;
import io.runnel.security.Acting;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Writes definitions through the SQL functions, which do all the work; what they cannot say, such as where in a query
 * an error is, is found out before.
 */
@ApplicationScoped
class Commands {

    private static final Sql CREATE = Sql.of("""
            SELECT runnel.create_stream_table($1::text, $2::text, $3::text, $4::text, $5::boolean,
              $6::double precision) AS id""");
    private static final Sql REPLACE = Sql.of("""
            SELECT runnel.create_or_replace_stream_table($1::text, $2::text, $3::text, $4::text, $5::boolean,
              $6::double precision) AS id""");
    private static final Sql ALTER = Sql.of("""
            SELECT FROM runnel.alter_stream_table($1::text, $2::text, $3::text, $4::text,
              max_changed_share => $5::double precision)""");
    private static final Sql DROP = Sql.of("SELECT FROM runnel.drop_stream_table($1::text, $2::boolean)");
    private static final Sql PAUSE = Sql.of("SELECT FROM runnel.pause_stream_table($1::text)");
    private static final Sql RESUME = Sql.of("SELECT FROM runnel.resume_stream_table($1::text)");
    private static final Sql APPROVE = Sql.of("SELECT FROM runnel.approve_refresh($1::text)");
    private static final Sql REINITIALIZE = Sql.of("SELECT FROM runnel.reinitialize_stream_table($1::text)");

    /** Somebody may read the table for hours; the caller is told to come back instead of waiting as long. */
    private static final Sql PATIENCE = Sql.of("SET LOCAL lock_timeout = '10s'");

    /** Lets PostgreSQL ask whether the caller's role may read what a query reads. */
    private static final Sql CHECK = Sql.of("SELECT FROM runnel_internal.checked_query($1::text)");

    private static final String CREATE_INDEX = "CREATE INDEX ON {} ({})";

    /** Whether a plain index over exactly these columns is there. */
    private static final Sql HAS_INDEX = Sql.of("""
            SELECT EXISTS (
                SELECT
                FROM pg_index
                WHERE indrelid = to_regclass($1::text) AND indpred IS NULL AND indexprs IS NULL
                    AND $2::text[] = ARRAY(
                        SELECT attname::text
                        FROM unnest(indkey::smallint[]) WITH ORDINALITY AS key (number, place)
                        JOIN pg_attribute ON attrelid = indrelid AND attnum = number
                        WHERE place <= indnkeyatts
                        ORDER BY place)) AS present""");

    private final Acting acting;
    private final Definitions definitions;

    Commands(Acting acting, Definitions definitions) {
        this.acting = acting;
        this.definitions = definitions;
    }

    /** @return the id */
    Uni<Long> create(QualifiedName name, CreateRequest request) {
        return define(CREATE, name, request);
    }

    /** @return the id */
    Uni<Long> createOrReplace(QualifiedName name, CreateRequest request) {
        return define(REPLACE, name, request);
    }

    private Uni<Long> define(Sql function, QualifiedName name, CreateRequest request) {
        String query = Inputs.text("query", request.query());
        String schedule = request.scheduleOrDefault();
        String mode = request.modeOrDefault();
        List<List<String>> indexes = request.indexesOrNone();
        return validate(query)
                .invoke(explanation -> refuseUnlessMaintainable(mode, explanation))
                .flatMap(valid -> transaction(session -> session.query(
                                function,
                                name.sql().text(),
                                query,
                                schedule,
                                mode,
                                request.initializeOrDefault(),
                                request.maxChangedShare())
                        .map(rows -> rows.get(0).number("id"))
                        .call(id -> index(session, name, indexes))));
    }

    Uni<Explanation> validate(String query) {
        return Uni.createFrom().deferred(() -> definitions.validate(Inputs.text("query", query)));
    }

    /** The same, for somebody who asks only for that: creating it would find out what the caller's role may not read. */
    Uni<Explanation> validateAsCaller(String query) {
        return validate(query).call(valid -> transaction(session -> session.query(CHECK, query)));
    }

    Uni<Explanation> explain(long id) {
        return Uni.createFrom().deferred(() -> definitions.explain(id));
    }

    private static Uni<Void> index(Session session, QualifiedName name, List<List<String>> indexes) {
        return Multi.createFrom()
                .iterable(indexes)
                .onItem()
                .transformToUniAndConcatenate(columns -> index(session, name, columns.toArray(new String[0])))
                .collect()
                .last()
                .replaceWithVoid();
    }

    private static Uni<Void> index(Session session, QualifiedName name, String[] columns) {
        List<Identifier> identifiers =
                List.of(columns).stream().map(Identifier::of).toList();
        return session.query(HAS_INDEX, name.sql().text(), columns)
                .flatMap(rows -> rows.get(0).truth("present")
                        ? Uni.createFrom().voidItem()
                        : session.execute(Sql.of(CREATE_INDEX, name, Sql.list(identifiers))));
    }

    Uni<Void> alter(StreamTableStatus table, AlterRequest request) {
        @Nullable String mode = request.refreshMode() == null ? null : Inputs.mode(request.refreshMode());
        @Nullable String schedule = request.schedule() == null ? null : Inputs.text("schedule", request.schedule());
        @Nullable String query = request.query() == null ? null : Inputs.text("query", request.query());
        return explanationOf(table, query, mode)
                .flatMap(valid -> transaction(session -> session.query(
                        ALTER, table.name().sql().text(), query, schedule, mode, request.maxChangedShare())))
                .replaceWithVoid();
    }

    /** Fails unless the definition as altered can be had; a change of the schedule alone need not be looked at. */
    private Uni<Void> explanationOf(StreamTableStatus table, @Nullable String query, @Nullable String mode) {
        String wanted = mode == null ? table.refreshMode() : mode;
        Uni<Explanation> explanation;
        if (query != null) {
            explanation = validate(query);
        } else if (wanted.equals("DIFFERENTIAL") && !wanted.equals(table.refreshMode())) {
            explanation = explain(table.id());
        } else {
            return Uni.createFrom().voidItem();
        }
        return explanation
                .invoke(found -> refuseUnlessMaintainable(wanted, found))
                .replaceWithVoid();
    }

    private static void refuseUnlessMaintainable(String mode, Explanation explanation) {
        if (!mode.equals("DIFFERENTIAL") || explanation.refusals().isEmpty()) {
            return;
        }
        OptionalInt position = explanation.refusals().stream()
                .map(Explanation.Refusal::position)
                .filter(OptionalInt::isPresent)
                .findFirst()
                .orElse(OptionalInt.empty());
        throw new Failure.Invalid(
                "not-differential",
                "the query cannot be maintained differentially",
                explanation.refusals().stream().map(Explanation.Refusal::reason).collect(Collectors.joining("; ")),
                "change the query, or use refreshMode AUTO or FULL",
                position.orElse(0));
    }

    Uni<Void> drop(StreamTableStatus table, boolean cascade) {
        return call(DROP, table.name().sql().text(), cascade);
    }

    Uni<Void> pause(StreamTableStatus table) {
        return call(PAUSE, table.name().sql().text());
    }

    Uni<Void> resume(StreamTableStatus table) {
        return call(RESUME, table.name().sql().text());
    }

    Uni<Void> approve(StreamTableStatus table) {
        return call(APPROVE, table.name().sql().text());
    }

    Uni<Void> reinitialize(StreamTableStatus table) {
        return call(REINITIALIZE, table.name().sql().text());
    }

    private Uni<Void> call(Sql function, Object... values) {
        return transaction(session -> session.query(function, values)).replaceWithVoid();
    }

    private <T> Uni<T> transaction(Function<Session, Uni<T>> work) {
        return acting.transaction(session -> session.execute(PATIENCE).flatMap(set -> work.apply(session)));
    }
}
