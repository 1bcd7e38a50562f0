package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * Projection: one output row per input row, each column a scalar expression over it. Keeps duplicates. Where an
 * expression calls a set-returning function there are as many rows as the longest set has values, or none.
 *
 * <pre>
 *   Δ π[e](R) = π[e](ΔR)
 * </pre>
 *
 * <p>Linear, with sets too, because the rows from one input row depend on nothing else and all have its weight: reads
 * changes only, O(|ΔR|). Shape: the listed columns, and the weight of the input row.
 */
public record Projection(Operator input, List<Output> outputs) implements Operator {

    private static final Identifier INPUT = Identifier.of("r");
    private static final String PROJECTION = """
            SELECT {}
            FROM {} AS r""";
    private static final String OUTPUT = "{} AS {}";
    private static final String WEIGHT = "r.weight AS weight";

    /** A column of the result and how it is computed. */
    public record Output(Identifier name, Expression expression) {}

    public Projection {
        outputs = List.copyOf(outputs);
    }

    @Override
    public String label() {
        return "projection";
    }

    @Override
    public String maintenance() {
        return "linear: computes changed rows only";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.CHANGE;
    }

    @Override
    public List<Identifier> columns() {
        return outputs.stream().map(Output::name).toList();
    }

    @Override
    public List<Identifier> computed() {
        return outputs.stream()
                .filter(output -> output.expression().asColumn().isEmpty())
                .map(Output::name)
                .toList();
    }

    /** The columns of the input that these columns of the projection are, without those that are computed. */
    public List<Identifier> sources(Collection<Identifier> columns) {
        return outputs.stream()
                .filter(output -> columns.contains(output.name()))
                .flatMap(output -> output.expression().asColumn().stream())
                .distinct()
                .toList();
    }

    /** Whether an input row may yield several rows, or none. */
    public boolean multiplies() {
        return outputs.stream().anyMatch(output -> output.expression().returnsSet());
    }

    @Override
    public boolean notNull(Identifier column) {
        return outputs.stream()
                .filter(output -> output.name().equals(column))
                .flatMap(output -> output.expression().asColumn().stream())
                .anyMatch(input::notNull);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        List<Sql> columns = new ArrayList<>(expressions());
        columns.add(Sql.of(WEIGHT));
        return Sql.of(PROJECTION, columns, deltas.of(input));
    }

    @Override
    public Sql result(States states) {
        return Sql.of(PROJECTION, expressions(), states.of(input));
    }

    private List<Sql> expressions() {
        return outputs.stream()
                .map(output -> Sql.of(OUTPUT, output.expression().over(INPUT), output.name()))
                .toList();
    }
}
