package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/**
 * A function in FROM whose arguments read the rows of the input: each row with each row that the call yields for it.
 * VALUES, XMLTABLE and JSON_TABLE are calls too. Over {@link OneRow} it is a constant relation.
 *
 * <pre>
 *   Δ (R ⋈ f(R)) = ΔR ⋈ f(ΔR)
 * </pre>
 *
 * <p>Linear, because what a row of the input yields depends on nothing else: calls the function for changed rows only,
 * O(|ΔR| · rows of a call). With {@code otherwise}, a row for which the call yields none, or none that meets the condition,
 * is there once with nulls; that too depends on the row alone. Shape: the input's columns, then the call's, and the
 * weight of the input row.
 *
 * @param call the call with its arguments over the input's columns, WITH ORDINALITY included
 * @param outputs all columns of the call, in order
 * @param otherwise the condition of a LEFT JOIN, over the input's columns and the outputs; empty for an inner join
 */
public record FunctionScan(Operator input, Expression call, List<Output> outputs, Optional<Expression> otherwise)
        implements Operator {

    private static final Identifier INPUT = Identifier.of("r");
    private static final Identifier FUNCTION = Identifier.of("f");
    private static final String SCAN = """
            SELECT {}
            FROM {} AS r
            {} JOIN LATERAL {} AS f({}){}""";
    private static final String COLUMN = "{}.{}";
    private static final String WEIGHT = "r.weight AS weight";
    private static final String ON = " ON {}";

    /** A column of the call, with its type where the query declares it: {@code AS f(a integer)}. */
    public record Output(Identifier name, Optional<Sql> type) {
        private Sql definition() {
            return type.map(declared -> Sql.of("{} {}", name, declared)).orElseGet(name::sql);
        }
    }

    public FunctionScan {
        outputs = List.copyOf(outputs);
        if (outputs.isEmpty()) {
            throw new IllegalArgumentException("a function in FROM has a column");
        }
    }

    @Override
    public String label() {
        return input instanceof OneRow ? "constant relation" : "function scan";
    }

    @Override
    public String maintenance() {
        return input instanceof OneRow ? "constant: never changes" : "linear: calls the function for changed rows only";
    }

    @Override
    public CostClass cost(Types types) {
        return input instanceof OneRow ? CostClass.NOTHING : CostClass.CHANGE;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(input.columns().stream(), names().stream()).toList();
    }

    @Override
    public List<Identifier> computed() {
        return names();
    }

    private List<Identifier> names() {
        return outputs.stream().map(Output::name).toList();
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        List<Sql> columns = selected();
        columns.add(Sql.of(WEIGHT));
        return scan(columns, deltas.of(input));
    }

    @Override
    public Sql result(States states) {
        return scan(selected(), states.of(input));
    }

    private Sql scan(List<Sql> columns, Sql rows) {
        return Sql.of(
                SCAN,
                columns,
                rows,
                otherwise.isPresent() ? Sql.of("LEFT") : Sql.of("CROSS"),
                call.over(INPUT),
                outputs.stream().map(Output::definition).toList(),
                otherwise.map(this::on).orElse(Sql.of("")));
    }

    private Sql on(Expression condition) {
        Set<Identifier> own = new LinkedHashSet<>(names());
        return Sql.of(ON, condition.render(column -> Sql.of(COLUMN, own.contains(column) ? FUNCTION : INPUT, column)));
    }

    private List<Sql> selected() {
        List<Sql> columns = new ArrayList<>();
        input.columns().forEach(column -> columns.add(Sql.of(COLUMN, INPUT, column)));
        names().forEach(column -> columns.add(Sql.of(COLUMN, FUNCTION, column)));
        return columns;
    }
}
