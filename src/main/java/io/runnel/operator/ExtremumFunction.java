package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * {@code min} and {@code max}: algebraic while values arrive; when the extremum itself may have left, the group is
 * recomputed. A value that arrives beyond the one that left saves the recomputation.
 *
 * <p>The call's DISTINCT does not matter. For types whose equal values may print differently, an equal arrival does not
 * replace what left.
 */
record ExtremumFunction(String prefix, boolean min, Identifier argument, AggregateCall call, boolean exact)
        implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        Identifier value = name("value");
        Identifier arrived = name("value");
        Sql better = min ? Sql.of("s.{} <= t.{}", value, arrived) : Sql.of("s.{} >= t.{}", value, arrived);
        return List.of(new StateColumn(
                value,
                Sql.of(
                        "{}(r.{}){}",
                        function(),
                        argument,
                        AggregateFunction.filter(Identifier.of("r"), call.filter(), Optional.empty())),
                extremum("d.weight > 0"),
                Sql.of("CASE WHEN t.{} IS NULL OR {} THEN s.{} ELSE t.{} END", arrived, better, value, arrived)));
    }

    @Override
    public List<ChangeColumn> changes() {
        return List.of(new ChangeColumn(name("left"), extremum("d.weight < 0")));
    }

    private Sql extremum(String side) {
        Sql weight = side.equals("d.weight > 0") ? Sql.of("d.weight > 0") : Sql.of("d.weight < 0");
        return Sql.of(
                "{}(d.{}){}",
                function(),
                argument,
                AggregateFunction.filter(Identifier.of("d"), call.filter(), Optional.of(weight)));
    }

    @Override
    public Optional<Sql> stale() {
        Identifier value = name("value");
        Identifier left = name("left");
        Sql gone = min ? Sql.of("t.{} <= s.{}", left, value) : Sql.of("t.{} >= s.{}", left, value);
        return Optional.of(Sql.of("({}) IS TRUE AND ({}) IS NOT TRUE", gone, replaced(value)));
    }

    private Sql replaced(Identifier value) {
        if (exact) {
            return min ? Sql.of("t.{} <= s.{}", value, value) : Sql.of("t.{} >= s.{}", value, value);
        }
        return min ? Sql.of("t.{} < s.{}", value, value) : Sql.of("t.{} > s.{}", value, value);
    }

    private Sql function() {
        return min ? Sql.of("min") : Sql.of("max");
    }

    @Override
    public Sql value(Identifier relation) {
        return Sql.of("{}.{}", relation, name("value"));
    }

    private Identifier name(String purpose) {
        return Identifier.of(prefix + "_" + purpose);
    }
}
