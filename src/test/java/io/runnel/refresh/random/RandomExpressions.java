package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.List;

/** Scalar expressions over given columns; none of them fails for any value that the tables hold. */
final class RandomExpressions {

    private final Dice dice;
    private final List<Column> columns;

    private final List<RandomSubqueries> subqueries;

    RandomExpressions(Dice dice, List<Column> columns) {
        this(dice, columns, List.of());
    }

    /** @param subqueries what makes subqueries where they may stand; empty elsewhere */
    RandomExpressions(Dice dice, List<Column> columns, List<RandomSubqueries> subqueries) {
        this.dice = dice;
        this.columns = List.copyOf(columns);
        this.subqueries = List.copyOf(subqueries);
    }

    boolean has(Kind kind) {
        return columns.stream().anyMatch(column -> column.kind() == kind);
    }

    /** A column of the kind, or a constant where there is none. */
    String column(Kind kind) {
        List<Column> fitting =
                columns.stream().filter(column -> column.kind() == kind).toList();
        return fitting.isEmpty() ? constant(kind) : dice.of(fitting).name();
    }

    String constant(Kind kind) {
        return "(" + dice.value(kind) + ")::" + type(kind);
    }

    static String type(Kind kind) {
        return switch (kind) {
            case INT -> "int";
            case BIGINT -> "bigint";
            case NUM -> "numeric(6,2)";
            case LOOSE -> "numeric";
            case FLOAT -> "float8";
            case TEXT -> "text";
            case LATIN -> "text COLLATE \"C\"";
            case BOOL -> "boolean";
            case DATE -> "date";
            case INTS -> "int[]";
            case JSON -> "jsonb";
        };
    }

    /** An expression of the kind; plain columns are the most frequent ones. */
    String of(Kind kind, int depth) {
        if (depth <= 0 || !dice.once(2)) {
            return column(kind);
        }
        int next = depth - 1;
        if (!subqueries.isEmpty() && dice.once(10)) {
            return subqueries.get(0).value(kind);
        }
        if (dice.once(5)) {
            return anyKind(kind, next);
        }
        return switch (kind) {
            case INT -> integer(next);
            case BIGINT -> dice.once(2) ? of(Kind.INT, next) + "::bigint" : "(" + of(Kind.BIGINT, next) + " + 1)";
            case NUM -> "round(" + of(dice.once(2) ? Kind.NUM : Kind.LOOSE, next) + ", 2)";
            case LOOSE -> loose(next);
            case FLOAT -> dice.once(2) ? "(- " + of(Kind.FLOAT, next) + ")" : of(Kind.INT, next) + "::float8";
            case TEXT -> text(next);
            case LATIN -> "(" + of(Kind.LATIN, next) + " || 'c')";
            case BOOL -> predicate(next);
            case DATE -> "(" + of(Kind.DATE, next) + " + " + dice.below(3) + ")";
            case INTS -> "(" + of(Kind.INTS, next) + " || " + of(Kind.INT, next) + ")";
            case JSON -> json(next);
        };
    }

    private String anyKind(Kind kind, int next) {
        String first = of(kind, next);
        String second = of(kind, next);
        return switch (dice.below(3)) {
            case 0 -> "coalesce(" + first + ", " + second + ")";
            case 1 -> "nullif(" + first + ", " + second + ")";
            default -> "CASE WHEN " + predicate(next) + " THEN " + first + " ELSE " + second + " END";
        };
    }

    private String integer(int next) {
        return switch (dice.below(6)) {
            case 0 -> "(" + of(Kind.INT, next) + " % 2)";
            case 1 -> "abs(" + of(Kind.INT, next) + ")";
            case 2 -> "length(" + of(Kind.TEXT, next) + ")";
            case 3 -> "cardinality(" + of(Kind.INTS, next) + ")";
            case 4 -> "greatest(" + of(Kind.INT, next) + ", " + of(Kind.INT, next) + ")";
            default -> "(" + of(Kind.INT, next) + " + " + of(Kind.INT, next) + ")";
        };
    }

    private String loose(int next) {
        return switch (dice.below(4)) {
            case 0 -> "(" + of(Kind.LOOSE, next) + " + " + of(Kind.NUM, next) + ")";
            case 1 -> "(" + of(Kind.LOOSE, next) + " * " + of(Kind.INT, next) + ")";
            case 2 -> "(" + of(Kind.LOOSE, next) + " / nullif(" + of(Kind.INT, next) + ", 0))";
            default -> of(Kind.NUM, next) + "::numeric";
        };
    }

    private String text(int next) {
        return switch (dice.below(7)) {
            case 0 -> "upper(" + of(Kind.TEXT, next) + ")";
            case 1 -> "(" + of(Kind.TEXT, next) + " || '-' || " + of(Kind.INT, next) + ")";
            case 2 -> of(Kind.LOOSE, next) + "::text";
            case 3 -> of(Kind.FLOAT, next) + "::text";
            case 4 -> of(Kind.DATE, next) + "::text";
            case 5 -> of(Kind.JSON, next) + "::text";
            default -> "substr(" + of(Kind.TEXT, next) + ", 1, 1)";
        };
    }

    private String json(int next) {
        return dice.once(2)
                ? "jsonb_build_object('v', " + of(dice.once(2) ? Kind.INT : Kind.LOOSE, next) + ")"
                : "(" + of(Kind.JSON, next) + " -> 'a')";
    }

    /** A comparison with the time, whose result for a row changes several times a minute, or hardly ever. */
    private String timed() {
        String minute = "date_trunc('second', now()) - date_trunc('minute', now())";
        if (!has(Kind.INT) || dice.once(4)) {
            return has(Kind.DATE) ? "(" + column(Kind.DATE) + " <= now()::date - 800)" : column(Kind.BOOL);
        }
        return "(" + column(Kind.INT) + " * interval '7 seconds' " + dice.text("<", ">=", "<>") + " " + minute + ")";
    }

    /** A condition, true often enough. */
    String predicate(int depth) {
        int next = depth - 1;
        if (!subqueries.isEmpty() && dice.once(4)) {
            return subqueries.get(0).predicate();
        }
        return switch (dice.below(13)) {
            case 0 -> "(" + of(Kind.INT, next) + " > " + dice.below(3) + ")";
            case 1 -> "(" + of(Kind.LOOSE, next) + " <= 1.5)";
            case 2 -> "(" + of(Kind.FLOAT, next) + " = " + of(Kind.FLOAT, next) + ")";
            case 3 -> "(" + of(Kind.TEXT, next) + " LIKE 'a%' IS NOT TRUE)";
            case 4 -> "(" + of(Kind.INT, next) + " IN (0, 1, 2))";
            case 5 -> "(" + of(Kind.NUM, next) + " IS DISTINCT FROM " + of(Kind.LOOSE, next) + ")";
            case 6 -> "(" + of(dice.of(List.of(Kind.values())), next) + " IS NOT NULL)";
            case 7 -> "(" + of(Kind.DATE, next) + " BETWEEN '2024-01-01' AND '2025-01-01')";
            case 8 -> "(NOT " + of(Kind.BOOL, next) + ")";
            case 9 -> "(" + of(Kind.BOOL, next) + " IS NOT FALSE)";
            case 10 ->
                depth > 0
                        ? "(" + predicate(next) + dice.text(" AND ", " OR ") + predicate(next) + ")"
                        : of(Kind.BOOL, next);
            case 11 -> timed();
            default -> "(" + of(Kind.LATIN, next) + " < 'b' OR " + of(Kind.INT, next) + " = 1)";
        };
    }
}
