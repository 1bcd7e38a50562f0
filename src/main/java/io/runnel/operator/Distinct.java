package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;

/** Placeholder, completed below. */
public record Distinct(Operator input) implements Operator {

    @Override
    public String label() {
        return "distinct";
    }

    @Override
    public String maintenance() {
        return "";
    }

    @Override
    public List<Identifier> columns() {
        return input.columns();
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
