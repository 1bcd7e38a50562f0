package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * {@code count(*)} and {@code count(x)}: Δ count = Σ weight of the rows that count.
 *
 * <p>{@code IS NOT NULL} is false for a composite value with a null field, which count() counts all the same; therefore
 * {@code num_nonnulls} decides unless the type is known to be simple.
 */
record CountFunction(String prefix, Optional<Identifier> argument, Optional<Identifier> filter, boolean simple)
        implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        Identifier count = Identifier.of(prefix + "_count");
        return List.of(new StateColumn(
                count,
                Sql.of("count(*){}", filtered("r")),
                Sql.of("coalesce(sum(d.weight){}, 0)::bigint", filtered("d")),
                Sql.of("coalesce(s.{}, 0) + t.{}", count, count)));
    }

    private Sql filtered(String relation) {
        Identifier name = Identifier.of(relation);
        return AggregateFunction.filter(name, filter, argument.map(column -> present(name, column, simple)));
    }

    /** The value is there. */
    static Sql present(Identifier relation, Identifier column, boolean simple) {
        return simple
                ? Sql.of("{}.{} IS NOT NULL", relation, column)
                : Sql.of("num_nonnulls({}.{}) = 1", relation, column);
    }

    @Override
    public Sql value(Identifier relation) {
        return Sql.of("{}.{}", relation, Identifier.of(prefix + "_count"));
    }
}
