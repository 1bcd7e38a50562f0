package io.runnel.rows;

import io.runnel.postgres.Failure;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Which rows of a table a client asks for.
 *
 * @param columns those to show, in order
 * @param place after which row to begin
 */
public record PageRequest(
        List<Column> columns, List<Filter> filters, Ordering ordering, int limit, Optional<Cursor> place) {

    /** Rows in a page if nothing else is asked for. */
    public static final int LIMIT_DEFAULT = 100;

    /** Rows in a page at most. */
    public static final int LIMIT_MAX = 1_000;

    static final int FILTERS_MAX = 100;

    public PageRequest {
        columns = List.copyOf(columns);
        filters = List.copyOf(filters);
    }

    /**
     * Reads what a client asks for; fails with what is wrong.
     *
     * @param select columns, separated by commas; empty for all
     * @param order columns with directions, separated by commas
     * @param conditions by column, whose name may stand in double quotes
     */
    public static PageRequest of(
            Served served,
            Optional<String> select,
            Optional<String> order,
            int limit,
            Optional<String> cursor,
            Map<String, List<String>> conditions) {
        List<Filter> filters = new ArrayList<>();
        conditions.forEach((name, texts) -> {
            Column column = served.column(Words.plain(name));
            texts.forEach(text -> filters.add(Filter.parse(column, text)));
        });
        if (filters.size() > FILTERS_MAX) {
            throw new Failure.Invalid(
                    "invalid-filter",
                    "there are more than " + FILTERS_MAX + " conditions",
                    "use in.(a,b) for many values");
        }
        if (filters.stream().mapToInt(filter -> filter.values().size()).sum() > Filter.VALUES_MAX) {
            throw new Failure.Invalid(
                    "invalid-filter",
                    "there are more than " + Filter.VALUES_MAX + " values",
                    "ask in several requests");
        }
        Ordering ordering = Ordering.parse(order, served);
        return new PageRequest(
                select.map(text -> columns(text, served)).orElse(served.columns()),
                filters,
                ordering,
                limit,
                cursor.map(text -> Cursor.parse(
                        text, ordering.fingerprint(served), ordering.keys().size())));
    }

    private static List<Column> columns(String text, Served served) {
        List<Column> columns = Words.split(text, ',').stream()
                .map(word -> served.column(Words.plain(word)))
                .toList();
        if (columns.stream().distinct().count() < columns.size()) {
            throw new Failure.Invalid("invalid-select", "a column is chosen twice", "name each column once");
        }
        return columns;
    }
}
