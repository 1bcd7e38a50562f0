package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Expression;
import io.runnel.operator.Join;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Projection;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Aggregate;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Scalar.Sublink.Form;
import io.runnel.parse.Subqueries.Context;
import io.runnel.parse.Subqueries.Link;
import io.runnel.parse.Subqueries.Linked;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Subqueries that stand for one value, a row or an array: an outer join with the rows that are meant.
 *
 * <p>Aggregates without GROUP BY have a value over no rows, too; that is put in their place where the join finds none. Any
 * other query must not have several rows for one row outside, which is an error in PostgreSQL: where that is not proven, the
 * rows are counted, and the error is raised by PostgreSQL itself.
 */
final class SingleValue {

    /** Functions of {@code pg_catalog} that are null over no rows; {@code count} is 0. Others are not known. */
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

    private final Build build;
    private final QueryBuilder queries;
    private final Context context;
    private final Sublink sublink;
    private final Map<Free, Identifier> outer;

    SingleValue(Build build, QueryBuilder queries, Context context, Sublink sublink, Map<Free, Identifier> outer) {
        this.build = build;
        this.queries = queries;
        this.context = context;
        this.sublink = sublink;
        this.outer = outer;
    }

    Linked linked() {
        if (sublink.form() == Form.ARRAY) {
            return aggregated(collected());
        }
        return isOneGroup(sublink.query()) ? aggregated(sublink.query()) : lookedUp();
    }

    /** Aggregates over all rows that are meant, and nothing after that. */
    private static boolean isOneGroup(Query query) {
        return query.body() instanceof Query.Select select
                && query.limit().isEmpty()
                && query.locking().isEmpty()
                && select.grouping().isEmpty()
                && select.windows().isEmpty()
                && select.distinct().on().isEmpty()
                && SelectBuilder.isAggregated(select, List.of())
                && select.items().stream().allMatch(item -> isOverAggregates(item.expression()))
                && select.having().stream().allMatch(SingleValue::isOverAggregates);
    }

    private static boolean isOverAggregates(Scalar scalar) {
        return scalar.pieces().stream()
                .allMatch(piece ->
                        piece instanceof Scalar.Word || piece instanceof Aggregate || piece instanceof Scalar.Column);
    }

    /** ARRAY(SELECT x … ORDER BY y) as SELECT array_agg(x ORDER BY y) …. */
    private Query collected() {
        Query query = sublink.query();
        boolean plain = query.body() instanceof Query.Select select
                && query.limit().isEmpty()
                && query.locking().isEmpty()
                && select.items().size() == 1
                && select.distinct().token().isEmpty()
                && select.windows().isEmpty()
                && select.grouping().isEmpty()
                && !SelectBuilder.isAggregated(select, query.order());
        if (!plain) {
            throw new Refusal(
                    "ARRAY of a query with more than FROM, WHERE and ORDER BY has no delta rule yet", sublink.first());
        }
        Query.Select select = (Query.Select) query.body();
        Token function = new Token(Token.Kind.WORD, "array_agg", sublink.first().start(), true);
        Aggregate call = new Aggregate(
                sublink.tokens(),
                List.of(function),
                false,
                false,
                false,
                List.of(select.items().get(0).expression()),
                query.order(),
                List.of(),
                Optional.empty());
        Query.Item item = new Query.Item(new Scalar(List.of(call)), Optional.empty());
        return new Query(query.with(), select.items(List.of(item)), List.of(), Optional.empty(), List.of());
    }

