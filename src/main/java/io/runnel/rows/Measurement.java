package io.runnel.rows;

import io.runnel.postgres.Session;
import io.runnel.rows.Requirement.Freshness;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.Optional;
import java.util.stream.Collectors;

/** Finds out how fresh rows are, at the snapshot of the transaction in which they are read. */
final class Measurement {

    private static final Sql MEASURE = Sql.of("""
            SELECT CASE WHEN count(*) = 1 THEN min(frontier::text) ELSE pg_current_snapshot()::text END AS frontier,
              pg_current_snapshot()::text AS snapshot,
              CASE WHEN bool_and(lag IS NOT NULL) THEN max(lag) END AS lag_seconds,
              bool_and(frontier IS NOT NULL) AS populated,
              bool_and(CASE WHEN token IS NULL THEN false
                ELSE runnel_internal.model_includes(kind, id, token) END) AS included,
              bool_and(token IS NOT NULL) AS ended
            FROM (
              SELECT one.kind, one.id, runnel_internal.model_lag(one.kind, one.id) AS lag,
                runnel_internal.model_frontier(one.kind, one.id) AS frontier,
                CASE WHEN $3::text IS NOT NULL THEN runnel_internal.token_snapshot($3::text) END AS token
              FROM unnest($1::text[], $2::text::bigint[]) AS one (kind, id)
              OFFSET 0
            ) AS model""");

    /** What is known about the query itself: it is as fresh as the least fresh of the read models that it reads. */
    private static final Sql MEASURE_LIVE = Sql.of("""
            SELECT pg_current_snapshot()::text AS snapshot, below.lag AS lag_seconds, below.included,
              token.snapshot IS NOT NULL AS ended
            FROM (
              SELECT CASE WHEN $3::text IS NOT NULL THEN runnel_internal.token_snapshot($3::text) END AS snapshot
              OFFSET 0
            ) AS token
            CROSS JOIN LATERAL (
              SELECT CASE WHEN count(*) = count(lag) THEN coalesce(max(lag), 0) END AS lag,
                token.snapshot IS NOT NULL AND count(*) FILTER (WHERE NOT inclusion.included) = 0 AS included
              FROM runnel_internal.involved($1::text, $2) AS one
              CROSS JOIN LATERAL runnel_internal.own_lag(one.kind, one.id) AS lag
              CROSS JOIN LATERAL (
                SELECT CASE WHEN token.snapshot IS NOT NULL
                  THEN runnel_internal.model_includes(one.kind, one.id, token.snapshot) END
              ) AS inclusion (included)
              WHERE one.depth > 0
            ) AS below""");

    private Measurement() {}

    /** Of the rows of a table. */
    static Uni<Freshness> measure(Session session, Served served, Requirement requirement) {
        String[] kinds = served.models().stream().map(Served.Model::kind).toArray(String[]::new);
        String ids = served.models().stream()
                .map(model -> Long.toString(model.id()))
                .collect(Collectors.joining(",", "{", "}"));
        return session.one(MEASURE, kinds, ids, requirement.token().orElse(null))
                .map(Optional::orElseThrow)
                .map(row -> new Freshness(
                        row.optionalText("frontier").orElseGet(() -> row.text("snapshot")),
                        row.optionalReal("lag_seconds"),
                        row.truth("populated"),
                        row.truth("included"),
                        row.truth("ended")));
    }

    /** Of the rows that a query computes. A table whose rows can be computed has one read model. */
    static Uni<Freshness> measureLive(Session session, Served served, Requirement requirement) {
        Served.Model model = served.models().get(0);
        return session.one(
                        MEASURE_LIVE,
                        model.kind(),
                        model.id(),
                        requirement.token().orElse(null))
                .map(Optional::orElseThrow)
                .map(row -> new Freshness(
                        row.text("snapshot"),
                        row.optionalReal("lag_seconds"),
                        true,
                        row.truth("included"),
                        row.truth("ended")));
    }
}
