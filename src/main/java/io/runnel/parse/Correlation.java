package io.runnel.parse;

import io.runnel.operator.Distinct;
import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Join;
import io.runnel.operator.MarkJoin;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Projection;
import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Mentions.Uses;
import io.runnel.parse.Scalar.Column;
import io.runnel.parse.Scalar.Piece;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;

/**
 * Makes a query that reads columns of enclosing queries one that does not: instead of for one row, it is computed for all
 * at once, and has further columns, the keys, that say for which rows of the enclosing query each of its rows is meant.
 *
 * <p>Where each borrowed column is only compared for equality with a column of its own, that column is the key. Otherwise
 * the query also reads the domain, the distinct values that the borrowed columns have outside.
 *
 * <p>Source: Neumann, Kemper: Unnesting Arbitrary Queries, 2015.
 */
final class Correlation {

    private final List<Free> columns;
    private final List<Identifier> outer;
    private final Optional<Input.Domain> domain;
    private final Optional<Query> query;
    private final List<Scalar> keys;

    private Correlation(
            Map<Free, Identifier> outer, Optional<Input.Domain> domain, Optional<Query> query, List<Scalar> keys) {
        this.columns = List.copyOf(outer.keySet());
        this.outer = List.copyOf(outer.values());
        this.domain = domain;
        this.query = query;
        this.keys = keys;
    }

    /**
     * @param free the columns that it borrows, and how often
     * @param outer their names in the tree of the enclosing query
     */
    static Correlation of(Build build, Query query, Map<Free, Uses> free, Map<Free, Identifier> outer) {
        if (free.isEmpty()) {
            return new Correlation(Map.of(), Optional.empty(), Optional.of(query), List.of());
        }
        return byEquality(query, free, outer).orElseGet(() -> byDomain(build, query, free, outer));
    }

    /** Of what borrows nothing, or is correlated otherwise. */
    static Correlation none() {
        return new Correlation(Map.of(), Optional.empty(), Optional.empty(), List.of());
    }

    private static Optional<Correlation> byEquality(Query query, Map<Free, Uses> free, Map<Free, Identifier> outer) {
        if (!(query.body() instanceof Query.Select select)) {
            return Optional.empty();
        }
        Map<Free, Scalar> found = new LinkedHashMap<>();
        List<Piece> rest = new ArrayList<>();
        for (List<Piece> conjunct :
                select.where().map(where -> Pieces.conjuncts(where.pieces())).orElse(List.of())) {
            Optional<Map.Entry<Free, Scalar>> key = equality(conjunct, free);
            if (key.isPresent()
                    && found.putIfAbsent(key.get().getKey(), key.get().getValue()) == null) {
                continue;
            }
            Pieces.and(rest, conjunct);
        }
        boolean all = free.entrySet().stream()
                .allMatch(column ->
                        found.containsKey(column.getKey()) && column.getValue().count() == 1);
        if (!all) {
            return Optional.empty();
        }
        Query.Select without = select.where(rest.isEmpty() ? Optional.empty() : Optional.of(new Scalar(rest)));
        List<Scalar> keys = free.keySet().stream().map(found::get).toList();
        return Optional.of(new Correlation(outer, Optional.empty(), Optional.of(query.body(without)), keys));
    }

    /** {@code (own = borrowed)}, in either order. */
    private static Optional<Map.Entry<Free, Scalar>> equality(List<Piece> conjunct, Map<Free, Uses> free) {
        Optional<Pieces.Equality> equality = Pieces.equality(conjunct);
        if (equality.isEmpty()) {
            return Optional.empty();
        }
        Column left = equality.get().left();
        Column right = equality.get().right();
        boolean leftFree = free.containsKey(Free.of(left));
        if (leftFree == free.containsKey(Free.of(right))) {
            return Optional.empty();
        }
        return Optional.of(Map.entry(Free.of(leftFree ? left : right), new Scalar(List.of(leftFree ? right : left))));
    }

    private static Correlation byDomain(Build build, Query query, Map<Free, Uses> free, Map<Free, Identifier> outer) {
        Input.Domain domain = domain(build, outer);
        List<Column> read = new ArrayList<>();
        outer.keySet()
                .forEach(column ->
                        read.add(Objects.requireNonNull(free.get(column)).first()));
        read.addAll(read.stream().map(Correlation::print).toList());
        Query.Bound bound = new Query.Bound(domain, read.stream().map(Free::of).toList());
        List<Scalar> keys =
                read.stream().map(column -> new Scalar(List.of(column))).toList();
        return new Correlation(outer, Optional.of(domain), Optional.of(reading(query, bound)), keys);
    }

    /** The column of the domain that holds how a borrowed one is printed. */
    private static Column print(Column column) {
        Token last = column.tokens().get(2);
        String name = column.column().name().replace("\"", "\"\"");
        Token printed = new Token(Token.Kind.QUOTED, "\"" + name + " as printed\"", last.start(), false);
        return new Column(List.of(column.tokens().get(0), column.tokens().get(1), printed));
    }

