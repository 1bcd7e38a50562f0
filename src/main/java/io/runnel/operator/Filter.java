package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;

/**
 * Selection: keeps the rows of its input for which the predicate is true. A null predicate drops the row, as in WHERE.
 *
 * <pre>
 *   Δ σ[p](R) = σ[p](ΔR)
 * </pre>
 *
 * <p>Linear: reads changes only, O(|ΔR|). Shape: columns and weight of the input, unchanged.
 */
public record Filter(Operator input, Expression predicate) implements Operator {

    private static final Identifier INPUT = Identifier.of("r");
    private static final String FILTER = """
            SELECT r.*
            FROM {} AS r
            WHERE {}""";

    @Override
    public String label() {
        return "filter";
    }

    @Override
    public String maintenance() {
        return "linear: filters changed rows only";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.CHANGE;
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

    @Override
    public Sql delta(Deltas deltas) {
        return Sql.of(FILTER, deltas.of(input), predicate.over(INPUT));
    }

    @Override
    public Sql result(States states) {
        return Sql.of(FILTER, states.of(input), predicate.over(INPUT));
    }
}
