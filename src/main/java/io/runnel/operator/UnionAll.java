package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/**
 * Bag union: the rows of all inputs, duplicates kept, columns matched by position.
 *
 * <pre>
 *   Δ (R ⊎ S) = ΔR ⊎ ΔS
 * </pre>
 *
 * <p>Linear: reads changes only. The branches' columns have the same types: a delta of one branch alone would have that
 * branch's type and not the common one, so a query whose branches differ is refused before it comes here.
 */
public record UnionAll(List<Operator> inputs, List<Identifier> columns) implements Operator {

    private static final String UNION = "\nUNION ALL\n";
    private static final String BRANCH = """
            SELECT {}
            FROM {} AS r""";
    private static final String RENAMED = "r.{} AS {}";
    private static final String WEIGHT = "r.weight AS weight";

    public UnionAll {
        inputs = List.copyOf(inputs);
        columns = List.copyOf(columns);
        for (Operator input : inputs) {
            if (input.columns().size() != columns.size()) {
                throw new IllegalArgumentException("the inputs of a union have the same number of columns");
            }
        }
    }

    @Override
    public String label() {
        return "union all";
    }

    @Override
    public String maintenance() {
        return "linear: reads changed rows only";
    }

    @Override
    public Sql delta(Deltas deltas) {
        List<Sql> branches = new ArrayList<>();
        for (Operator input : inputs) {
            if (deltas.changed(input)) {
                List<Sql> outputs = renamed(input);
                outputs.add(Sql.of(WEIGHT));
                branches.add(Sql.of(BRANCH, outputs, deltas.of(input)));
            }
        }
        return Sql.join(UNION, branches);
    }

    @Override
    public Sql result(States states) {
        return Sql.join(
                UNION,
                inputs.stream()
                        .map(input -> Sql.of(BRANCH, renamed(input), states.of(input)))
                        .toList());
    }

    private List<Sql> renamed(Operator input) {
        List<Sql> outputs = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            outputs.add(Sql.of(RENAMED, input.columns().get(i), columns.get(i)));
        }
        return outputs;
    }
}
