package io.runnel.rows;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Session;
import io.runnel.rows.Ordering.Following;
import io.runnel.rows.Ordering.Range;
import io.runnel.rows.Requirement.Freshness;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads pages, each in one REPEATABLE READ transaction that writes nothing, with the rights of the table's owner. */
@ApplicationScoped
public class PageReader {

    /** How long a page may take before PostgreSQL cancels it. */
    static final String STATEMENT_TIMEOUT = "30s";

    /** How many bytes of JSON a page has at most; the row that passes the limit is the last one. */
    static final long BYTES_MAX = 8L << 20;

    /**
     * The table is locked before the snapshot, because to a snapshot that is older than a TRUNCATE the table would be
     * empty. Plans are made for the values, because how many rows are wanted decides whether an index is worth it.
     */
    private static final String SETTINGS = """
            SET TRANSACTION READ ONLY;
            SET LOCAL search_path = {};
            SET LOCAL TimeZone = {};
            SET LOCAL DateStyle = 'ISO, MDY';
            SET LOCAL IntervalStyle = 'postgres';
            SET LOCAL extra_float_digits = 1;
            SET LOCAL bytea_output = 'hex';
            SET LOCAL lock_timeout = '2s';
            SET LOCAL statement_timeout = {};
            SET LOCAL idle_in_transaction_session_timeout = '1min';
            SET LOCAL plan_cache_mode = force_custom_plan;
            SET LOCAL max_parallel_workers_per_gather = 0;
            SET LOCAL jit = off;
            SET LOCAL random_page_cost = 1.1;
            SET LOCAL ROLE {};
            {};
            SET LOCAL ROLE NONE""";

    private static final String LOCK_TABLE = "LOCK TABLE {} IN ACCESS SHARE MODE";

    /** LOCK TABLE does not take materialized views. This takes the same lock and reads nothing, but takes the snapshot first. */
    private static final String LOCK_VIEW = "SELECT FROM {} WHERE false";

    /**
     * What a plain refresh has written is visible to older snapshots too. Once the view is locked there are no more, so if its
     * file is the one that the snapshot knows, its contents are those that the snapshot knows.
     */
    private static final Sql UNMOVED = Sql.of("""
            SELECT coalesce(bool_and(relfilenode = pg_relation_filenode(oid)), false) AS unmoved
            FROM pg_class
            WHERE oid = to_regclass($1::text)""");

    /** How often a view is read again that was exchanged between snapshot and lock. */
    static final int EXCHANGES_MAX = 5;

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

    private static final String BECOME = "SET LOCAL ROLE {}";
    private static final String DEFINITION = "(SELECT {} FROM {} AS v)";
    private static final String CHECK = "SELECT pg_column_size(ROW({}))::bigint AS size";

    /** The rows in order, no more than are wanted, then their JSON, then no more of that than is allowed. */
    private static final String PAGE = """
            SELECT CASE WHEN page.bytes <= {} THEN page.json END AS json, page.keys, page.found
            FROM (
              SELECT page.json, page.keys, page.number, octet_length(page.json) AS bytes, count(*) OVER () AS found,
                sum(octet_length(page.json)) OVER (ORDER BY page.number ROWS UNBOUNDED PRECEDING) AS total
              FROM (
                SELECT (SELECT row_to_json(shown) FROM (SELECT {}) AS shown)::text AS json, ARRAY[{}]::text[] AS keys,
                  row_number() OVER (ORDER BY {}) AS number
                FROM (
                  SELECT *
                  FROM {} AS t
                  WHERE {}
                  ORDER BY {}
                  LIMIT {} OFFSET {}
                ) AS t
              ) AS page
            ) AS page
            WHERE page.total - page.bytes < {}
            ORDER BY page.number""";

    private static final String EXCHANGED = "view-exchanged";
    private static final Set<String> UNSUITABLE =
            Set.of("postgres-42883", "postgres-42804", "postgres-42725", "postgres-25p02");

    private final Database database;
    private final Turns turns;

    PageReader(Database database, Turns turns) {
        this.database = database;
        this.turns = turns;
    }

