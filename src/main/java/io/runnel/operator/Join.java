package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Inner join of any number of inputs; without condition, their cross product.
 *
 * <pre>
 *   Δ (R ⋈ S) = ΔR ⋈ S' + R' ⋈ ΔS − ΔR ⋈ ΔS          (R', S' the post-states)
 *   Δ (R ⋈ S) = ΔR ⋈ S' + R ⋈ ΔS                      where the pre-state R is remembered
 *   Δ (R₁ ⋈ … ⋈ Rₙ) = Σ over non-empty sets C of changed inputs of (−1)^(|C|+1) · ⋈ (ΔRᵢ for i in C, Rᵢ' for the others)
 *   Δ (R₁ ⋈ … ⋈ Rₙ) = Σ over changed i of R₁' ⋈ … ⋈ ΔRᵢ ⋈ … ⋈ (Rₙ' − ΔRₙ)
 * </pre>
 *
 * <p>Bilinear. Tables and auxiliary tables are read as they are, because only then are they reached by their indexes:
 * a source in its post-state, at the price of the alternating sign of the third line; an input that auxiliary tables remember in
 * its pre-state, with a plus always. The terms of the third line double with each changed input; beyond
 * {@link #DOUBLING_MAX} the fourth line is used, whose terms are as many as inputs have changed, and in which what a
 * source was is its post-state less its delta, as a bag with negative weights.
 *
 * <p>Each term starts from deltas, O(|Δ| · matches) where the other inputs have an index on the join columns. Inputs
 * without changes contribute no terms. The weight is the product of the weights. Shape: the columns of the inputs, in
 * order.
 *
 * <p>Source: the inclusion-exclusion form of counting-based view maintenance (Gupta, Mumick, Subrahmanian 1993).
 */
public record Join(List<Operator> inputs, Optional<Expression> condition) implements Operator {

    /** With more changed inputs of a kind than this, terms of one delta each are used. */
    static final int DOUBLING_MAX = 6;

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
    private static final String LESS = """
            (
              SELECT {}
              FROM {} AS r
              UNION ALL
              SELECT {}
              FROM {} AS r
            )""";

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
    public CostClass cost(Types types) {
        return CostClass.MATCHES;
    }

    @Override
    public List<Identifier> columns() {
        return inputs.stream().flatMap(input -> input.columns().stream()).toList();
    }

    @Override
    public boolean notNull(Identifier column) {
        return inputs.stream().anyMatch(input -> input.columns().contains(column) && input.notNull(column));
    }

    @Override
    public Sql delta(Deltas deltas) {
        Set<Integer> remembered = new TreeSet<>();
        Set<Integer> others = new TreeSet<>();
        for (int i = 0; i < inputs.size(); i++) {
            if (deltas.changed(inputs.get(i))) {
                (deltas.remembered(inputs.get(i)) ? remembered : others).add(i);
            }
        }
        List<Sql> terms = new ArrayList<>();
        if (others.size() > DOUBLING_MAX) {
            Set<Integer> later = new TreeSet<>(others);
            for (int input : others) {
                later.remove(input);
                terms.add(term(deltas, Set.of(input), true, remembered, later));
            }
        } else {
            for (Set<Integer> part : parts(others)) {
                terms.add(term(deltas, part, part.size() % 2 == 1, remembered, Set.of()));
            }
        }
        if (remembered.size() > DOUBLING_MAX) {
            Set<Integer> earlier = new TreeSet<>();
            for (int input : remembered) {
                terms.add(term(deltas, Set.of(input), true, earlier, Set.of()));
                earlier.add(input);
            }
        } else {
            for (Set<Integer> part : parts(remembered)) {
                terms.add(term(deltas, part, true, remembered, Set.of()));
            }
        }
        return Sql.join(TERMS, terms);
    }

    /** All subsets but the empty one. */
    private static List<Set<Integer>> parts(Set<Integer> whole) {
        List<Set<Integer>> parts = new ArrayList<>();
        for (int element : whole) {
            List<Set<Integer>> larger = new ArrayList<>(List.of(Set.of(element)));
            for (Set<Integer> part : parts) {
                Set<Integer> with = new TreeSet<>(part);
                with.add(element);
                larger.add(with);
            }
            parts.addAll(larger);
        }
        return parts;
    }

    /**
     * @param part the inputs whose deltas are joined
     * @param before the inputs that are otherwise read in the pre-state
     * @param less the inputs that are read as their post-state less their delta
     */
    private Sql term(Deltas deltas, Set<Integer> part, boolean plus, Set<Integer> before, Set<Integer> less) {
        List<Sql> items = new ArrayList<>();
        List<Sql> others = new ArrayList<>();
        List<Sql> weights = new ArrayList<>();
        for (int i = 0; i < inputs.size(); i++) {
            Operator input = inputs.get(i);
            if (part.contains(i)) {
                items.add(Sql.of(ITEM, deltas.of(input), alias(i)));
            } else if (less.contains(i)) {
                others.add(Sql.of(ITEM, less(deltas, input), alias(i)));
            } else {
                others.add(Sql.of(ITEM, before.contains(i) ? deltas.pre(input) : deltas.post(input), alias(i)));
            }
            if (part.contains(i) || less.contains(i)) {
                weights.add(Sql.of(WEIGHT, alias(i)));
            }
        }
        items.addAll(others);
        Sql product = Sql.join(PRODUCT, weights);
        List<Sql> outputs = outputs();
        outputs.add(plus ? Sql.of(PLUS, product) : Sql.of(MINUS, product));
        return conditioned(Sql.of(JOIN, outputs, items));
    }

    private static Sql less(Deltas deltas, Operator input) {
        List<Sql> columns =
                input.columns().stream().map(column -> Sql.of("r.{}", column)).toList();
        List<Sql> now = new ArrayList<>(columns);
        now.add(Sql.of("1::bigint AS weight"));
        List<Sql> change = new ArrayList<>(columns);
        change.add(Sql.of("-r.weight"));
        return Sql.of(LESS, now, deltas.post(input), change, deltas.of(input));
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
        return condition.isEmpty() ? join : Sql.of(WHERE, join, condition(condition.get()));
    }

    private Sql condition(Expression condition) {
        Map<Identifier, Sql> places = new HashMap<>();
        for (int i = 0; i < inputs.size(); i++) {
            for (Identifier column : inputs.get(i).columns()) {
                places.put(column, Sql.of(COLUMN, alias(i), column));
            }
        }
        return condition.render(column -> {
            Sql place = places.get(column);
            if (place == null) {
                throw new IllegalStateException("no input of the join has the column " + column);
            }
            return place;
        });
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
