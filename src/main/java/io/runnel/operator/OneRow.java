package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;

/** The relation with one row and no columns: what a SELECT without FROM reads. It never changes. */
public record OneRow() implements Operator {

    private static final String RESULT = "SELECT";

    @Override
    public String label() {
        return "one row";
    }

    @Override
    public String maintenance() {
        return "constant: never changes";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.NOTHING;
    }

    @Override
    public List<Identifier> columns() {
        return List.of();
    }

    @Override
    public List<Operator> inputs() {
        return List.of();
    }

    @Override
    public Sql delta(Deltas deltas) {
        throw new IllegalStateException("one row never changes");
    }

    @Override
    public Sql result(States states) {
        return Sql.of(RESULT);
    }
}
