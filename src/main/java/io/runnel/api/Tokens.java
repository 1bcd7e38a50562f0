package io.runnel.api;

import io.runnel.catalog.StreamTableStatus;
import io.runnel.postgres.Database;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;

/** Tells whether a stream table includes what a writer has written. */
@ApplicationScoped
class Tokens {

    /**
     * A transaction that is still open has no snapshot yet and is not included. Urging asks for the refreshes that are
     * missing, those of the stream tables below included, and repeats no request that is not answered yet.
     */
    private static final Sql INCLUDED = Sql.of("""
            SELECT coalesce(
                CASE WHEN $3::boolean
                    THEN runnel_internal.urge($1, token.snapshot)
                    ELSE runnel_internal.includes($1, token.snapshot) END,
                false) AS included
            FROM (SELECT runnel_internal.token_snapshot($2::text) AS snapshot OFFSET 0) AS token
            WHERE token.snapshot IS NOT NULL""");

    private final Database database;
    private final Polling polling;

    Tokens(Database database, Polling polling) {
        this.database = database;
        this.polling = polling;
    }

    Uni<Boolean> included(StreamTableStatus table, String token, Duration limit) {
        boolean urge = !limit.isZero() && table.status().equals("ACTIVE");
        return polling.until(
                included -> included,
                limit,
                () -> database.session(session -> session.one(INCLUDED, table.id(), token, urge))
                        .map(row -> row.isPresent() && row.get().truth("included")));
    }
}
