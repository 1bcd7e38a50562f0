package io.runnel.api;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** Tells whether a read model includes what a writer has written, and waits for it. */
@ApplicationScoped
class Tokens {

    /** A transaction that is still open has no snapshot yet and is not included. */
    private static final Sql INCLUDED = Sql.of("""
            SELECT runnel_internal.model_includes($1::text, $2, token.snapshot) AS included
            FROM (SELECT runnel_internal.token_snapshot($3::text) AS snapshot OFFSET 0) AS token
            WHERE token.snapshot IS NOT NULL""");

    /**
     * Asks for the refreshes that are missing, those of the read models below included, and repeats no request that is
     * not answered yet. Without a token, what is awaited is everything that was committed before the first look.
     */
    private static final Sql APPROACH = Sql.of("""
            SELECT look.done, look.awaited::text AS awaited, look.included
            FROM (
                SELECT CASE
                    WHEN $4::text IS NOT NULL THEN $4::text::pg_snapshot
                    WHEN $3::text IS NULL THEN pg_current_snapshot()
                    ELSE runnel_internal.token_snapshot($3::text) END AS snapshot
                OFFSET 0
            ) AS token
            CROSS JOIN LATERAL runnel_internal.approach_model(
                $1::text, $2, $5::text[], token.snapshot, $6::text::integer) AS look
            WHERE token.snapshot IS NOT NULL""");

    private static final String OBSTACLE = "postgres-55000";

    private final Database database;
    private final Polling polling;

    Tokens(Database database, Polling polling) {
        this.database = database;
        this.polling = polling;
    }

    /**
     * What {@code …/freshness} says of a token.
     *
     * @param token as given; null if none was, and nothing is said
     * @param urging whether what is missing is made to happen
     */
    Uni<Optional<Boolean>> answer(String kind, long id, @Nullable String token, Duration limit, boolean urging) {
        if (token == null) {
            return Uni.createFrom().item(Optional.empty());
        }
        String given = Inputs.text("token", token);
        Uni<Boolean> included = urging && !limit.isZero()
                ? approach(kind, id, Optional.of(given), limit)
                : included(kind, id, given, limit);
        return included.map(Optional::of);
    }

    /** Looks again and again until the token is included or the time is over, but makes nothing happen. */
    Uni<Boolean> included(String kind, long id, String token, Duration limit) {
        return polling.until(
                included -> included,
                limit,
                () -> database.session(session -> session.one(INCLUDED, kind, id, token))
                        .map(row -> row.isPresent() && row.get().truth("included")));
    }

    /**
     * Makes happen what is missing, and waits for it.
     *
     * @param token what to include; empty for everything committed before the call
     * @return whether it is included; false at once if nothing will happen before somebody acts
     */
    Uni<Boolean> approach(String kind, long id, Optional<String> token, Duration limit) {
        return Uni.createFrom().deferred(() -> {
            AtomicReference<Progress> reached = new AtomicReference<>(Progress.NONE);
            return polling.until(
                            Progress::over,
                            limit,
                            () -> look(kind, id, token, Objects.requireNonNull(reached.get()))
                                    .invoke(reached::set))
                    .map(Progress::included);
        });
    }

    private Uni<Progress> look(String kind, long id, Optional<String> token, Progress before) {
        return database.session(session -> session.one(
                        APPROACH,
                        kind,
                        id,
                        token.orElse(null),
                        before.awaited(),
                        before.done().toArray(new String[0]),
                        Integer.toString(before.looks())))
                .map(row -> row.map(found -> progress(found, before)).orElse(before))
                .onFailure(thrown -> thrown instanceof Failure.Conflict conflict
                        && conflict.code().equals(OBSTACLE))
                .recoverWithItem(() -> new Progress(before.done(), before.awaited(), before.looks(), false, true));
    }

    private static Progress progress(Row row, Progress before) {
        return new Progress(row.texts("done"), row.text("awaited"), before.looks() + 1, row.truth("included"), false);
    }

    /**
     * How far a wait is.
     *
     * @param done the read models below that include what they must
     * @param awaited what the next one must include; null while the token's transaction is open
     * @param hopeless whether nothing will happen before somebody acts
     */
    private record Progress(
            List<String> done, @Nullable String awaited, int looks, boolean included, boolean hopeless) {
        static final Progress NONE = new Progress(List.of(), null, 0, false, false);

        boolean over() {
            return included || hopeless;
        }
    }
}
