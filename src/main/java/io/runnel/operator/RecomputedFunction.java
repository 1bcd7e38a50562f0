package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/** Any other aggregate: the groups that a change touches are recomputed. */
record RecomputedFunction(String prefix, AggregateCall call) implements AggregateFunction {

    @Override
    public List<StateColumn> state() {
        Sql fromRows = call.call().over(Identifier.of("r"));
        return List.of(new StateColumn(name(), fromRows, Sql.of("count(*)"), Sql.of("s.{}", name())));
    }

    @Override
    public Optional<Sql> stale() {
        return Optional.of(Sql.of("true"));
    }

    @Override
    public Sql value(Identifier relation) {
        return Sql.of("{}.{}", relation, name());
    }

    private Identifier name() {
        return Identifier.of(prefix + "_value");
    }
}
