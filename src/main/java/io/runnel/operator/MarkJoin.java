package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Mark join: every row of the left input, with a boolean that tells whether the right input has a match for it.
 *
 * <pre>
 *   L ⋈m R = { (l, ∃ r ∈ R: condition) : l ∈ L }
 *   Δ = (ΔL with its mark now) ⊎ { −(l, m), +(l, ¬m) : l ∈ L₀ whose mark has turned }
 * </pre>
 *
 * <p>What EXISTS, IN, ANY and ALL become wherever they stand; a filter above makes a semi-join or an anti-join of it. The
 * mark follows {@link Matching}: nothing is stored, and only rows that match ΔR are looked at. A condition that is null is
 * no match; the mark is never null.
 *
 * <p>Source: Neumann, Leis, Kemper: The Complete Story of Joins (in HyPer), 2017, section 3.
 */
public record MarkJoin(Operator left, Operator right, Expression condition, Identifier mark) implements Operator {

    private static final Identifier ROW = Identifier.of("l");
    private static final String RESULT = """
            SELECT {}
            FROM {} AS l""";
    private static final String MARKED = "{} AS {}";
    private static final String TERMS = "\nUNION ALL\n";

    @Override
    public String label() {
        return "mark join";
    }

    @Override
    public String maintenance() {
        return "by the touched rows: a mark turns where a first match arrives or a last one leaves";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.MATCHES;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(left.columns().stream(), Stream.of(mark)).toList();
    }

    @Override
    public List<Identifier> computed() {
        return List.of(mark);
    }

    @Override
    public boolean notNull(Identifier column) {
        return column.equals(mark) || left.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(left, right);
    }

    @Override
    public Sql delta(Deltas deltas) {
        Matching matching = new Matching(deltas, left, right, condition);
        List<Sql> terms = new ArrayList<>();
        if (deltas.changed(left)) {
            List<Sql> outputs = marked(matching.exists(ROW));
            outputs.add(Sql.of("l.weight AS weight"));
            terms.add(Sql.of(RESULT, outputs, deltas.of(left)));
        }
        if (deltas.changed(right)) {
            Identifier turned = matching.turned("turned");
            terms.add(Sql.of(RESULT, turned(Sql.of("(l.change < 0)"), Sql.of("-l.copies")), turned));
            terms.add(Sql.of(RESULT, turned(Sql.of("(l.change > 0)"), Sql.of("l.copies")), turned));
        }
        return Sql.join(TERMS, terms);
    }

    @Override
    public Sql result(States states) {
        return Sql.of(RESULT, marked(Matching.exists(left, condition, ROW, states.of(right))), states.of(left));
    }

    private List<Sql> turned(Sql value, Sql weight) {
        List<Sql> outputs = marked(value);
        outputs.add(Sql.of("{} AS weight", weight));
        return outputs;
    }

    private List<Sql> marked(Sql value) {
        List<Sql> outputs = new ArrayList<>(
                left.columns().stream().map(column -> Sql.of("l.{}", column)).toList());
        outputs.add(Sql.of(MARKED, value, mark));
        return outputs;
    }
}
