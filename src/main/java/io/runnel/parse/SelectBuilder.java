package io.runnel.parse;

import io.runnel.operator.Distinct;
import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Build.Tree;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Turns one SELECT into operators, from below: FROM and WHERE, aggregation and HAVING, the SELECT list, DISTINCT.
 *
 * <p>All expressions are translated before the operators are made, because only then is it known which columns the
 * scans read.
 */
final class SelectBuilder {

    private static final String SORTED =
            "a set-returning function in ORDER BY that is not in the SELECT list has no delta rule yet";

    private final Build build;
    private final Query.Select select;
    private final List<Scalar.Sort> order;
    private final QueryBuilder queries;
    private final List<Identifier> labels;

    SelectBuilder(Build build, Query.Select select, List<Scalar.Sort> order, QueryBuilder queries) {
        this.build = build;
        this.select = select;
        this.order = order;
        this.queries = queries;
        this.labels = select.items().stream().map(Query.Item::label).toList();
    }

    Tree build(Optional<List<Identifier>> names) {
        if (names.isPresent() && names.get().size() != labels.size()) {
            throw Refusal.notUnderstood(select.first());
        }
        FilteredRows rows = new FilteredRows(build, queries, select);
        Operator operator;
        if (isAggregated(select, order)) {
            operator = aggregated(rows, names);
        } else {
            List<Translated> outputs = select.items().stream()
                    .map(item -> Translation.plain(item.expression(), rows.scope(), build.problems()))
                    .toList();
            operator = projection(rows.operator(), outputs, names);
        }
        return new Tree(distinct(operator), labels);
    }

    /** @param order the ORDER BY of the query */
    static boolean isAggregated(Query.Select select, List<Scalar.Sort> order) {
        return select.grouping().isPresent()
                || select.having().isPresent()
                || select.items().stream().anyMatch(item -> containsAggregate(item.expression()))
                || order.stream().anyMatch(sort -> containsAggregate(sort.expression()));
    }

    private static boolean containsAggregate(Scalar scalar) {
        return scalar.pieces().stream()
                .anyMatch(piece -> piece instanceof Scalar.Aggregate
                        || (piece instanceof Scalar.Timed timed && containsAggregate(timed.row()))
                        || (piece instanceof Scalar.Window window && containsAggregate(window.inside())));
    }

    private Operator aggregated(FilteredRows rows, Optional<List<Identifier>> names) {
        AggregationBuilder aggregation = new AggregationBuilder(build, queries, rows.scope(), select, Map.of());
        Optional<Translated> having = select.having().map(aggregation::translate);
        List<Translated> outputs = new ArrayList<>();
        for (Query.Item item : select.items()) {
            outputs.add(aggregation.translate(item));
        }
        Operator grouped = aggregation.answered(aggregation.operator(rows.operator()));
        List<Condition> conditions = having.stream()
                .map(translated -> new Condition(translated.expression(), translated.problem(), translated.marks()))
                .toList();
        return projection(Condition.filtered(grouped, conditions), outputs, names);
    }

    private Operator projection(Operator input, List<Translated> outputs, Optional<List<Identifier>> names) {
        Optional<Unsupported> problem =
                outputs.stream().flatMap(output -> output.problem().stream()).findFirst();
        Optional<Unsupported> sorted = sortProblem();
        List<Identifier> columns = names.orElseGet(() -> fresh(outputs));
        if (problem.isPresent() || sorted.isPresent()) {
            Unsupported reason = problem.or(() -> sorted).get();
            return new Opaque("projection", List.of(input), columns, reason);
        }
        List<Projection.Output> projected = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            projected.add(new Projection.Output(columns.get(i), outputs.get(i).expression()));
        }
        Operator marked = input;
        for (Translated output : outputs) {
            marked = Clock.marked(marked, output.marks());
        }
        return new Projection(marked, projected);
    }

    /**
     * A set-returning function in ORDER BY multiplies rows, unless the SELECT list has the same; whatever else stands
     * there does not change the result.
     */
    private Optional<Unsupported> sortProblem() {
        Set<String> listed =
                select.items().stream().map(item -> item.expression().text()).collect(Collectors.toSet());
        return order.stream()
                .map(sort -> GroupKeys.withoutExtraParentheses(sort.expression()))
                .filter(sort -> !listed.contains(sort.text()))
                .flatMap(sort -> sort.pieces().stream())
                .filter(Scalar.SetReturning.class::isInstance)
                .findFirst()
                .map(function -> build.problems().add(SORTED, function.tokens().get(0)));
    }

    /** A column that passes through keeps its name, once. */
    private List<Identifier> fresh(List<Translated> outputs) {
        Set<Identifier> kept = new HashSet<>();
        List<Identifier> names = new ArrayList<>();
        for (int i = 0; i < outputs.size(); i++) {
            Optional<Identifier> column = outputs.get(i).expression().asColumn();
            boolean keeps = column.isPresent() && column.get().equals(labels.get(i)) && kept.add(column.get());
            names.add(keeps ? labels.get(i) : build.names().fresh(labels.get(i)));
        }
        return names;
    }

    private Operator distinct(Operator operator) {
        Optional<Token> token = select.distinct().token();
        if (token.isEmpty()) {
            return operator;
        }
        if (select.distinct().on().isEmpty()) {
            return new Distinct(operator);
        }
        Unsupported reason = build.problems().add("DISTINCT ON has no delta rule yet", token.get());
        return new Opaque("distinct on", List.of(operator), operator.columns(), reason);
    }
}
