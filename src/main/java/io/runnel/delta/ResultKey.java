package io.runnel.delta;

import io.runnel.operator.Aggregation;
import io.runnel.operator.Distinct;
import io.runnel.operator.Filter;
import io.runnel.operator.Join;
import io.runnel.operator.Limit;
import io.runnel.operator.MarkJoin;
import io.runnel.operator.OneRow;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Padding;
import io.runnel.operator.Projection;
import io.runnel.operator.Recursion;
import io.runnel.operator.Scan;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Window;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Columns that together tell the rows of a result apart, as far as the tree proves it.
 *
 * @param columns positions of the key's columns in the result, from 0; none if there is at most one row
 * @param nullable whether one of them may be null; nulls then count as equal
 */
public record ResultKey(List<Integer> columns, boolean nullable) {

    public ResultKey {
        columns = List.copyOf(columns);
    }

    /** The key of the tree's result, or empty if none can be proven. */
    public static Optional<ResultKey> of(Operator root, SourceFacts facts) {
        return keys(root, facts)
                .map(key -> new ResultKey(
                        key.stream()
                                .map(column -> root.columns().indexOf(column))
                                .toList(),
                        key.stream().anyMatch(column -> !root.notNull(column))));
    }

    private static Optional<List<Identifier>> keys(Operator operator, SourceFacts facts) {
        if (operator instanceof Scan scan) {
            return facts.keys(scan.table()).stream()
                    .map(key -> names(scan, key))
                    .flatMap(Optional::stream)
                    .findFirst();
        }
        if (operator instanceof Padding padding) {
            return keys(padding.input(), facts);
        }
        if (operator instanceof Filter filter) {
            return keys(filter.input(), facts);
        }
        if (operator instanceof TimeMark mark) {
            return keys(mark.input(), facts);
        }
        if (operator instanceof Projection projection) {
            return projection.multiplies()
                    ? Optional.empty()
                    : keys(projection.input(), facts).flatMap(key -> survivors(projection, key));
        }
        if (operator instanceof Join join) {
            List<Identifier> all = new ArrayList<>();
            for (Operator input : join.inputs()) {
                Optional<List<Identifier>> key = keys(input, facts);
                if (key.isEmpty()) {
                    return Optional.empty();
                }
                all.addAll(key.get());
            }
            return Optional.of(all);
        }
        if (operator instanceof OuterJoin join) {
            return outer(join, facts);
        }
        if (operator instanceof MarkJoin join) {
            return keys(join.left(), facts);
        }
        if (operator instanceof Aggregation aggregation) {
            return Optional.of(aggregation.keys());
        }
        if (operator instanceof Distinct distinct) {
            return Optional.of(distinct.columns());
        }
        if (operator instanceof Recursion recursion) {
            boolean distinct = !recursion.all()
                    && recursion.columns().size() == recursion.start().columns().size();
            return distinct ? Optional.of(recursion.columns()) : Optional.empty();
        }
        if (operator instanceof Window window) {
            return keys(window.input(), facts).filter(window.kept()::containsAll);
        }
        if (operator instanceof Limit limit) {
            boolean single = limit.count().isPresent() && limit.count().getAsLong() == 1 && !limit.ties();
            return single ? Optional.of(limit.keys()) : keys(limit.input(), facts);
        }
        return operator instanceof OneRow ? Optional.of(List.of()) : Optional.empty();
    }

    /**
     * A row of the left input occurs once without a match or with different keys of the right. Of a full join, a key that is
     * null anyway could not be told from one that is missing.
     */
    private static Optional<List<Identifier>> outer(OuterJoin join, SourceFacts facts) {
        List<Identifier> all = new ArrayList<>();
        for (Operator input : join.inputs()) {
            Optional<List<Identifier>> key = keys(input, facts);
            boolean distinct =
                    key.isPresent() && (!join.full() || key.get().stream().allMatch(input::notNull));
            if (!distinct) {
                return Optional.empty();
            }
            all.addAll(key.get());
        }
        return Optional.of(all);
    }

    private static Optional<List<Identifier>> names(Scan scan, List<Identifier> key) {
        List<Identifier> names = new ArrayList<>();
        for (Identifier column : key) {
            Optional<Identifier> name = scan.reads().stream()
                    .filter(read -> read.column().equals(column))
                    .map(Scan.Read::name)
                    .findFirst();
            if (name.isEmpty()) {
                return Optional.empty();
            }
            names.add(name.get());
        }
        return Optional.of(names);
    }

    private static Optional<List<Identifier>> survivors(Projection projection, List<Identifier> key) {
        List<Identifier> names = new ArrayList<>();
        for (Identifier column : key) {
            Optional<Identifier> name = projection.outputs().stream()
                    .filter(output -> output.expression().asColumn().equals(Optional.of(column)))
                    .map(Projection.Output::name)
                    .findFirst();
            if (name.isEmpty()) {
                return Optional.empty();
            }
            names.add(name.get());
        }
        return Optional.of(names);
    }
}
