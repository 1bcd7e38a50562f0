package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Projection;
import io.runnel.parse.Build.Tree;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Mentions.Uses;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * A subquery of any shape, computed for all rows of the enclosing query at once.
 *
 * @param operator its rows; to be asked for when the correlation has been bound
 * @param labels the names of its columns in the query
 * @param values those in the tree
 * @param keys the further columns that say for which rows outside a row is meant
 */
record KeyedQuery(
        Supplier<Operator> operator,
        List<Identifier> labels,
        List<Identifier> values,
        List<Identifier> keys,
        Correlation correlation) {

    /**
     * @param free the columns that it borrows, and how often
     * @param outer their names outside
     * @param first where it starts
     */
    static KeyedQuery of(
            Build build,
            QueryBuilder queries,
            Query query,
            Map<Free, Uses> free,
            Map<Free, Identifier> outer,
            Token first) {
        if (free.isEmpty()) {
            Tree tree = queries.build(query, build);
            return new KeyedQuery(
                    tree::operator, tree.labels(), tree.operator().columns(), List.of(), Correlation.none());
        }
        List<Identifier> labels = labels(query, first);
        List<Identifier> values = build.fresh(labels);
        if (OneGroup.isFor(query)) {
            return oneGroup(build, queries, query, free, outer, first, values);
        }
        check(query, first);
        Correlation correlation = Correlation.of(build, query, free, outer);
        List<Identifier> keys = correlation.keys().stream()
                .map(key -> build.names().fresh("key"))
                .toList();
        List<Identifier> names = Stream.concat(values.stream(), keys.stream()).toList();
        Supplier<Operator> operator = new Once<>(() ->
                queries.build(correlation.keyed(), build, Optional.of(names)).operator());
        return new KeyedQuery(operator, labels, values, keys, correlation);
    }

    /** Every row outside has one row, or none if HAVING says so. */
    private static KeyedQuery oneGroup(
            Build build,
            QueryBuilder queries,
            Query query,
            Map<Free, Uses> free,
            Map<Free, Identifier> outer,
            Token first,
            List<Identifier> values) {
        Correlation correlation = Correlation.ofDomain(build, outer);
        Input.Domain domain = correlation.domain().orElseThrow();
        Map<Free, Identifier> inside = new LinkedHashMap<>();
        int next = 0;
        for (Free column : outer.keySet()) {
            inside.put(column, domain.labels().get(next++));
        }
        OneGroup group = OneGroup.of(build, queries, query, free, inside, first);
        Supplier<Operator> operator = new Once<>(() -> {
            Operator rows = domain.operator();
            Operator joined = group.link().apply(rows, rows);
            Operator kept = group.having()
                    .map(condition -> (Operator) new Filter(joined, condition))
                    .orElse(joined);
            List<Projection.Output> outputs = new ArrayList<>();
            for (int i = 0; i < values.size(); i++) {
                outputs.add(new Projection.Output(values.get(i), group.values().get(i)));
            }
            domain.labels().forEach(key -> outputs.add(new Projection.Output(key, Expression.column(key))));
            return new Projection(kept, outputs);
        });
        return new KeyedQuery(operator, labels(query, first), values, domain.labels(), correlation);
    }

    private static List<Identifier> labels(Query query, Token first) {
        Query at = query;
        while (!(at.body() instanceof Query.Select)) {
            if (at.body() instanceof Query.SetOperation operation) {
                at = operation.left();
            } else if (at.body() instanceof Query.Nested nested) {
                at = nested.query();
            } else {
                throw new Refusal("VALUES that reads columns of an enclosing query has no delta rule yet", first);
            }
        }
        return ((Query.Select) at.body())
                .items().stream().map(Query.Item::label).toList();
    }

    private static void check(Query query, Token first) {
        if (query.limit().isPresent() && !(query.body() instanceof Query.Select)) {
            throw new Refusal(
                    "LIMIT of a set operation that reads columns of an enclosing query has no delta rule yet", first);
        }
        if (query.body() instanceof Query.SetOperation operation) {
            check(operation.left(), first);
            check(operation.right(), first);
        } else if (query.body() instanceof Query.Nested nested) {
            check(nested.query(), first);
        } else if (query.body() instanceof Query.Select select) {
            check(select, first);
        } else {
            throw new Refusal("VALUES that reads columns of an enclosing query has no delta rule yet", first);
        }
    }

    private static void check(Query.Select select, Token first) {
        if (select.grouping().isEmpty() && SelectBuilder.isAggregated(select, List.of())) {
            throw new Refusal(
                    "aggregates without GROUP BY in a subquery that reads columns of an enclosing query have no delta"
                            + " rule here",
                    first);
        }
    }

    /** Rows outside with those that are meant for them, or with nulls. */
    static Operator joined(Operator outside, Operator rows, Expression meant) {
        return new OuterJoin(outside, rows, NullSafeEquality.simplified(meant, List.of(outside, rows)), false);
    }

    /** Whether a row is meant for a row outside. */
    List<Expression> meant() {
        return correlation.meant(keys);
    }

    /** Its columns as expressions. */
    List<Expression> expressions() {
        List<Expression> expressions = new ArrayList<>();
        values.forEach(value -> expressions.add(Expression.column(value)));
        return expressions;
    }
}