    /** Columns for the borrowed values, then for their prints: 1.0 and 1.00 are equal, and yet not the same outside. */
    private static Input.Domain domain(Build build, Map<Free, Identifier> outer) {
        List<Identifier> names = new ArrayList<>();
        outer.values().forEach(column -> names.add(build.names().fresh(column)));
        outer.values().forEach(column -> names.add(build.names().fresh("printed")));
        return new Input.Domain(names);
    }

    /** One by the domain alone, for a query that is not made another one. */
    static Correlation ofDomain(Build build, Map<Free, Identifier> outer) {
        return new Correlation(outer, Optional.of(domain(build, outer)), Optional.empty(), List.of());
    }

    /** The query in which every SELECT reads the domain, before anything that may read it, too. */
    private static Query reading(Query query, Query.Bound bound) {
        if (query.body() instanceof Query.Select select) {
            List<Query.Source> from = new ArrayList<>(List.of(bound));
            from.addAll(select.from());
            return query.body(select.from(from));
        }
        if (query.body() instanceof Query.SetOperation operation) {
            return query.body(new Query.SetOperation(
                    operation.operator(),
                    operation.all(),
                    reading(operation.left(), bound),
                    reading(operation.right(), bound)));
        }
        return query.body() instanceof Query.Nested nested
                ? query.body(new Query.Nested(nested.first(), reading(nested.query(), bound)))
                : query;
    }

    /** The query, without its keys. */
    Query query() {
        return query.orElseThrow();
    }

    /** The keys, over the query's own columns. */
    List<Scalar> keys() {
        return keys;
    }

    /** The query with its keys as further columns, in the order of {@link #keys}. */
    Query keyed() {
        return keyed(query());
    }

    private Query keyed(Query query) {
        if (query.body() instanceof Query.SetOperation operation) {
            return query.body(new Query.SetOperation(
                    operation.operator(), operation.all(), keyed(operation.left()), keyed(operation.right())));
        }
        if (query.body() instanceof Query.Nested nested) {
            return query.body(new Query.Nested(nested.first(), keyed(nested.query())));
        }
        Query.Select select = (Query.Select) query.body();
        Optional<Query.Grouping> grouping = select.grouping().map(present -> present.and(keys));
        return query.body(select.keyed(keys).grouping(grouping));
    }

    /** The rows of the domain, once it has been bound; empty if there is none. */
    Optional<Input.Domain> domain() {
        return domain;
    }

    /** Whether a row of the keyed query, whose keys have these names, is meant for a row of the enclosing query. */
    List<Expression> meant(List<Identifier> names) {
        List<Expression> conditions = new ArrayList<>();
        int count = columns.size();
        for (int i = 0; i < count; i++) {
            Expression here = Expression.column(names.get(i));
            Expression there = Expression.column(outer.get(i));
            if (domain.isEmpty()) {
                conditions.add(Expression.of("(", here, " = ", there, ")"));
                continue;
            }
            conditions.add(
                    Expression.of("((", here, " = ", there, ") OR ((", here, " IS NULL) AND (", there, " IS NULL)))"));
            conditions.add(Expression.of("(", Expression.column(names.get(count + i)), " = ", printed(there), ")"));
        }
        return conditions;
    }

    /** How a value is printed; unlike a cast to text, with the blanks at the end of a character(n). */
    private static Expression printed(Expression value) {
        return Expression.of("(pg_catalog.concat(", value, ") COLLATE \"C\")");
    }

    /** Says what the domain is computed from: rows of the enclosing query, before anything else is joined to them. */
    void bind(Operator rows) {
        domain.ifPresent(values -> {
            List<Projection.Output> outputs = new ArrayList<>();
            for (int i = 0; i < columns.size(); i++) {
                outputs.add(new Projection.Output(values.labels().get(i), Expression.column(outer.get(i))));
            }
            for (int i = 0; i < columns.size(); i++) {
                outputs.add(new Projection.Output(
                        values.labels().get(columns.size() + i), printed(Expression.column(outer.get(i)))));
            }
            values.of(new Distinct(new Projection(narrowed(rows, new HashSet<>(outer)), outputs)));
        });
    }

    /** The smallest part of a tree with all values that these columns have; it may have more. */
    private static Operator narrowed(Operator rows, Set<Identifier> columns) {
        if (rows instanceof Join join) {
            for (Operator input : join.inputs()) {
                if (input.columns().containsAll(columns)) {
                    return narrowed(input, columns);
                }
            }
        }
        boolean left = (rows instanceof OuterJoin outer && !outer.full()) || rows instanceof MarkJoin;
        if (left && rows.inputs().get(0).columns().containsAll(columns)) {
            return narrowed(rows.inputs().get(0), columns);
        }
        boolean above = rows instanceof Filter && !(rows.inputs().get(0) instanceof io.runnel.operator.Scan);
        return above ? narrowed(rows.inputs().get(0), columns) : rows;
    }
}