    /** Reads the table, if it is as fresh as it must be. */
    public Uni<Reading> stored(Served served, PageRequest request, Requirement requirement) {
        Sql table = Sql.of("{}", served.table());
        return within(
                        served,
                        served.exchanged() ? Sql.of(LOCK_VIEW, table) : Sql.of(LOCK_TABLE, table),
                        session -> unmoved(session, served)
                                .flatMap(unmoved -> measure(session, served, requirement)
                                        .flatMap(measured -> {
                                            if (!requirement.met(measured) || !measured.populated()) {
                                                return Uni.createFrom().item(new Reading.TooOld(measured));
                                            }
                                            return page(session, served, request, table, measured);
                                        })))
                .onFailure(PageReader::exchanged)
                .retry()
                .atMost(EXCHANGES_MAX);
    }

    private static boolean exchanged(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals(EXCHANGED);
    }

    /** Fails if the view was exchanged after the snapshot was taken. */
    private static Uni<Void> unmoved(Session session, Served served) {
        if (!served.exchanged()) {
            return Uni.createFrom().voidItem();
        }
        String name = served.table().sql().text();
        return session.one(UNMOVED, name)
                .invoke(row -> {
                    if (!row.orElseThrow().truth("unmoved")) {
                        throw new Failure.Unavailable(
                                EXCHANGED,
                                "materialized view " + served.table().display()
                                        + " was refreshed before it could be read",
                                "try again; refreshes that are CONCURRENTLY do not get in the way of readers");
                    }
                })
                .replaceWithVoid();
    }

    /** Runs the definition instead; fails if the table has none. */
    public Uni<Reading> live(Served served, PageRequest request, Requirement requirement) {
        var view = served.definition()
                .orElseThrow(() -> new Failure.Invalid(
                        "no-definition",
                        served.table().display() + " has no query that could be run instead",
                        "use fallback=stale or fallback=error"));
        List<Sql> columns = served.columns().stream()
                .map(column -> Sql.of("v.{} AS {}", column.inDefinition().orElseThrow(), column.name()))
                .toList();
        Sql rows = Sql.of(DEFINITION, columns, view);
        return within(
                served,
                Sql.of(LOCK_TABLE, view),
                session -> measureLive(session, served, requirement)
                        .flatMap(measured -> requirement.met(measured)
                                ? page(session, served, request, rows, measured)
                                : Uni.createFrom().<Reading>item(new Reading.TooOld(measured))));
    }

    private <T> Uni<T> within(Served served, Sql locked, java.util.function.Function<Session, Uni<? extends T>> work) {
        Sql opening = Sql.of(
                SETTINGS,
                served.path().sql(),
                Sql.literal(served.timeZone()),
                Sql.literal(STATEMENT_TIMEOUT),
                served.owner(),
                locked);
        return turns.take(() -> database.session(session -> database.<T>snapshot(
                        session, opening, opened -> work.apply(opened).map(result -> result))))
                .onFailure(Failure.Unavailable.class)
                .transform(PageReader::slow);
    }

    private static Throwable slow(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals("postgres-57014")
                ? new Failure.Unavailable(
                        "rows-timeout",
                        "reading the rows took longer than " + STATEMENT_TIMEOUT,
                        "create an index for the filters and the order, or ask for less")
                : thrown;
    }

