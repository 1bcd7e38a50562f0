package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.stream.Stream;

/** Placeholder, completed below. */
public record Aggregation(Operator input, List<Identifier> keys, List<AggregateCall> calls) implements Operator {

    public Aggregation {
        keys = List.copyOf(keys);
        calls = List.copyOf(calls);
    }

    @Override
    public String label() {
        return "aggregation";
    }

    @Override
    public String maintenance() {
        return "";
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(keys.stream(), calls.stream().map(AggregateCall::name)).toList();
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
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
