package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Join;
import io.runnel.operator.OneRow;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** FROM as a tree of inputs, before it is known which of their columns are read. */
sealed interface Rows {

    /** All columns in the order in which {@code *} would list them, where nothing is merged. */
    List<Scope.Place> places();

    /** The operator that yields the rows for which all of {@code where} is true. */
    Operator operator(List<Condition> where);

    /** One item. */
    record Leaf(Input input) implements Rows {
        @Override
        public List<Scope.Place> places() {
            return input.labels().stream()
                    .map(label -> new Scope.Place(input, label))
                    .toList();
        }

        @Override
        public Operator operator(List<Condition> where) {
            return Condition.filtered(input.operator(), where);
        }
    }

    /** Inner and cross joins. */
    record Inner(List<Rows> inputs, List<Condition> on) implements Rows {
        @Override
        public List<Scope.Place> places() {
            return inputs.stream().flatMap(input -> input.places().stream()).toList();
        }

        /**
         * One join of all inputs, whatever the nesting: inner joins are associative, and ON means the same as WHERE.
         * A condition on a single input filters that input.
         */
        @Override
        public Operator operator(List<Condition> where) {
            List<Rows> flat = new ArrayList<>();
            List<Condition> conditions = new ArrayList<>();
            flatten(flat, conditions);
            conditions.addAll(where);
            if (flat.isEmpty()) {
                return Condition.filtered(new OneRow(), conditions);
            }
            List<Operator> operators =
                    flat.stream().map(input -> input.operator(List.of())).toList();
            return operators.size() == 1
                    ? Condition.filtered(operators.get(0), conditions)
                    : joined(operators, conditions);
        }

        private void flatten(List<Rows> flat, List<Condition> conditions) {
            for (Rows input : inputs) {
                if (input instanceof Inner inner) {
                    inner.flatten(flat, conditions);
                } else {
                    flat.add(input);
                }
            }
            conditions.addAll(on);
        }

        private static Operator joined(List<Operator> operators, List<Condition> conditions) {
            List<Condition> rest = new ArrayList<>(conditions);
            List<Operator> filtered = new ArrayList<>();
            for (Operator operator : operators) {
                Set<Identifier> columns = new HashSet<>(operator.columns());
                List<Condition> own = rest.stream()
                        .filter(condition -> condition.isOver(columns))
                        .toList();
                rest.removeAll(own);
                filtered.add(Condition.filtered(operator, own));
            }
            List<Condition> refused = rest.stream()
                    .filter(condition -> condition.problem().isPresent())
                    .toList();
            rest.removeAll(refused);
            Optional<Expression> condition = rest.isEmpty() ? Optional.empty() : Optional.of(Condition.all(rest));
            return Condition.filtered(new Join(filtered, condition), refused);
        }
    }

    /** A join without a delta rule. */
    record Outer(String label, Rows left, Rows right, Unsupported reason) implements Rows {
        @Override
        public List<Scope.Place> places() {
            return Stream.concat(left.places().stream(), right.places().stream())
                    .toList();
        }

        @Override
        public Operator operator(List<Condition> where) {
            Operator leftRows = left.operator(List.of());
            Operator rightRows = right.operator(List.of());
            List<Identifier> columns = Stream.concat(leftRows.columns().stream(), rightRows.columns().stream())
                    .toList();
            return Condition.filtered(new Opaque(label, List.of(leftRows, rightRows), columns, reason), where);
        }
    }
}
