package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Expression;
import io.runnel.operator.Join;
import io.runnel.operator.Operator;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Mentions.Uses;
import io.runnel.parse.Scalar.Aggregate;
import io.runnel.parse.Subqueries.Link;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Aggregates without GROUP BY in a subquery: a value for every row outside, also where no row is meant for it.
 *
 * @param link joins the groups to rows outside
 * @param adds the columns that it adds
 * @param values the SELECT list, over the columns outside and those that are added
 * @param having the condition, likewise
 */
record OneGroup(Link link, Set<Identifier> adds, List<Expression> values, Optional<Expression> having) {

    /** Functions of {@code pg_catalog} that are null over no rows; {@code count} is 0. Of others it is not known. */
    private static final Set<String> NULL_OVER_NOTHING = Set.of(
            "sum",
            "avg",
            "min",
            "max",
            "array_agg",
            "string_agg",
            "bool_and",
            "bool_or",
            "every",
            "bit_and",
            "bit_or",
            "bit_xor",
            "json_agg",
            "jsonb_agg",
            "json_object_agg",
            "jsonb_object_agg",
            "xmlagg",
            "stddev",
            "stddev_pop",
            "stddev_samp",
            "variance",
            "var_pop",
            "var_samp",
            "corr",
            "covar_pop",
            "covar_samp",
            "regr_avgx",
            "regr_avgy",
            "regr_intercept",
            "regr_r2",
            "regr_slope",
            "regr_sxx",
            "regr_sxy",
            "regr_syy",
            "mode",
            "percentile_cont",
            "percentile_disc",
            "any_value",
            "range_agg",
            "range_intersect_agg");

    /** Whether a query aggregates over all rows that are meant, and does nothing after that. */
    static boolean isFor(Query query) {
        return query.body() instanceof Query.Select select
                && query.limit().isEmpty()
                && query.locking().isEmpty()
                && select.grouping().isEmpty()
                && select.windows().isEmpty()
                && select.distinct().on().isEmpty()
                && SelectBuilder.isAggregated(select, List.of())
                && select.items().stream().allMatch(item -> isOverAggregates(item.expression()))
                && select.having().stream().allMatch(OneGroup::isOverAggregates);
    }

    private static boolean isOverAggregates(Scalar scalar) {
        return scalar.pieces().stream()
                .allMatch(piece ->
                        piece instanceof Scalar.Word || piece instanceof Aggregate || piece instanceof Scalar.Column);
    }

    /** The aggregates of a query that {@link #isFor} has accepted. */
    static OneGroup of(
            Build build,
            QueryBuilder queries,
            Query query,
            Map<Free, Uses> free,
            Map<Free, Identifier> outer,
            Token first) {
        Correlation correlation = Correlation.of(build, query, free, outer);
        Query.Grouping keys = new Query.Grouping(correlation.keys(), Optional.empty(), List.of(), List.of());
        Query.Select select = ((Query.Select) correlation.query().body()).grouping(Optional.of(keys));
        Build inside = query.with().map(build::with).orElse(build);
        FilteredRows rows = new FilteredRows(inside, queries, select);
        AggregationBuilder aggregation = new AggregationBuilder(inside, queries, rows.scope(), select, outer);
        List<Expression> values = new ArrayList<>();
        for (Query.Item item : select.items()) {
            values.add(aggregation.translate(item.expression()).checked(first));
        }
        Optional<Expression> having = select.having()
                .map(condition -> aggregation.translate(condition).checked(first));
        List<Identifier> names = aggregation.keyColumns(correlation.keys());
        Link link = (left, base) -> {
            correlation.bind(base);
            Operator groups = aggregation.operator(rows.operator());
            return names.isEmpty()
                    ? new Join(List.of(left, groups), Optional.empty())
                    : KeyedQuery.joined(left, groups, Condition.and(correlation.meant(names)));
        };
        Set<Identifier> adds = new HashSet<>(names);
        List<AggregateCall> calls = aggregation.calls();
        calls.forEach(call -> adds.add(call.name()));
        return new OneGroup(
                link,
                adds,
                values.stream().map(value -> overNothing(value, calls, first)).toList(),
                having.map(condition -> overNothing(condition, calls, first)));
    }

    /** The expression as it is where the join has found no group. */
    private static Expression overNothing(Expression expression, List<AggregateCall> calls, Token first) {
        return expression.replace(column -> calls.stream()
                .filter(call -> call.name().equals(column))
                .findFirst()
                .flatMap(call -> overNothing(call, first)));
    }

    private static Optional<Expression> overNothing(AggregateCall call, Token first) {
        if (call.function().equals("count") || call.function().equals("regr_count")) {
            return Optional.of(Expression.of("COALESCE(", Expression.column(call.name()), ", 0)"));
        }
        if (!NULL_OVER_NOTHING.contains(call.function())) {
            throw new Refusal(
                    "the value of " + Texts.shortened(call.function())
                            + " over no rows is not known, so it has no delta rule in a subquery",
                    first);
        }
        return Optional.empty();
    }
}
