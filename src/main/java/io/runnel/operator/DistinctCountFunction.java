package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * {@code count(DISTINCT x)}: a table of the group's values with their multiplicities stands behind it; the count changes
 * when a multiplicity leaves zero or returns to it. {@link Aggregation} keeps that table and supplies the change.
 */
record DistinctCountFunction(String prefix, Identifier argument, Optional<Identifier> filter)
        implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        Identifier count = count();
        return List.of(new StateColumn(
                count,
                Sql.of(
                        "count(DISTINCT r.{}){}",
                        argument,
                        AggregateFunction.filter(Identifier.of("r"), filter, Optional.empty())),
                Sql.of("0::bigint"),
                Sql.of("coalesce(s.{}, 0) + coalesce({}.change, 0)", count, values())));
    }

    Identifier count() {
        return Identifier.of(prefix + "_count");
    }

    /** The name under which the change of the count is joined. */
    Identifier values() {
        return Identifier.of(prefix + "_values");
    }

    /** Which rows of {@code relation} count. */
    Sql counts(Identifier relation) {
        Sql present = Sql.of("num_nonnulls({}.{}) = 1", relation, argument);
        return filter.map(column -> Sql.of("{}.{} AND {}", relation, column, present))
                .orElse(present);
    }

    @Override
    public Sql value(Identifier relation) {
        return Sql.of("{}.{}", relation, count());
    }
}
