package io.runnel.rows;

import io.runnel.postgres.Confined;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Runner;
import io.runnel.rows.Ordering.Following;
import io.runnel.rows.Ordering.Range;
import io.runnel.rows.Requirement.Freshness;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Reads one page in a transaction that is open, with the rights of the table's owner. */
final class Pages {

    /** How many bytes of JSON a page has at most; the row that passes the limit is the last one. */
    static final long BYTES_MAX = 8L << 20;

    private static final String CHECK =
            "SELECT NULL::text AS json, NULL::text[] AS keys, pg_column_size(ROW({}))::bigint AS found";

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
        ORDER BY page.number\
        """;

    /** What the rows of both are declared as. */
    private static final Sql COLUMNS = Sql.of("json text, keys text[], found bigint");

    private static final Set<String> UNSUITABLE =
            Set.of("postgres-42883", "postgres-42804", "postgres-42725", "postgres-25p02");

    private Pages() {}

    /**
     * Where the rows come from.
     *
     * @param rows what stands after FROM
     * @param confined how the owner reads them
     */
    record Origin(Sql rows, Confined confined) {}

    static Uni<Reading> page(Served served, PageRequest request, Origin origin, Freshness freshness) {
        List<Range> ranges = request.place()
                .map(place -> request.ordering().after(place))
                .orElse(List.of(new Range(0, Following.NOT, 0)));
        Collected collected = new Collected(request.limit() + 1);
        return check(request, origin)
                .flatMap(checked -> read(request, origin, ranges, 0, collected))
                .map(read -> finish(served, request, freshness, collected));
    }

    /** Casts the values before they are used, so that what is wrong with one is not taken for a failure of the query. */
    private static Uni<Void> check(PageRequest request, Origin origin) {
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
        return run(origin, Sql.of(CHECK, casts), bound)
                .onFailure(Pages::told)
                .transform(thrown -> wrong((Failure) thrown, request))
                .replaceWithVoid();
    }

    private static Uni<List<Row>> run(Origin origin, Sql statement, Values bound) {
        return origin.confined().planned(statement, COLUMNS, bound.texts());
    }

    /** What is wrong with the request, and not that the functions were taken away of a role that owns nothing. */
    private static boolean told(Throwable thrown) {
        return thrown instanceof Failure.Invalid && !Runner.gone(thrown);
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
            PageRequest request, Origin origin, List<Range> ranges, int index, Collected collected) {
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
                origin.rows(),
                Sql.join(" AND ", conditions),
                request.ordering().sql(),
                bound.bind(collected.missing()),
                bound.bind(range.skipped()),
                bound.bind(collected.bytesLeft()));
        return run(origin, query, bound)
                .onFailure(Pages::told)
                .transform(thrown -> unsuitable((Failure) thrown, request))
                .invoke(collected::add)
                .flatMap(found -> read(request, origin, ranges, index + 1, collected));
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
