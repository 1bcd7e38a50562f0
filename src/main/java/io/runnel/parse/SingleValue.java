package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Expression;
import io.runnel.operator.Join;
import io.runnel.operator.Operator;
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
        return OneGroup.isFor(sublink.query()) ? aggregated(sublink.query()) : lookedUp();
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
        OneGroup group = OneGroup.of(build, queries, query, sublink.free(), outer, sublink.first());
        Expression value = value(group.values());
        if (sublink.form() == Form.ARRAY) {
            value = Expression.of("COALESCE(", value, ", '{}')");
        }
        if (group.having().isPresent()) {
            value = Expression.of("CASE WHEN ", group.having().get(), " THEN ", value, " END");
        }
        return new Linked(List.of(group.link()), group.adds(), value);
    }

    private Linked lookedUp() {
        KeyedQuery keyed = KeyedQuery.of(build, queries, sublink.query(), sublink.free(), outer, sublink.first());
        Expression meant = keyed.meant().isEmpty() ? Expression.text("true") : Condition.and(keyed.meant());
        Link link = (left, base) -> {
            keyed.correlation().bind(base);
            return KeyedQuery.joined(left, keyed.operator().get(), meant);
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
                : KeyedQuery.joined(
                        left, counts, Condition.and(keyed.correlation().meant(keys)));
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
