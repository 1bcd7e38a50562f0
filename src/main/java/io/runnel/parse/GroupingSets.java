package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Expression;
import io.runnel.operator.Operator;
import io.runnel.operator.Padding;
import io.runnel.operator.Projection;
import io.runnel.operator.UnionAll;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * One SELECT that groups in several ways at once. Each row is there once for each grouping set that has a key, with the
 * number of the set and nulls in place of the keys that the set has not; one aggregation by number and keys does the rest.
 * What the aggregates read stays as it is. The sets without keys are an aggregation of their own, because they have a row
 * even if there are none to group.
 *
 * @param sets the numbers of the keys of each set
 * @param keys the columns of all keys
 */
record GroupingSets(List<Set<Integer>> sets, List<Identifier> keys, Identifier number, Names names) {

    /** As many branches the union of them has. */
    static final int SETS_MAX = 64;

    GroupingSets {
        sets = List.copyOf(sets);
        keys = List.copyOf(keys);
    }

    /** What GROUPING says about the keys: a bit for each, set if the row's set has it not; the last key's is the lowest. */
    Expression grouping(List<Identifier> arguments) {
        List<Expression.Part> parts = new ArrayList<>();
        parts.add(new Expression.Text("CASE "));
        parts.add(new Expression.Reference(number));
        StringBuilder text = new StringBuilder();
        for (int set = 0; set < sets.size(); set++) {
            int bits = 0;
            for (Identifier argument : arguments) {
                bits = 2 * bits + (sets.get(set).contains(keys.indexOf(argument)) ? 0 : 1);
            }
            text.append(" WHEN ").append(set).append(" THEN ").append(bits);
        }
        parts.add(new Expression.Text(text.append(" END").toString()));
        return new Expression(parts);
    }

    /** The groups of all sets: the number of the set, the keys, the calls. */
    Operator operator(Projection input, List<AggregateCall> calls) {
        List<Operator> parts = new ArrayList<>();
        List<Integer> keyed = numbers(false);
        if (!keyed.isEmpty()) {
            parts.add(keyed(input, calls, keyed));
        }
        Operator total = new Padding(new Aggregation(input, List.of(), calls), input, keys);
        for (int set : numbers(true)) {
            parts.add(numbered(total, set, columns(calls)));
        }
        return parts.size() == 1 ? parts.get(0) : new UnionAll(parts, prepend(number, columns(calls)));
    }

    private List<Integer> numbers(boolean empty) {
        return IntStream.range(0, sets.size())
                .filter(set -> sets.get(set).isEmpty() == empty)
                .boxed()
                .toList();
    }

    private List<Identifier> columns(List<AggregateCall> calls) {
        List<Identifier> columns = new ArrayList<>(keys);
        calls.forEach(call -> columns.add(call.name()));
        return columns;
    }

    private static List<Identifier> prepend(Identifier first, List<Identifier> others) {
        List<Identifier> all = new ArrayList<>();
        all.add(first);
        all.addAll(others);
        return all;
    }

    private Operator numbered(Operator operator, int set, List<Identifier> columns) {
        List<Projection.Output> outputs = new ArrayList<>();
        outputs.add(new Projection.Output(number, Expression.text(String.valueOf(set))));
        columns.forEach(column -> outputs.add(new Projection.Output(column, Expression.column(column))));
        return new Projection(operator, outputs);
    }

    private Operator keyed(Projection input, List<AggregateCall> calls, List<Integer> numbers) {
        Set<Identifier> read = new LinkedHashSet<>();
        calls.forEach(call -> {
            read.addAll(call.arguments());
            call.filter().ifPresent(read::add);
            read.addAll(call.call().references());
        });
        List<Identifier> own = keys.stream().map(names::fresh).toList();
        List<Operator> branches = new ArrayList<>();
        for (int set : numbers) {
            branches.add(branch(input, set, own, read));
        }
        List<Identifier> columns = prepend(number, own);
        columns.addAll(read);
        Operator all = branches.size() == 1 ? branches.get(0) : new UnionAll(branches, columns);
        return renamed(new Aggregation(all, prepend(number, own), calls), own, calls);
    }

    private Operator branch(Projection input, int set, List<Identifier> own, Set<Identifier> read) {
        List<Projection.Output> outputs = new ArrayList<>();
        outputs.add(new Projection.Output(number, Expression.text(String.valueOf(set))));
        for (int i = 0; i < keys.size(); i++) {
            Expression key = sets.get(set).contains(i) ? Expression.column(keys.get(i)) : typedNull(keys.get(i));
            outputs.add(new Projection.Output(own.get(i), key));
        }
        read.forEach(column -> outputs.add(new Projection.Output(column, Expression.column(column))));
        return new Projection(input, outputs);
    }

    private static Expression typedNull(Identifier key) {
        return new Expression(List.of(
                new Expression.Text("CASE WHEN false THEN "),
                new Expression.Reference(key),
                new Expression.Text(" END")));
    }

    private Operator renamed(Aggregation groups, List<Identifier> own, List<AggregateCall> calls) {
        List<Projection.Output> outputs = new ArrayList<>();
        outputs.add(new Projection.Output(number, Expression.column(number)));
        for (int i = 0; i < keys.size(); i++) {
            outputs.add(new Projection.Output(keys.get(i), Expression.column(own.get(i))));
        }
        calls.forEach(call -> outputs.add(new Projection.Output(call.name(), Expression.column(call.name()))));
        return new Projection(groups, outputs);
    }
}
