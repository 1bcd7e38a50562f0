package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/** {@code bool_and}, {@code every} and {@code bool_or}: the true and the false values are counted. */
record BooleanFunction(String prefix, boolean all, Identifier argument, Optional<Identifier> filter)
        implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        return List.of(column("true"), column("false"));
    }

    private StateColumn column(String value) {
        Identifier name = Identifier.of(prefix + "_" + value);
        return new StateColumn(
                name,
                Sql.of("count(*){}", condition("r", value)),
                Sql.of("coalesce(sum(d.weight){}, 0)::bigint", condition("d", value)),
                Sql.of("coalesce(s.{}, 0) + t.{}", name, name));
    }

    private Sql condition(String relation, String value) {
        Identifier name = Identifier.of(relation);
        Sql condition = value.equals("true") ? Sql.of("{}.{}", name, argument) : Sql.of("NOT {}.{}", name, argument);
        return AggregateFunction.filter(name, filter, Optional.of(condition));
    }

    @Override
    public Sql value(Identifier relation) {
        Identifier trues = Identifier.of(prefix + "_true");
        Identifier falses = Identifier.of(prefix + "_false");
        Sql decided = all ? Sql.of("{}.{} = 0", relation, falses) : Sql.of("{}.{} > 0", relation, trues);
        return Sql.of("CASE WHEN {}.{} + {}.{} > 0 THEN {} END", relation, trues, relation, falses, decided);
    }
}
