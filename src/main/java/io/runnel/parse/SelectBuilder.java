package io.runnel.parse;

import io.runnel.operator.Operator;
import io.runnel.parse.Build.Tree;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Turns one SELECT into operators, from below: FROM and WHERE, aggregation and HAVING, the SELECT list, DISTINCT.
 *
 * <p>All expressions are translated before the operators are made, because only then is it known which columns the
 * scans read.
 */
final class SelectBuilder {

    private final Build build;
    private final Query.Select select;
    private final Query query;
    private final QueryBuilder queries;
    private final List<Identifier> labels;

    /** @param query whose body the SELECT is */
    SelectBuilder(Build build, Query.Select select, Query query, QueryBuilder queries) {
        this.build = build;
        this.select = select;
        this.query = query;
        this.queries = queries;
        this.labels = select.items().stream().map(Query.Item::label).toList();
    }

    Tree build(Optional<List<Identifier>> names) {
        if (names.isPresent() && names.get().size() != labels.size()) {
            throw Refusal.notUnderstood(select.first());
        }
        FilteredRows rows = new FilteredRows(build, queries, select);
        Operator operator;
        if (isAggregated(select, query.order())) {
            operator = aggregated(rows, names);
        } else {
            ResultBuilder result = result((scalar, name) -> Translation.plain(scalar, rows.scope(), build.problems()));
            operator = result.operator(rows.operator(), names);
        }
        return new Tree(operator, labels);
    }

    private ResultBuilder result(ResultBuilder.Below below) {
        return new ResultBuilder(build, query, select, labels, below);
    }

    /** @param order the ORDER BY of the query */
    static boolean isAggregated(Query.Select select, List<Scalar.Sort> order) {
        return select.grouping().isPresent()
                || select.having().isPresent()
                || select.items().stream().anyMatch(item -> containsAggregate(item.expression()))
                || order.stream().anyMatch(sort -> containsAggregate(sort.expression()))
                || select.windows().stream()
                        .flatMap(window -> window.spec().scalars())
                        .anyMatch(SelectBuilder::containsAggregate);
    }

    private static boolean containsAggregate(Scalar scalar) {
        return scalar.pieces().stream()
                .anyMatch(piece -> piece instanceof Scalar.Aggregate
                        || (piece instanceof Scalar.Timed timed && containsAggregate(timed.row()))
                        || (piece instanceof Scalar.Window window
                                && window.scalars().anyMatch(SelectBuilder::containsAggregate)));
    }

    private Operator aggregated(FilteredRows rows, Optional<List<Identifier>> names) {
        AggregationBuilder aggregation = new AggregationBuilder(build, queries, rows.scope(), select, Map.of());
        Optional<Translated> having = select.having().map(aggregation::translate);
        ResultBuilder result = result(aggregation::translate);
        Operator grouped = aggregation.answered(aggregation.operator(rows.operator()));
        List<Condition> conditions = having.stream()
                .map(translated -> new Condition(translated.expression(), translated.problem(), translated.marks()))
                .toList();
        return result.operator(Condition.filtered(grouped, conditions), names);
    }
}
