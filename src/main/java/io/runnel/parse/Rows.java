package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Join;
import io.runnel.operator.OneRow;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** FROM as a tree of inputs, before it is known which of their columns are read. */
sealed interface Rows {

    /** All columns in the order in which {@code *} would list them, where nothing is merged. */
    List<Scope.Place> places();

    /** The names of its columns in the tree. */
    default Set<Identifier> columns() {
        return Set.copyOf(operator(List.of()).columns());
    }

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
        public Set<Identifier> columns() {
            return Set.copyOf(input.columns());
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

        @Override
        public Set<Identifier> columns() {
            return inputs.stream().flatMap(input -> input.columns().stream()).collect(Collectors.toSet());
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
            flat = Called.expanded(flat);
            return switch (flat.size()) {
                case 0 -> Condition.filtered(new OneRow(), conditions);
                case 1 -> flat.get(0).operator(conditions);
                default -> joined(flat, conditions);
            };
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

        private static Operator joined(List<Rows> inputs, List<Condition> conditions) {
            List<Condition> rest = new ArrayList<>(conditions);
            List<Operator> filtered = new ArrayList<>();
            for (Rows input : inputs) {
                filtered.add(input.operator(Condition.takeOver(rest, input.columns())));
            }
            List<Condition> above = rest.stream()
                    .filter(condition -> condition.problem().isPresent() || condition.isTimed())
                    .toList();
            rest.removeAll(above);
            Optional<Expression> condition = rest.isEmpty()
                    ? Optional.empty()
                    : Optional.of(NullSafeEquality.simplified(Condition.all(rest), filtered));
            return Condition.filtered(new Join(filtered, condition), above);
        }
    }

    /**
     * The rows with what a function of each row yields.
     *
     * @param on the condition of a left join; empty for an inner join
     */
    record Called(Rows left, CallInput call, Optional<Condition> on) implements Rows {
        @Override
        public List<Scope.Place> places() {
            return Stream.concat(left.places().stream(), new Leaf(call).places().stream())
                    .toList();
        }

        @Override
        public Operator operator(List<Condition> where) {
            List<Condition> above = new ArrayList<>(where);
            Operator rows = left.operator(Condition.takeOver(above, left.columns()));
            return Condition.filtered(call.over(rows, on), above);
        }

        /**
         * The inputs of an inner join of which some are functions of others. Each function is put over the input whose
         * columns it reads, or over the join of those inputs; then it is joined with the rest like any other input.
         */
        static List<Rows> expanded(List<Rows> inputs) {
            List<Rows> items = new ArrayList<>(inputs);
            items.removeIf(CallInput::isDependent);
            for (Rows input : inputs) {
                if (CallInput.isDependent(input)
                        && input instanceof Leaf leaf
                        && leaf.input() instanceof CallInput call) {
                    List<Rows> read = items.stream()
                            .filter(item -> item.columns().stream().anyMatch(call.references()::contains))
                            .toList();
                    Rows left = read.size() == 1 ? read.get(0) : new Inner(read, List.of());
                    int place = items.indexOf(read.get(0));
                    items.removeAll(read);
                    items.add(place, new Called(left, call, Optional.empty()));
                }
            }
            return items;
        }
    }

    /**
     * A left or full outer join.
     *
     * @param on what is over the right input alone filters that of a left join; what is over the left input alone does not,
     *     since a row for which it is false is kept
     */
    record Outer(Rows left, Rows right, List<Condition> on, boolean full) implements Rows {
        @Override
        public List<Scope.Place> places() {
            return Stream.concat(left.places().stream(), right.places().stream())
                    .toList();
        }

        @Override
        public Set<Identifier> columns() {
            return Stream.concat(left.columns().stream(), right.columns().stream())
                    .collect(Collectors.toSet());
        }

        @Override
        public Operator operator(List<Condition> where) {
            List<Condition> above = new ArrayList<>(where);
            List<Condition> rest = new ArrayList<>(on);
            Operator kept = left.operator(full ? List.of() : Condition.takeOver(above, left.columns()));
            Operator padded = right.operator(full ? List.of() : Condition.takeOver(rest, right.columns()));
            for (Condition condition : rest) {
                kept = Clock.marked(kept, condition.marks(), left.columns());
                padded = Clock.marked(padded, condition.marks(), right.columns());
            }
            Optional<Unsupported> problem = rest.stream()
                    .flatMap(condition -> condition.problem().stream())
                    .findFirst();
            Expression condition = rest.isEmpty()
                    ? Expression.text("true")
                    : NullSafeEquality.simplified(Condition.all(rest), List.of(kept, padded));
            OuterJoin join = new OuterJoin(kept, padded, condition, full);
            return Condition.filtered(
                    problem.isEmpty() ? join : new Opaque(join.label(), join.inputs(), join.columns(), problem.get()),
                    above);
        }
    }
}
