package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Left or full outer join; a right outer join is a left one with its inputs exchanged.
 *
 * <pre>
 *   L ⟕ R = (L ⋈ R) ⊎ (L ▷ R) × null          L ⟗ R = (L ⟕ R) ⊎ null × (R ▷ L)
 *   Δ (L ▷ R) = ΔL where it has no match now, and what of L₀ has gained its first match (−) or lost its last (+)
 * </pre>
 *
 * <p>The inner part is bilinear as in {@link Join}; the padded rows follow {@link Matching}. Nothing is stored. A condition
 * that is null is no match. Shape: the columns of the left input, then those of the right.
 */
public record OuterJoin(Operator left, Operator right, Expression condition, boolean full) implements Operator {

    private static final Identifier ROW = Identifier.of("l");
    private static final String RESULT = """
            SELECT {}
            FROM {} AS r1
            {} JOIN {} AS r2 ON {}""";
    private static final String LOOKED_UP = """
            SELECT {}
            FROM {} AS r1
            LEFT JOIN LATERAL (SELECT r2.* FROM {} AS r2 WHERE {} OFFSET 0) AS r2 ON true""";
    private static final String UNMATCHED = """
            SELECT {}, l.weight AS weight
            FROM {} AS l
            WHERE NOT {}""";
    private static final String TURNED = """
            SELECT {}, CASE WHEN l.change < 0 THEN l.copies ELSE -l.copies END AS weight
            FROM {} AS l""";

    @Override
    public String label() {
        return full ? "full outer join" : "left outer join";
    }

    @Override
    public String maintenance() {
        return "bilinear for matches; by the touched rows where a first match arrives or a last one leaves";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.MATCHES;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(left.columns().stream(), right.columns().stream()).toList();
    }

    @Override
    public boolean notNull(Identifier column) {
        return !full && left.columns().contains(column) && left.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(left, right);
    }

    @Override
    public Sql delta(Deltas deltas) {
        // The inner part stands first, because its columns have types, which the nulls of the others take on.
        List<Sql> terms = new ArrayList<>();
        terms.add(new Join(inputs(), Optional.of(condition)).delta(deltas));
        padded(deltas, left, right, "left", terms);
        if (full) {
            padded(deltas, right, left, "right", terms);
        }
        return Sql.join("\nUNION ALL\n", terms);
    }

    private void padded(Deltas deltas, Operator kept, Operator other, String purpose, List<Sql> terms) {
        Matching matching = new Matching(deltas, kept, other, condition);
        List<Sql> outputs = columns().stream()
                .map(column -> kept.columns().contains(column) ? Sql.of("l.{}", column) : Sql.of("NULL AS {}", column))
                .toList();
        if (deltas.changed(kept)) {
            terms.add(Sql.of(UNMATCHED, outputs, deltas.of(kept), matching.exists(ROW)));
        }
        if (deltas.changed(other)) {
            terms.add(Sql.of(TURNED, outputs, matching.turned(purpose)));
        }
    }

    @Override
    public Sql post(Deltas deltas) {
        if (full || !deltas.scattered(right, condition.references())) {
            return result(deltas::post);
        }
        return Sql.of(LOOKED_UP, outputs(), deltas.post(left), deltas.post(right), on());
    }

    @Override
    public Sql result(States states) {
        Sql kind = full ? Sql.of("FULL") : Sql.of("LEFT");
        return Sql.of(RESULT, outputs(), states.of(left), kind, states.of(right), on());
    }

    private List<Sql> outputs() {
        List<Sql> outputs = new ArrayList<>();
        left.columns().forEach(column -> outputs.add(Sql.of("r1.{}", column)));
        right.columns().forEach(column -> outputs.add(Sql.of("r2.{}", column)));
        return outputs;
    }

    private Sql on() {
        Identifier first = Identifier.of("r1");
        Identifier second = Identifier.of("r2");
        return condition.render(column -> Sql.of("{}.{}", left.columns().contains(column) ? first : second, column));
    }
}
