package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.MarkJoin;
import io.runnel.operator.Operator;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Mentions.Uses;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Scalar.Sublink.Form;
import io.runnel.parse.Subqueries.Context;
import io.runnel.parse.Subqueries.Link;
import io.runnel.parse.Subqueries.Linked;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;

/**
 * EXISTS, IN, ANY and ALL as marks: whether there is a row for which the comparison is true, one for which it is false, one
 * for which it is null.
 *
 * <p>{@code x op ANY (S)} is true if a comparison is, else null if one is null, else false; {@code x op ALL (S)} is false if
 * one is, else null if one is null, else true.
 */
final class Quantified {

    private final Build build;
    private final QueryBuilder queries;
    private final Context context;
    private final Sublink sublink;
    private final Map<Free, Identifier> outer;

    /** The subquery's rows: what of them is meant for a row outside, and the values that are compared. */
    private record Rows(
            Supplier<Operator> operator, List<Expression> meant, List<Expression> values, Correlation keys) {}

    Quantified(Build build, QueryBuilder queries, Context context, Sublink sublink, Map<Free, Identifier> outer) {
        this.build = build;
        this.queries = queries;
        this.context = context;
        this.sublink = sublink;
        this.outer = outer;
    }

    Linked linked(Around.Asked asked) {
        Rows rows = isPullable() ? pulled() : keyed();
        List<Link> links = new ArrayList<>();
        Set<Identifier> marks = new HashSet<>();
        if (sublink.form() == Form.EXISTS) {
            Identifier exists = mark("exists", rows, List.of(), links, marks);
            return new Linked(links, marks, Expression.column(exists));
        }
        Expression comparison = Comparisons.of(sublink, context, rows.values());
        boolean all = sublink.form() == Form.ALL;
        Expression decisive = all ? Expression.of("(NOT ", comparison, ")") : comparison;
        Expression decided = Expression.column(mark(all ? "fails" : "matches", rows, List.of(decisive), links, marks));
        if (asked == Around.Asked.TRUTH && !all) {
            return new Linked(links, marks, decided);
        }
        Expression unknown = Expression.of("(", comparison, " IS NULL)");
        Expression open = Expression.column(mark("unknown", rows, List.of(unknown), links, marks));
        Expression value = Expression.of(
                "CASE WHEN ", decided, " THEN " + !all + " WHEN ", open, " THEN NULL::boolean ELSE " + all + " END");
        return new Linked(links, marks, value);
    }

    private Identifier mark(
            String base, Rows rows, List<Expression> comparison, List<Link> links, Set<Identifier> marks) {
        Identifier mark = build.names().fresh(base);
        List<Expression> conditions = new ArrayList<>(rows.meant());
        conditions.addAll(comparison);
        Expression condition = conditions.isEmpty() ? Expression.text("true") : Condition.and(conditions);
        links.add((left, rowsOutside) -> {
            rows.keys().bind(rowsOutside);
            Operator right = rows.operator().get();
            return new MarkJoin(left, right, NullSafeEquality.simplified(condition, List.of(left, right)), mark);
        });
        marks.add(mark);
        return mark;
    }

    /** Whether what is borrowed stands in WHERE alone, and outside further subqueries, so that it can be a join's condition. */
    private boolean isPullable() {
        Query query = sublink.query();
        boolean plain = query.body() instanceof Query.Select select
                && query.limit().isEmpty()
                && query.locking().isEmpty()
                && select.distinct().on().isEmpty()
                && select.grouping().isEmpty()
                && select.having().isEmpty()
                && select.items().stream().allMatch(item -> isPlain(item.expression()));
        if (!plain) {
            return false;
        }
        Query.Select select = (Query.Select) query.body();
        int inWhere = select.where().map(this::borrowed).orElse(0);
        int inAll = sublink.free().values().stream().mapToInt(Uses::count).sum();
        return inWhere == inAll
                && select.where().stream()
                        .flatMap(where -> where.pieces().stream())
                        .noneMatch(piece -> piece instanceof Sublink nested
                                && nested.free().keySet().stream().anyMatch(outer::containsKey));
    }

    private static boolean isPlain(Scalar scalar) {
        return scalar.pieces().stream()
                .allMatch(piece ->
                        piece instanceof Scalar.Word || piece instanceof Scalar.Column || piece instanceof Scalar.Bare);
    }

    private int borrowed(Scalar where) {
        return (int) where.pieces().stream()
                .filter(piece -> piece instanceof Scalar.Column column && outer.containsKey(Free.of(column)))
                .count();
    }

    private Rows pulled() {
        Query query = sublink.query();
        Query.Select select = (Query.Select) query.body();
        Build inside = query.with().map(build::with).orElse(build).reading(outer);
        FilteredRows rows = new FilteredRows(inside, queries, select);
        List<Condition> pulled = rows.takeOut(Set.copyOf(outer.values()));
        List<Expression> values = new ArrayList<>();
        if (sublink.form() != Form.EXISTS) {
            for (Query.Item item : select.items()) {
                values.add(Translation.plain(item.expression(), rows.scope(), build.problems())
                        .checked(sublink.first()));
            }
        }
        List<Expression> meant = pulled.stream()
                .map(condition -> new Translated(condition.expression(), condition.problem(), condition.marks())
                        .checked(sublink.first()))
                .toList();
        Supplier<Operator> operator = new Once<>(rows::operator);
        return new Rows(operator, meant, values, Correlation.none());
    }

    private Rows keyed() {
        KeyedQuery keyed = KeyedQuery.of(build, queries, sublink.query(), sublink.free(), outer, sublink.first());
        return new Rows(keyed.operator(), keyed.meant(), keyed.expressions(), keyed.correlation());
    }
}
