package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The subqueries in the expressions over some rows. Each becomes an operator that joins its answer to the rows, as further
 * columns, and an expression over these. None is evaluated row by row. Owned by one parse.
 */
final class Subqueries {

    /** Subqueries in subqueries deeper than this are not understood. */
    private static final int NESTED_MAX = 12;

    private static final String MULTIPLIES =
            "set-returning functions in the SELECT list, and grouping sets, of a subquery"
                    + " in an expression have no delta rule yet";

    /** What the expressions of a subquery mean where it stands. */
    interface Context {

        /** The name in the tree of a column of the rows. */
        Optional<Identifier> column(Scalar.Column column);

        /** An expression over the rows. */
        Translated translate(Scalar scalar);
    }

    /** Joins the answer of a subquery to rows. */
    interface Link {

        /**
         * @param rows the rows with the answers of the subqueries before
         * @param base the rows alone
         */
        Operator apply(Operator rows, Operator base);
    }

    /** What a subquery has become: an expression over columns that a link adds, or the reason why there is none. */
    record Linked(List<Link> links, Set<Identifier> adds, Expression value) {}

    private final Build build;
    private final QueryBuilder queries;
    private final Context context;
    private final Map<String, Translated> known = new HashMap<>();
    private final Set<Identifier> added = new HashSet<>();
    private final List<Link> links = new ArrayList<>();

    Subqueries(Build build, QueryBuilder queries, Context context) {
        this.build = build;
        this.queries = queries;
        this.context = context;
    }

    /** The expression that stands for a subquery; the same one twice is joined once. */
    Translated translate(Sublink sublink, Around.Asked asked) {
        String text = asked + Texts.of(sublink.tokens());
        Translated before = known.get(text);
        if (before != null) {
            return before;
        }
        Translated translated = translated(sublink, asked);
        known.put(text, translated);
        return translated;
    }

    private Translated translated(Sublink sublink, Around.Asked asked) {
        Map<Free, Identifier> outer = new LinkedHashMap<>();
        for (Map.Entry<Free, Mentions.Uses> borrowed : sublink.free().entrySet()) {
            Free column = borrowed.getKey();
            Optional<Identifier> name = context.column(borrowed.getValue().first());
            if (name.isEmpty()) {
                return refused(
                        "the column " + Texts.shortened(column.alias() + "." + column.column())
                                + " cannot be read by a subquery here",
                        sublink);
            }
            outer.put(column, name.get());
        }
        if (sublink.query().body() instanceof Query.Select select && multiplies(select)) {
            return refused(MULTIPLIES, sublink);
        }
        if (build.depth() >= NESTED_MAX) {
            return refused("subqueries are nested more than " + NESTED_MAX + " levels deep", sublink);
        }
        Build inside = build.inSubquery();
        try {
            Linked linked =
                    switch (sublink.form()) {
                        case EXISTS ->
                            new Quantified(inside, queries, context, unlimited(sublink), outer).linked(asked);
                        case ANY, ALL -> new Quantified(inside, queries, context, sublink, outer).linked(asked);
                        case VALUE, ROW, ARRAY -> new SingleValue(inside, queries, context, sublink, outer).linked();
                    };
            links.addAll(linked.links());
            added.addAll(linked.adds());
            return new Translated(linked.value(), Optional.empty());
        } catch (Refusal refusal) {
            Unsupported problem = build.problems().add(refusal.reason());
            return new Translated(text(sublink), Optional.of(problem));
        }
    }

    /** The rules below take the SELECT list and GROUP BY apart, and count on one row per row or group. */
    private static boolean multiplies(Query.Select select) {
        return select.grouping().flatMap(Query.Grouping::special).isPresent()
                || select.items().stream()
                        .flatMap(item -> item.expression().pieces().stream())
                        .anyMatch(Scalar.SetReturning.class::isInstance);
    }

    /** EXISTS (SELECT … LIMIT 1) as EXISTS (SELECT …). */
    private Sublink unlimited(Sublink sublink) {
        Query query = sublink.query();
        boolean needless = query.limit().isPresent()
                && LimitClause.read(query.limit().get(), build.problems()).keepsSome();
        return needless ? sublink.query(query.unlimited()) : sublink;
    }

    private Translated refused(String reason, Sublink sublink) {
        return new Translated(text(sublink), Optional.of(build.problems().add(reason, sublink.first())));
    }

    /** People can read what was refused. */
    private static Expression text(Sublink sublink) {
        return Expression.text(Texts.of(sublink.tokens()));
    }

    /** Whether a condition reads the answer of a subquery. */
    boolean isRead(Condition condition) {
        return condition.expression().references().stream().anyMatch(added::contains);
    }

    /** The rows with the answers of all subqueries. To be asked for when everything has been translated. */
    Operator apply(Operator base) {
        Operator rows = base;
        for (Link link : links) {
            rows = link.apply(rows, base);
        }
        return rows;
    }
}
