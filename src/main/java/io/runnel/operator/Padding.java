package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Adds columns that are always null and have the types of another operator's columns.
 *
 * <pre>
 *   Δ (R × null) = ΔR × null
 * </pre>
 *
 * <p>Linear. The other operator is there for its types alone: no row of it is read, and the planner drops it. Shape: the
 * input's columns, then the nulls, and the weight of the input row.
 */
public record Padding(Operator input, Operator typed, List<Identifier> nulls) implements Operator {

    private static final String PADDED = """
            SELECT {}
            FROM {} AS r
            LEFT JOIN {} AS n ON false""";
    private static final String NO_ROWS = "{}\nWHERE false";
    private static final String WEIGHT = "r.weight AS weight";
    private static final String NO_WEIGHT = "0::bigint AS weight";

    public Padding {
        nulls = List.copyOf(nulls);
    }

    @Override
    public String label() {
        return "null columns";
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
    public List<Identifier> columns() {
        return Stream.concat(input.columns().stream(), nulls.stream()).toList();
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input, typed);
    }

    @Override
    public Sql delta(Deltas deltas) {
        List<Sql> columns = selected();
        columns.add(deltas.changed(input) ? Sql.of(WEIGHT) : Sql.of(NO_WEIGHT));
        Sql rows = deltas.changed(input) ? deltas.of(input) : deltas.post(input);
        Sql padded = Sql.of(PADDED, columns, rows, deltas.post(typed));
        return deltas.changed(input) ? padded : Sql.of(NO_ROWS, padded);
    }

    @Override
    public Sql result(States states) {
        return Sql.of(PADDED, selected(), states.of(input), states.of(typed));
    }

    private List<Sql> selected() {
        List<Sql> columns = new ArrayList<>();
        input.columns().forEach(column -> columns.add(Sql.of("r.{}", column)));
        nulls.forEach(column -> columns.add(Sql.of("n.{}", column)));
        return columns;
    }
}
