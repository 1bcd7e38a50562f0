package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * {@code sum} and {@code avg} of integers: Δ sum = Σ weight · x, kept as numeric, so that a sum which only its parts take
 * out of range in between does not fail. Of no values both are null, therefore they are counted, too.
 */
record SumFunction(String prefix, boolean average, boolean large, Identifier argument, Optional<Identifier> filter)
        implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        Identifier sum = Identifier.of(prefix + "_sum");
        Identifier count = Identifier.of(prefix + "_count");
        Sql rows = AggregateFunction.filter(Identifier.of("r"), filter, Optional.empty());
        Sql changes = AggregateFunction.filter(Identifier.of("d"), filter, Optional.empty());
        Sql present =
                AggregateFunction.filter(Identifier.of("d"), filter, Optional.of(Sql.of("d.{} IS NOT NULL", argument)));
        return List.of(
                new StateColumn(
                        sum,
                        Sql.of("coalesce(sum(r.{}){}, 0)::numeric", argument, rows),
                        large
                                ? Sql.of("coalesce(sum(d.{}::numeric * d.weight){}, 0)", argument, changes)
                                : Sql.of("coalesce(sum(d.{}::bigint * d.weight){}, 0)::numeric", argument, changes),
                        Sql.of("coalesce(s.{}, 0) + t.{}", sum, sum)),
                new StateColumn(
                        count,
                        Sql.of("count(r.{}){}", argument, rows),
                        Sql.of("coalesce(sum(d.weight){}, 0)::bigint", present),
                        Sql.of("coalesce(s.{}, 0) + t.{}", count, count)));
    }

    @Override
    public Sql value(Identifier relation) {
        Identifier sum = Identifier.of(prefix + "_sum");
        Identifier count = Identifier.of(prefix + "_count");
        if (average) {
            return Sql.of("{}.{} / nullif({}.{}, 0)::numeric", relation, sum, relation, count);
        }
        return large
                ? Sql.of("CASE WHEN {}.{} > 0 THEN {}.{} END", relation, count, relation, sum)
                : Sql.of("CASE WHEN {}.{} > 0 THEN {}.{}::bigint END", relation, count, relation, sum);
    }
}