    private static Uni<Freshness> measure(Session session, Served served, Requirement requirement) {
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

    /** A table with a definition has one read model. */
    private static Uni<Freshness> measureLive(Session session, Served served, Requirement requirement) {
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

    private static Uni<Reading> page(
            Session session, Served served, PageRequest request, Sql rows, Freshness freshness) {
        List<Range> ranges = request.place()
                .map(place -> request.ordering().after(place))
                .orElse(List.of(new Range(0, Following.NOT, 0)));
        Collected collected = new Collected(request.limit() + 1);
        return session.execute(Sql.of(BECOME, served.owner()))
                .flatMap(become -> check(session, request))
                .flatMap(checked -> read(session, request, rows, ranges, 0, collected))
                .map(read -> finish(served, request, freshness, collected));
    }

    /** Casts the values before they are used, so that what is wrong with one is not taken for a failure of the query. */
    private static Uni<Void> check(Session session, PageRequest request) {
        Values bound = new Values();
        List<Sql> casts = new ArrayList<>();
        request.filters().stream()
                .filter(Filter::typed)
                .forEach(filter -> filter.values()
                        .forEach(value ->
                                casts.add(bound.bind(value, filter.column().type()))));
        request.place().ifPresent(place -> {
            for (int i = 0; i < place.values().size(); i++) {
                String value = place.values().get(i);
                if (value != null) {
                    casts.add(bound.bind(value, request.ordering().keys().get(i).type()));
                }
            }
        });
        if (casts.isEmpty()) {
            return Uni.createFrom().voidItem();
        }
        return session.query(Sql.of(CHECK, casts), bound.array())
                .onFailure(Failure.Invalid.class)
                .transform(thrown -> wrong((Failure) thrown, request))
                .replaceWithVoid();
    }

    private static Failure wrong(Failure failure, PageRequest request) {
        return new Failure.Invalid(
                "invalid-value",
                failure.message(),
                failure.detail(),
                "write values as PostgreSQL does; the filters are on "
                        + request.filters().stream()
                                .map(filter -> filter.column().name().name() + " "
                                        + filter.column().type().name().name())
                                .distinct()
                                .collect(Collectors.joining(", ")),
                0);
    }

    private static Uni<Void> read(
            Session session, PageRequest request, Sql rows, List<Range> ranges, int index, Collected collected) {
        if (index >= ranges.size() || collected.full()) {
            return Uni.createFrom().voidItem();
        }
        Range range = ranges.get(index);
        Values bound = new Values();
        List<Sql> conditions = new ArrayList<>();
        request.filters().forEach(filter -> conditions.add(filter.condition(bound)));
        request.place().ifPresent(place -> conditions.add(request.ordering().condition(range, place, bound)));
        if (conditions.isEmpty()) {
            conditions.add(Sql.of("true"));
        }
        List<Sql> keys = request.ordering().keys().stream()
                .map(key -> Sql.of("({})::text", key.expression()))
                .toList();
        List<Sql> shown = request.columns().stream()
                .map(column -> Sql.of("t.{}", column.name()))
                .toList();
        Sql query = Sql.of(
                PAGE,
                bound.bind(BYTES_MAX),
                shown,
                keys,
                request.ordering().sql(),
                rows,
                Sql.join(" AND ", conditions),
                request.ordering().sql(),
                bound.bind(collected.missing()),
                bound.bind(range.skipped()),
                bound.bind(collected.bytesLeft()));
        return session.query(query, bound.array())
                .onFailure(Failure.Invalid.class)
                .transform(thrown -> unsuitable((Failure) thrown, request))
                .invoke(collected::add)
                .flatMap(found -> read(session, request, rows, ranges, index + 1, collected));
    }

    /**
     * A type may lack the operator of a filter, or an order. The driver prepares a statement that was refused for its types
     * once more, in the transaction that has failed by then.
     */
    private static Throwable unsuitable(Failure failure, PageRequest request) {
        if (!UNSUITABLE.contains(failure.code())) {
            return failure;
        }
        Stream<String> filters = request.filters().stream()
                .map(filter ->
                        filter.operator() + " on " + filter.column().name().name() + " ("
                                + filter.column().type().name().name() + ")");
        Stream<String> order = request.ordering().keys().stream()
                .map(key -> "order of " + key.label() + " (" + key.type().name().name() + ")");
        return new Failure.Invalid(
                "unsuitable-column",
                "a type has no such operator or no order",
                Stream.concat(filters, order).collect(Collectors.joining(", ")),
                "choose another column or operator",
                0);
    }

    private static Reading finish(Served served, PageRequest request, Freshness freshness, Collected collected) {
        List<Collected.Line> lines = collected.lines();
        boolean more = collected.cut() || lines.size() > request.limit();
        List<Collected.Line> kept = lines.subList(0, Math.min(lines.size(), request.limit()));
        if (!more || kept.isEmpty()) {
            return new Reading.Page(freshness, json(kept), Optional.empty());
        }
        List<@Nullable String> last = kept.get(kept.size() - 1).keys();
        long seen = 0;
        for (int i = kept.size() - 1; i >= 0 && kept.get(i).keys().equals(last); i--) {
            seen++;
        }
        if (seen == kept.size()) {
            seen += request.place()
                    .filter(place -> place.values().equals(last))
                    .map(Cursor::seen)
                    .orElse(0L);
        }
        Cursor next = new Cursor(request.ordering().fingerprint(served), last, seen);
        return new Reading.Page(freshness, json(kept), Optional.of(next.text()));
    }

    private static List<String> json(List<Collected.Line> lines) {
        return lines.stream().map(Collected.Line::json).toList();
    }
}
