package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Inner join of any number of inputs; without condition, their cross product.
 *
 * <pre>
 *   Δ (R ⋈ S) = ΔR ⋈ S' + R' ⋈ ΔS − ΔR ⋈ ΔS          (R', S' the post-states)
 *   Δ (R₁ ⋈ … ⋈ Rₙ) = Σ over non-empty sets C of changed inputs of (−1)^(|C|+1) · ⋈ (ΔRᵢ for i in C, Rᵢ' for the others)
 * </pre>
 *
 * <p>Bilinear. Only post-states appear, because those are the tables themselves and can be reached by their indexes;
 * the price is the alternating sign. Each term starts from deltas, O(|Δ| · matches) where the other inputs have an index
 * on the join columns. Inputs without changes contribute no terms. The weight is the product of the weights. Shape: the
 * columns of the inputs, in order.
 *
 * <p>Source: the inclusion-exclusion form of counting-based view maintenance (Gupta, Mumick, Subrahmanian 1993).
 */
public record Join(List<Operator> inputs, Optional<Expression> condition) implements Operator {

    /** With more changed inputs than this a refresh is done in full: the terms double with each. */
    public static final int CHANGED_INPUTS_MAX = 6;

    private static final String JOIN = """
            SELECT {}
            FROM {}""";
    private static final String WHERE = "{}\nWHERE {}";
    private static final String ITEM = "{} AS {}";
    private static final String TERMS = "\nUNION ALL\n";
    private static final String COLUMN = "{}.{}";
    private static final String PLUS = "{} AS weight";
    private static final String MINUS = "-({}) AS weight";
    private static final String PRODUCT = " * ";
    private static final String WEIGHT = "{}.weight";

    public Join {
        inputs = List.copyOf(inputs);
        if (inputs.size() < 2) {
            throw new IllegalArgumentException("a join has two inputs or more");
        }
    }

    @Override
    public String label() {
        return condition.isPresent() ? "inner join" : "cross join";
    }

    @Override
    public String maintenance() {
        return "bilinear: joins the changed rows of each changed input with the others as they are";
    }

    @Override
    public List<Identifier> columns() {
        return inputs.stream().flatMap(input -> input.columns().stream()).toList();
    }

    @Override
    public Sql delta(Deltas deltas) {
        List<Integer> changed = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            if (deltas.changed(inputs.get(i))) {
                changed.add(i);
            }
        }
        if (changed.size() > CHANGED_INPUTS_MAX) {
            throw new IllegalStateException("a join with " + changed.size() + " changed inputs has too many terms");
        }
        List<Sql> terms = new ArrayList<>();
        for (int subset = 1; subset < 1 << changed.size(); subset++) {
            terms.add(term(deltas, changed, subset));
        }
        return Sql.join(TERMS, terms);
    }

    private Sql term(Deltas deltas, List<Integer> changed, int subset) {
        List<Sql> items = new ArrayList<>();
        List<Sql> weights = new ArrayList<>();
        for (int bit = 0; bit < changed.size(); bit++) {
            if ((subset >> bit & 1) == 1) {
                int input = changed.get(bit);
                items.add(Sql.of(ITEM, deltas.of(inputs.get(input)), alias(input)));
                weights.add(Sql.of(WEIGHT, alias(input)));
            }
        }
        for (int i = 0; i < inputs.size(); i++) {
            int bit = changed.indexOf(i);
            if (bit < 0 || (subset >> bit & 1) == 0) {
                items.add(Sql.of(ITEM, deltas.post(inputs.get(i)), alias(i)));
            }
        }
        Sql product = Sql.join(PRODUCT, weights);
        List<Sql> outputs = outputs();
        outputs.add(Integer.bitCount(subset) % 2 == 1 ? Sql.of(PLUS, product) : Sql.of(MINUS, product));
        return conditioned(Sql.of(JOIN, outputs, items));
    }

    @Override
    public Sql result(States states) {
        List<Sql> items = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            items.add(Sql.of(ITEM, states.of(inputs.get(i)), alias(i)));
        }
        return conditioned(Sql.of(JOIN, outputs(), items));
    }

    private Sql conditioned(Sql join) {
        if (condition.isEmpty()) {
            return join;
        }
        Map<Identifier, Sql> places = new HashMap<>();
        for (int i = 0; i < inputs.size(); i++) {
            for (Identifier column : inputs.get(i).columns()) {
                places.put(column, Sql.of(COLUMN, alias(i), column));
            }
        }
        return Sql.of(WHERE, join, condition.get().render(column -> {
            Sql place = places.get(column);
            if (place == null) {
                throw new IllegalStateException("no input of the join has the column " + column);
            }
            return place;
        }));
    }

    private List<Sql> outputs() {
        List<Sql> outputs = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            for (Identifier column : inputs.get(i).columns()) {
                outputs.add(Sql.of(COLUMN, alias(i), column));
            }
        }
        return outputs;
    }

    private static Identifier alias(int input) {
        return Identifier.of("r" + (input + 1));
    }
}
