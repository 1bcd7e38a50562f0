package io.runnel.refresh.random;

import java.util.List;

/** Aggregate calls, and expressions over them, whose value does not depend on the order of the rows. */
final class RandomAggregates {

    private final Dice dice;
    private final RandomExpressions rows;

    RandomAggregates(Dice dice, RandomExpressions rows) {
        this.dice = dice;
        this.rows = rows;
    }

    /** An expression over aggregates. */
    String of(Kind kind) {
        String call = call(kind);
        if (!dice.once(4)) {
            return call;
        }
        return switch (kind) {
            case INT, BIGINT, LOOSE, NUM -> "(" + call + " + " + call(kind) + ")";
            case BOOL -> "(" + call(Kind.BIGINT) + " > 1)";
            default ->
                dice.once(2)
                        ? "coalesce(" + call + ", " + rows.constant(kind) + ")"
                        : "CASE WHEN count(*) > 2 THEN " + call + " END";
        };
    }

    private String call(Kind kind) {
        return switch (kind) {
            case INT -> integer();
            case BIGINT -> bigint();
            case NUM ->
                dice.once(2)
                        ? dice.text("min", "max") + "(" + argument(Kind.NUM) + ")" + filter()
                        : "round(avg(" + argument(dice.of(List.of(Kind.NUM, Kind.INT, Kind.LOOSE))) + ")" + filter()
                                + ", 2)";
            case LOOSE -> loose();
            case FLOAT ->
                dice.once(3)
                        ? "percentile_cont(0.5) WITHIN GROUP (ORDER BY " + argument(Kind.INT) + ")" + filter()
                        : dice.text("sum", "avg") + "(" + argument(Kind.FLOAT) + ")" + filter();
            case TEXT -> text(Kind.TEXT);
            case LATIN -> text(Kind.LATIN);
            case BOOL -> dice.text("bool_and", "bool_or", "every") + "(" + argument(Kind.BOOL) + ")" + filter();
            case DATE -> dice.text("min", "max") + "(" + argument(Kind.DATE) + ")" + filter();
            case INTS -> ints();
            case JSON -> "jsonb_agg(" + ordered(Kind.INT) + ")" + filter();
        };
    }

    private String integer() {
        return switch (dice.below(6)) {
            case 3 -> dice.text("random_sum(", "random_sum(DISTINCT ") + argument(Kind.INT) + ")" + filter();
            case 4 ->
                dice.text("mode()", "percentile_disc(0.5)") + " WITHIN GROUP (ORDER BY " + argument(Kind.INT) + ")"
                        + filter();
            case 5 -> dice.text("bit_and(", "bit_or(") + argument(Kind.INT) + ")" + filter();
            default -> dice.text("min", "max") + "(" + argument(Kind.INT) + ")" + filter();
        };
    }

    private String bigint() {
        return switch (dice.below(8)) {
            case 6 ->
                dice.text("rank(1)", "dense_rank(1)") + " WITHIN GROUP (ORDER BY " + argument(Kind.INT) + ")"
                        + filter();
            case 7 -> "regr_count(" + argument(Kind.INT) + ", " + argument(Kind.FLOAT) + ")" + filter();
            case 0 -> "count(*)" + filter();
            case 1 -> "count(" + argument(dice.of(List.of(Kind.values()))) + ")" + filter();
            case 2 -> "count(DISTINCT " + argument(dice.of(List.of(Kind.values()))) + ")" + filter();
            case 3 -> "sum(DISTINCT " + argument(Kind.INT) + ")" + filter();
            case 4 -> "max(" + argument(Kind.BIGINT) + ")" + filter();
            default -> "sum(" + argument(Kind.INT) + ")" + filter();
        };
    }

    private String loose() {
        return switch (dice.below(6)) {
            case 0 -> "sum(" + argument(Kind.BIGINT) + ")" + filter();
            case 1 -> "avg(" + argument(dice.of(List.of(Kind.INT, Kind.BIGINT, Kind.NUM))) + ")" + filter();
            case 2 -> "avg(" + argument(Kind.LOOSE) + ")" + filter();
            case 3 -> dice.text("stddev", "var_pop", "variance") + "(" + argument(Kind.INT) + ")" + filter();
            case 4 -> "avg(DISTINCT " + argument(Kind.NUM) + ")" + filter();
            default -> "sum(" + argument(dice.once(2) ? Kind.LOOSE : Kind.NUM) + ")" + filter();
        };
    }

    private String text(Kind kind) {
        return dice.once(2)
                ? dice.text("min", "max") + "(" + argument(kind) + ")" + filter()
                : "string_agg(" + twice(argument(kind), ", ',' ORDER BY ") + ")" + filter();
    }

    private String ints() {
        return switch (dice.below(3)) {
            case 0 -> "array_agg(" + ordered(Kind.INT) + ")" + filter();
            case 1 -> "array_agg(DISTINCT " + argument(Kind.INT) + ")" + filter();
            default -> "max(" + argument(Kind.INTS) + ")" + filter();
        };
    }

    private String ordered(Kind kind) {
        return twice(argument(kind), " ORDER BY ") + dice.text("", " DESC", " NULLS FIRST");
    }

    private static String twice(String expression, String between) {
        return expression + between + expression;
    }

    private String argument(Kind kind) {
        return rows.of(kind, dice.below(3));
    }

    private String filter() {
        return dice.once(4) ? " FILTER (WHERE " + rows.predicate(1) + ")" : "";
    }

    String having() {
        String alias = "h" + dice.fresh();
        return switch (dice.below(5)) {
            case 0 -> "count(*) > 1";
            case 4 ->
                "count(*) < ALL (SELECT " + alias + ".b FROM random_paired " + alias + " WHERE " + alias + ".a > 1)";
            case 1 -> of(Kind.BOOL);
            case 2 -> of(Kind.BIGINT) + " IS NOT NULL";
            default -> "sum(" + argument(Kind.INT) + ") > 0";
        };
    }
}
