package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Operator;
import io.runnel.parse.Build.Tree;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Mentions.Uses;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * A subquery of any shape, computed for all rows of the enclosing query at once.
 *
 * @param operator its rows; to be asked for when the correlation has been bound
 * @param values its columns
 * @param keys the further columns that say for which rows outside a row is meant
 */
record KeyedQuery(
        Supplier<Operator> operator, List<Identifier> values, List<Identifier> keys, Correlation correlation) {

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
            return new KeyedQuery(tree::operator, tree.operator().columns(), List.of(), Correlation.none());
        }
        refusal(query).ifPresent(reason -> {
            throw new Refusal(reason, first);
        });
        Correlation correlation = Correlation.of(build, query, free, outer);
        Query.Select select = (Query.Select) query.body();
        List<Identifier> values =
                build.fresh(select.items().stream().map(Query.Item::label).toList());
        List<Identifier> keys =
                build.fresh(free.keySet().stream().map(Free::column).toList());
        List<Identifier> names = Stream.concat(values.stream(), keys.stream()).toList();
        Supplier<Operator> operator = new Once<>(() ->
                queries.build(correlation.keyed(), build, Optional.of(names)).operator());
        return new KeyedQuery(operator, values, keys, correlation);
    }

    private static Optional<String> refusal(Query query) {
        if (!(query.body() instanceof Query.Select select)) {
            return Optional.of("a set operation that reads columns of an enclosing query has no delta rule yet");
        }
        if (query.limit().isPresent()) {
            return Optional.of("LIMIT in a subquery that reads columns of an enclosing query has no delta rule yet");
        }
        if (!select.windows().isEmpty() || !select.distinct().on().isEmpty()) {
            return Optional.of("WINDOW and DISTINCT ON in a subquery that reads columns of an enclosing query have no"
                    + " delta rule yet");
        }
        boolean lonely = select.grouping().isEmpty() && SelectBuilder.isAggregated(select, List.of());
        return lonely
                ? Optional.of("aggregates without GROUP BY in a subquery that reads columns of an enclosing query are"
                        + " maintained only where the subquery stands for their value")
                : Optional.empty();
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
