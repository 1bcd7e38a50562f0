package io.runnel.refresh.random;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Queries with windows, DISTINCT ON and limits around others. An order that decides what is shown is by the whole row's
 * text, so that rows which are equal in it are identical.
 */
final class RandomOrders {

    private static final List<Kind> KINDS = List.of(Kind.values());

    private final Dice dice;

    RandomOrders(Dice dice) {
        this.dice = dice;
    }

    /** A query of columns {@code c0} to {@code cn} of these kinds, of which some are window calls. */
    String windows(List<Kind> kinds, Function<List<Kind>, String> query) {
        List<Kind> inside = new ArrayList<>(kinds);
        inside.add(dice.of(KINDS));
        inside.add(Kind.INT);
        String clause = "";
        String named = dice.once(3) ? "w" : "";
        if (!named.isEmpty()) {
            clause = "\nWINDOW w AS (" + over(inside) + ")";
        }
        List<String> outputs = new ArrayList<>();
        for (int i = 0; i < kinds.size(); i++) {
            String call = dice.once(3) ? "c" + i : call(kinds.get(i), i, inside, named);
            outputs.add(call + " AS c" + i);
        }
        return "SELECT " + dice.text("", "", "", "ALL ") + String.join(", ", outputs) + "\nFROM (\n"
                + query.apply(inside) + "\n) q" + where() + clause;
    }

    private String where() {
        return dice.once(4) ? "\nWHERE c0 IS NOT NULL" : "";
    }

    private String call(Kind kind, int column, List<Kind> inside, String named) {
        String over = " OVER " + (named.isEmpty() || dice.once(3) ? "(" + over(inside) + ")" : named);
        String total = " OVER (ORDER BY " + row(inside.size()) + " " + frame() + ")";
        int number = inside.size() - 1;
        String filter = dice.once(4) ? " FILTER (WHERE c" + number + " > 0)" : "";
        return switch (kind) {
            case INT -> dice.text("max(c" + number + ")", "min(c" + number + ")") + filter + over;
            case BIGINT ->
                dice.once(2)
                        ? dice.text("rank()", "dense_rank()", "count(*)", "count(c0)", "sum(c" + number + ")") + over
                        : "(" + dice.text("row_number()", "sum(c" + number + ")" + filter, "count(*)" + filter) + total
                                + " + 1)";
            case NUM -> "round(avg(c" + number + ")" + filter + over + ", 2)";
            case TEXT, LATIN, DATE, BOOL, INTS ->
                dice.text("lag(", "lead(", "first_value(", "last_value(") + "c" + column + ")" + total;
            case FLOAT -> dice.text("percent_rank()", "cume_dist()") + over;
            case LOOSE -> "sum(c" + column + ")" + total;
            case JSON -> "c" + column;
        };
    }

    /** A window in which rows that are equal in the order get the same. */
    private String over(List<Kind> inside) {
        List<String> keys = IntStream.range(0, dice.below(3))
                .mapToObj(i -> "c" + dice.below(inside.size()))
                .toList();
        String partition = keys.isEmpty() ? "" : "PARTITION BY " + String.join(", ", keys);
        if (dice.once(4)) {
            return partition + " ORDER BY c" + (inside.size() - 1)
                    + dice.text("", " RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING");
        }
        return dice.once(3)
                ? partition
                : partition + " ORDER BY c" + dice.below(inside.size()) + dice.text("", " DESC", " NULLS FIRST")
                        + dice.text("", "", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE GROUP");
    }

    private String frame() {
        return dice.text(
                "",
                "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
                "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                "GROUPS 2 PRECEDING");
    }

    /** The first rows, or the first of each group, of a query of these kinds. */
    String limited(List<Kind> kinds, Function<List<Kind>, String> query) {
        String columns = IntStream.range(0, kinds.size()).mapToObj(i -> "c" + i).collect(Collectors.joining(", "));
        String order = row(kinds.size()) + dice.text("", " DESC");
        String from = "\nFROM (\n" + query.apply(kinds) + "\n) q" + where();
        if (dice.once(3)) {
            String key = "c" + dice.below(kinds.size());
            return "SELECT DISTINCT ON (" + key + ") " + columns + from + "\nORDER BY " + key + ", " + order
                    + limit("");
        }
        String ties = dice.once(3) ? "c" + dice.below(kinds.size()) + dice.text("", " DESC NULLS LAST") : "";
        return ties.isEmpty()
                ? "SELECT " + columns + from + "\nORDER BY " + order + limit(" LIMIT " + (1 + dice.below(6)))
                : "SELECT " + columns + from + "\nORDER BY " + ties + " FETCH FIRST " + (1 + dice.below(4))
                        + " ROWS WITH TIES";
    }

    private static String columns(int count) {
        return IntStream.range(0, count).mapToObj(i -> "c" + i).collect(Collectors.joining(", "));
    }

    private static String row(int columns) {
        return "ROW(" + columns(columns) + ")::text COLLATE \"C\"";
    }

    private String limit(String otherwise) {
        return dice.text(otherwise, otherwise, otherwise + " OFFSET 2", " LIMIT 3 OFFSET 1");
    }
}
