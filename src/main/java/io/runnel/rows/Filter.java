package io.runnel.rows;

import io.runnel.postgres.Failure;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A condition on a column, written {@code operator.value}: {@code eq}, {@code neq}, {@code lt}, {@code lte}, {@code gt},
 * {@code gte}, {@code like}, {@code ilike}, {@code in.(a,b)}, {@code is.null|true|false|unknown}; with {@code not.} before it,
 * the contrary. As in SQL, a comparison with a null is neither true nor false, so such a row is left out either way.
 *
 * @param values one; for {@code in} several; for {@code is} the word
 */
record Filter(Column column, String operator, boolean negated, List<String> values) {

    /** How many values all filters of a request may have. */
    static final int VALUES_MAX = 1_000;

    private static final Map<String, Sql> COMPARISONS = new TreeMap<>(Map.of(
            "eq", Sql.of("="),
            "neq", Sql.of("<>"),
            "lt", Sql.of("<"),
            "lte", Sql.of("<="),
            "gt", Sql.of(">"),
            "gte", Sql.of(">=")));
    private static final Map<String, Sql> PATTERNS = Map.of("like", Sql.of("LIKE"), "ilike", Sql.of("ILIKE"));
    private static final Map<String, Sql> STATES = new TreeMap<>(Map.of(
            "null", Sql.of("NULL"),
            "true", Sql.of("TRUE"),
            "false", Sql.of("FALSE"),
            "unknown", Sql.of("UNKNOWN")));
    private static final String NOT = "not.";
    private static final String HINT =
            "write operator.value with one of eq, neq, lt, lte, gt, gte, like, ilike, in.(a,b), is.null; not. before it negates";

    Filter {
        values = List.copyOf(values);
    }

    static Filter parse(Column column, String text) {
        boolean negated = text.startsWith(NOT);
        String rest = negated ? text.substring(NOT.length()) : text;
        int dot = rest.indexOf('.');
        String operator = dot < 0 ? rest : rest.substring(0, dot).toLowerCase(Locale.ROOT);
        if (dot < 0 || !known(operator)) {
            throw invalid(column, text + " is not a condition", HINT);
        }
        String value = rest.substring(dot + 1);
        return new Filter(column, operator, negated, values(column, operator, value));
    }

    private static boolean known(String operator) {
        return COMPARISONS.containsKey(operator)
                || PATTERNS.containsKey(operator)
                || operator.equals("in")
                || operator.equals("is");
    }

    private static List<String> values(Column column, String operator, String value) {
        if (operator.equals("is") && !STATES.containsKey(value)) {
            throw invalid(
                    column, "is." + value + " is not a condition", "write is.null, is.true, is.false or is.unknown");
        } else if (!operator.equals("in")) {
            return List.of(value);
        } else if (!value.startsWith("(") || !value.endsWith(")")) {
            throw invalid(
                    column, "in." + value + " is not a list", "write in.(a,b), and in double quotes what has commas");
        }
        String list = value.substring(1, value.length() - 1);
        return list.isEmpty()
                ? List.of()
                : Words.split(list, ',').stream().map(Words::plain).toList();
    }

    private static Failure invalid(Column column, String message, String hint) {
        return new Failure.Invalid(
                "invalid-filter", "filter on column " + column.name().name() + ": " + message, hint);
    }

    /** Whether its values are of the column's type. */
    boolean typed() {
        return COMPARISONS.containsKey(operator) || operator.equals("in");
    }

    /** The condition on a row named {@code t}. */
    Sql condition(Values bound) {
        Sql one = Sql.of("t.{}", column.name());
        Sql condition;
        if (operator.equals("in")) {
            List<Sql> list = values.stream()
                    .map(value -> bound.bind(value, column.type()))
                    .toList();
            condition = list.isEmpty() ? Sql.of("false") : Sql.of("{} IN ({})", one, list);
        } else if (operator.equals("is")) {
            condition = Sql.of("{} IS {}", one, STATES.getOrDefault(values.get(0), Sql.of("NULL")));
        } else {
            condition = Optional.ofNullable(COMPARISONS.get(operator))
                    .map(sign -> Sql.of("{} {} {}", one, sign, bound.bind(values.get(0), column.type())))
                    .orElseGet(() -> Sql.of(
                            "{} {} {}",
                            one,
                            PATTERNS.getOrDefault(operator, Sql.of("LIKE")),
                            bound.bind(values.get(0))));
        }
        return negated ? Sql.of("NOT ({})", condition) : condition;
    }
}
