package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.function.Predicate;

/**
 * Duplicate elimination.
 *
 * <pre>
 *   δ(R) = γ[all columns](R)
 * </pre>
 *
 * <p>By multiplicity: grouping by all columns without any aggregate, with the rule, the state and the cost of
 * {@link Aggregation}.
 */
public record Distinct(Operator input) implements Operator {

    private static final String DISTINCT = """
            SELECT DISTINCT {}
            FROM {} AS r""";
    private static final String COLUMN = "r.{}";

    @Override
    public String label() {
        return "distinct";
    }

    @Override
    public String maintenance() {
        return "by multiplicity: counts how often each row is there";
    }

    @Override
    public CostClass cost(Types types) {
        return groups().cost(types);
    }

    @Override
    public List<Identifier> columns() {
        return input.columns();
    }

    @Override
    public boolean notNull(Identifier column) {
        return input.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    /** The aggregation that computes the same. */
    public Aggregation groups() {
        return new Aggregation(input, input.columns(), List.of());
    }

    @Override
    public Sql delta(Deltas deltas) {
        return groups().delta(deltas);
    }

    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return true;
    }

    @Override
    public Sql pre(Deltas deltas) {
        return groups().pre(deltas);
    }

    @Override
    public Sql post(Deltas deltas) {
        return groups().post(deltas, this);
    }

    @Override
    public List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        return groups().auxiliaryStates(states, types);
    }

    @Override
    public Sql result(States states) {
        List<Sql> outputs =
                columns().stream().map(column -> Sql.of(COLUMN, column)).toList();
        return Sql.of(DISTINCT, outputs, states.of(input));
    }
}
