package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * How one aggregate call is kept: which columns of auxiliary state it needs, how they follow the changes, and how its
 * value is read from them.
 *
 * <p>SQL fragments see the changed rows as {@code d} (with {@code d.weight}), rows of a relation as {@code r}, the stored
 * state as {@code s} and the group's change as {@code t}.
 */
sealed interface AggregateFunction
        permits CountFunction,
                SumFunction,
                NumericSumFunction,
                ExtremumFunction,
                BooleanFunction,
                DistinctCountFunction,
                RecomputedFunction {

    /** The functions whose result does not depend on how often a value appears. */
    Set<String> IGNORES_DUPLICATES = Set.of("min", "max", "bool_and", "bool_or", "every");

    /**
     * A column of auxiliary state.
     *
     * @param name unique in the group's state
     * @param fromRows its value for a group, as an aggregate over rows {@code r}
     * @param change its change, as an aggregate over changed rows {@code d}
     * @param merged its next value from stored value {@code s} and change {@code t}
     */
    record StateColumn(Identifier name, Sql fromRows, Sql change, Sql merged) {}

    /** A further column of the group's change that {@link #stale} reads. */
    record ChangeColumn(Identifier name, Sql change) {}

    List<StateColumn> state();

    default List<ChangeColumn> changes() {
        return List.of();
    }

    /** When the change cannot be followed, so that the group has to be recomputed; absent if it always can. */
    default Optional<Sql> stale() {
        return Optional.empty();
    }

    /** The call's value, from the state columns of {@code relation}. */
    Sql value(Identifier relation);

    /** The rule for the call; {@code number} makes the names of its state columns unique. */
    static AggregateFunction of(AggregateCall call, int number, AggregateInput input) {
        String prefix = "a" + number;
        boolean distinct = call.distinct() && !IGNORES_DUPLICATES.contains(call.function());
        if (!call.plain() || call.arguments().size() > 1) {
            return new RecomputedFunction(prefix, call);
        }
        Optional<Identifier> argument = call.arguments().stream().findFirst();
        if (argument.isEmpty()) {
            return call.function().equals("count")
                    ? new CountFunction(prefix, Optional.empty(), call.filter(), false)
                    : new RecomputedFunction(prefix, call);
        }
        ColumnType type = input.type(argument.get());
        boolean exact = type.equality() == ColumnType.Equality.EXACT;
        if (distinct) {
            return call.function().equals("count")
                    ? new DistinctCountFunction(prefix, argument.get(), call.filter())
                    : new RecomputedFunction(prefix, call);
        }
        return switch (call.function()) {
            case "count" -> new CountFunction(prefix, argument, call.filter(), exact);
            case "sum", "avg" -> sum(call, prefix, argument.get(), type);
            case "min", "max" ->
                type.equality() == ColumnType.Equality.NONE
                        ? new RecomputedFunction(prefix, call)
                        : new ExtremumFunction(prefix, call.function().equals("min"), argument.get(), call, exact);
            case "bool_and", "bool_or", "every" ->
                new BooleanFunction(prefix, !call.function().equals("bool_or"), argument.get(), call.filter());
            default -> new RecomputedFunction(prefix, call);
        };
    }

    private static AggregateFunction sum(AggregateCall call, String prefix, Identifier argument, ColumnType type) {
        boolean average = call.function().equals("avg");
        return switch (type.name()) {
            case "smallint", "integer", "bigint" ->
                new SumFunction(prefix, average, type.name().equals("bigint"), argument, call.filter());
            case "numeric" -> new NumericSumFunction(prefix, average, argument, call.filter());
            default -> new RecomputedFunction(prefix, call);
        };
    }

    /** What a function may know of the rows that it aggregates. */
    interface AggregateInput {
        ColumnType type(Identifier column);
    }

    /** The FILTER clause over rows or changes {@code relation}, with a further condition; empty if there is none. */
    static Sql filter(Identifier relation, Optional<Identifier> filter, Optional<Sql> condition) {
        if (filter.isPresent() && condition.isPresent()) {
            return Sql.of(" FILTER (WHERE {}.{} AND {})", relation, filter.get(), condition.get());
        }
        if (filter.isPresent()) {
            return Sql.of(" FILTER (WHERE {}.{})", relation, filter.get());
        }
        return condition.map(sql -> Sql.of(" FILTER (WHERE {})", sql)).orElse(Sql.of(""));
    }
}
