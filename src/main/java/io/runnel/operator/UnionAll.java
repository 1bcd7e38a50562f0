package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Bag union: the rows of all inputs, duplicates kept, columns matched by position.
 *
 * <pre>
 *   Δ (R ⊎ S) = ΔR ⊎ ΔS
 * </pre>
 *
 * <p>Linear: reads changes only. Where the branches' columns differ in type or collation, PostgreSQL chooses what is common
 * to them. A delta of one branch alone would have that branch's own, and mean something else in expressions above;
 * therefore it names the other branches too, without any row of theirs.
 */
public record UnionAll(List<Operator> inputs, List<Identifier> columns) implements Operator {

    private static final String UNION = "\nUNION ALL\n";
    private static final String BRANCH = """
            SELECT {}
            FROM {} AS r""";
    private static final String NO_ROWS = "{}\nWHERE false";
    private static final String NO_WEIGHT = "0::bigint AS weight";
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
    public CostClass cost(Types types) {
        return CostClass.CHANGE;
    }

    @Override
    public List<Identifier> computed() {
        return columns;
    }

    @Override
    public Sql delta(Deltas deltas) {
        boolean uniform = uniform(deltas);
        List<Sql> branches = new ArrayList<>();
        for (Operator input : inputs) {
            List<Sql> outputs = renamed(input);
            if (deltas.changed(input)) {
                outputs.add(Sql.of(WEIGHT));
                branches.add(Sql.of(BRANCH, outputs, deltas.of(input)));
            } else if (!uniform) {
                outputs.add(Sql.of(NO_WEIGHT));
                branches.add(Sql.of(NO_ROWS, Sql.of(BRANCH, outputs, deltas.post(input))));
            }
        }
        return Sql.join(UNION, branches);
    }

    private boolean uniform(Types types) {
        return IntStream.range(0, columns.size())
                .allMatch(i -> inputs.stream()
                                .map(input -> types.type(input, input.columns().get(i)))
                                .distinct()
                                .count()
                        == 1);
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