    private Linked aggregated(Query query) {
        Correlation correlation = Correlation.of(build, query, sublink.free(), outer);
        Query.Grouping keys = new Query.Grouping(correlation.keys(), Optional.empty(), List.of(), List.of());
        Query.Select select = ((Query.Select) correlation.query().body()).grouping(Optional.of(keys));
        Build inside = query.with().map(build::with).orElse(build);
        FilteredRows rows = new FilteredRows(inside, queries, select);
        AggregationBuilder aggregation = new AggregationBuilder(inside, queries, rows.scope(), select, outer);
        List<Expression> values = new ArrayList<>();
        for (Query.Item item : select.items()) {
            values.add(aggregation.translate(item.expression()).checked(sublink.first()));
        }
        Optional<Expression> having = select.having()
                .map(condition -> aggregation.translate(condition).checked(sublink.first()));
        Expression value = value(values);
        if (having.isPresent()) {
            value = Expression.of("CASE WHEN ", having.get(), " THEN ", value, " END");
        }
        List<Identifier> names = aggregation.keyColumns(correlation.keys());
        Link link = (left, base) -> {
            correlation.bind(base);
            Operator groups = aggregation.operator(rows.operator());
            return names.isEmpty()
                    ? new Join(List.of(left, groups), Optional.empty())
                    : new OuterJoin(left, groups, Condition.and(correlation.meant(names)), false);
        };
        Set<Identifier> adds = new HashSet<>(names);
        aggregation.calls().forEach(call -> adds.add(call.name()));
        return new Linked(List.of(link), adds, overNothing(value, aggregation.calls()));
    }

    /** The value as it is where the join has found no group. */
    private Expression overNothing(Expression value, List<AggregateCall> calls) {
        return value.replace(column -> calls.stream()
                .filter(call -> call.name().equals(column))
                .findFirst()
                .flatMap(this::overNothing));
    }

    private Optional<Expression> overNothing(AggregateCall call) {
        Expression column = Expression.column(call.name());
        if (call.function().equals("count") || call.function().equals("regr_count")) {
            return Optional.of(Expression.of("COALESCE(", column, ", 0)"));
        }
        if (!NULL_OVER_NOTHING.contains(call.function())) {
            throw new Refusal(
                    "the value of " + Texts.shortened(call.function())
                            + " over no rows is not known, so it has no delta rule in a subquery",
                    sublink.first());
        }
        return sublink.form() == Form.ARRAY
                ? Optional.of(Expression.of("COALESCE(", column, ", '{}')"))
                : Optional.empty();
    }

    private Linked lookedUp() {
        KeyedQuery keyed = KeyedQuery.of(build, queries, sublink.query(), sublink.free(), outer, sublink.first());
        Expression meant = keyed.meant().isEmpty() ? Expression.text("true") : Condition.and(keyed.meant());
        Link link = (left, base) -> {
            keyed.correlation().bind(base);
            return new OuterJoin(left, keyed.operator().get(), meant, false);
        };
        Set<Identifier> adds = new HashSet<>(keyed.values());
        adds.addAll(keyed.keys());
        if (SingleRow.isProven(sublink.query(), outer.keySet(), build.relations())) {
            return new Linked(List.of(link), adds, value(keyed.expressions()));
        }
        Identifier count = build.names().fresh("rows");
        List<Identifier> keys = build.fresh(keyed.keys());
        Link counted = (left, base) -> counted(left, keyed, keys, count);
        adds.add(count);
        // Evaluated for more than one row, PostgreSQL says what it says of the subquery itself.
        List<Expression> values = keyed.expressions().stream()
                .map(single -> Expression.of(
                        "(SELECT ", single, " FROM pg_catalog.generate_series(1, ", Expression.column(count), "))"))
                .toList();
        return new Linked(List.of(link, counted), adds, value(values));
    }

    private static Operator counted(Operator left, KeyedQuery keyed, List<Identifier> keys, Identifier count) {
        List<Projection.Output> outputs = new ArrayList<>();
        for (int i = 0; i < keys.size(); i++) {
            outputs.add(new Projection.Output(
                    keys.get(i), Expression.column(keyed.keys().get(i))));
        }
        AggregateCall call = new AggregateCall(
                count, "count", List.of(), false, true, Optional.empty(), Expression.text("count(*)"));
        Aggregation counts = new Aggregation(new Projection(keyed.operator().get(), outputs), keys, List.of(call));
        return keys.isEmpty()
                ? new Join(List.of(left, counts), Optional.empty())
                : new OuterJoin(left, counts, Condition.and(keyed.correlation().meant(keys)), false);
    }

    /** The value, or how the row compares. */
    private Expression value(List<Expression> values) {
        if (sublink.form() != Form.ROW) {
            if (values.size() != 1) {
                throw Refusal.notUnderstood(sublink.first());
            }
            return values.get(0);
        }
        return Comparisons.of(sublink, context, values);
    }
}
