package io.runnel.parse;

import io.runnel.parse.ParsedQuery.Counts;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Counts the calls and queries in the expressions of a query, at any depth. Owned by one count. */
final class Counter {

    private int aggregates;
    private int sublinks;
    private int windowCalls;
    private int times;

    /** The texts of the SELECT list at hand, and of what follows it; PostgreSQL stores each of the latter once. */
    private Set<String> listed = new HashSet<>();

    private Counter() {}

    static Counts count(Query query) {
        Counter counter = new Counter();
        counter.query(query);
        return new Counts(counter.aggregates, counter.sublinks, counter.windowCalls, counter.times);
    }

    private void query(Query query) {
        query.with().ifPresent(with -> with.ctes().forEach(cte -> query(cte.query())));
        Set<String> outside = listed;
        listed = new HashSet<>();
        if (query.body() instanceof Query.Select select) {
            select.items().forEach(item -> listed.add(item.expression().text()));
            select(select);
        } else if (query.body() instanceof Query.SetOperation operation) {
            query(operation.left());
            query(operation.right());
        } else if (query.body() instanceof Query.Nested nested) {
            query(nested.query());
        } else if (query.body() instanceof Query.Values values) {
            scalar(values.text());
        }
        query.order().forEach(sort -> once(sort.expression()));
        query.limit().ifPresent(this::scalar);
        listed = outside;
    }

    private void select(Query.Select select) {
        select.items().forEach(item -> scalar(item.expression()));
        select.distinct().on().forEach(this::once);
        select.from().forEach(this::source);
        select.where().ifPresent(this::scalar);
        select.grouping().ifPresent(grouping -> grouping.keys().forEach(this::once));
        select.having().ifPresent(this::scalar);
        select.windows().forEach(window -> window(window.spec()));
    }

    private void window(WindowSpec window) {
        window.partition().forEach(this::once);
        window.order().forEach(sort -> once(sort.expression()));
        window.frame().ifPresent(this::scalar);
    }

    private void once(Scalar scalar) {
        once(scalar, listed);
    }

    private void once(Scalar scalar, Set<String> counted) {
        Scalar bare = GroupKeys.withoutExtraParentheses(scalar);
        if (!counted.contains(scalar.text()) && counted.add(bare.text())) {
            scalar(bare);
        }
    }

    private void source(Query.Source source) {
        if (source instanceof Query.Derived derived) {
            query(derived.query());
        } else if (source instanceof Query.Joined join) {
            source(join.left());
            source(join.right());
            join.on().ifPresent(this::scalar);
        } else if (source instanceof Query.Call call) {
            scalar(call.call());
        }
    }

    private void scalar(Scalar scalar) {
        scalars(scalar.pieces());
    }

    private void scalars(List<Scalar.Piece> pieces) {
        for (Scalar.Piece piece : pieces) {
            if (piece instanceof Scalar.Aggregate aggregate) {
                aggregates++;
                aggregate.arguments().forEach(this::scalar);
                Set<String> arguments = new HashSet<>();
                aggregate.arguments().forEach(argument -> arguments.add(argument.text()));
                aggregate.order().forEach(sort -> once(sort.expression(), arguments));
                aggregate.within().forEach(sort -> scalar(sort.expression()));
                aggregate.filter().ifPresent(this::scalar);
            } else if (piece instanceof Scalar.Refused refused && refused.kind() == Scalar.Refused.Kind.AGGREGATE) {
                aggregates++;
            } else if (piece instanceof Scalar.Time) {
                times++;
            } else if (piece instanceof Scalar.Timed timed) {
                scalar(timed.row());
                scalars(timed.bound());
            } else if (piece instanceof Scalar.Window window) {
                windowCalls++;
                scalar(window.call());
                window(window.over());
            } else if (piece instanceof Scalar.Sublink sublink) {
                sublinks++;
                sublink.left().forEach(this::scalar);
                query(sublink.query());
            }
        }
    }
}
