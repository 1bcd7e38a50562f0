package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Placeholder, completed below. */
public record Join(List<Operator> inputs, Optional<Expression> condition) implements Operator {

    public Join {
        inputs = List.copyOf(inputs);
    }

    @Override
    public String label() {
        return condition.isPresent() ? "inner join" : "cross join";
    }

    @Override
    public String maintenance() {
        return "";
    }

    @Override
    public List<Identifier> columns() {
        return inputs.stream().flatMap(input -> input.columns().stream()).collect(Collectors.toList());
    }

    @Override
    public Sql delta(Deltas deltas) {
        throw new IllegalStateException();
    }

    @Override
    public Sql result(States states) {
        throw new IllegalStateException();
    }
}
