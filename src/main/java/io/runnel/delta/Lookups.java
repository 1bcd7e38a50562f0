package io.runnel.delta;

import io.runnel.operator.Aggregation;
import io.runnel.operator.Distinct;
import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Join;
import io.runnel.operator.Limit;
import io.runnel.operator.MarkJoin;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Projection;
import io.runnel.operator.Recursion;
import io.runnel.operator.RecursiveReference;
import io.runnel.operator.Scan;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Types;
import io.runnel.operator.UnionAll;
import io.runnel.operator.Window;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * By which of their columns the rows of auxiliary tables are looked up: an operator above compares these with a changed row.
 * Only for speed, so that what is not recognised merely costs an index.
 */
final class Lookups {

    /** Types whose values are short, so that several fit an entry of a B-tree. */
    private static final Set<String> SHORT = Set.of(
            "boolean",
            "smallint",
            "integer",
            "bigint",
            "oid",
            "uuid",
            "date",
            "real",
            "double precision",
            "time without time zone",
            "time with time zone",
            "timestamp without time zone",
            "timestamp with time zone");

    private static final String EQUALS = " = ";
    private static final String OR = ") OR ";

    private final Map<Operator, Set<List<Identifier>>> columns = new HashMap<>();
    private final Map<QualifiedName, Set<List<Identifier>>> sources = new TreeMap<>();

    Lookups(Operator root) {
        root.walk().forEach(this::add);
    }

    /** What follows CREATE INDEX for the operator's auxiliary table 0. */
    List<Sql> indexes(Operator operator, Sql table, Types types) {
        Set<List<Identifier>> trees = new LinkedHashSet<>();
        Set<Identifier> hashes = new LinkedHashSet<>();
        for (List<Identifier> looked : columns.getOrDefault(operator, Set.of())) {
            List<Identifier> narrow = looked.stream()
                    .filter(column ->
                            SHORT.contains(types.type(operator, column).name()))
                    .toList();
            if (!narrow.isEmpty()) {
                trees.add(narrow);
            } else {
                // A hash index takes values of any length, but of one column only.
                looked.stream()
                        .filter(column -> types.type(operator, column).hashable())
                        .forEach(hashes::add);
            }
        }
        List<Sql> indexes = new ArrayList<>();
        trees.stream()
                .filter(tree -> trees.stream().noneMatch(other -> isPrefix(tree, other)))
                .forEach(tree -> indexes.add(Sql.of("ON {} ({})", table, stored(operator, tree))));
        hashes.forEach(
                column -> indexes.add(Sql.of("ON {} USING hash ({})", table, stored(operator, List.of(column)))));
        return indexes;
    }

    /** Whether rows of the operator's auxiliary table are looked up by some of these columns. */
    boolean has(Operator operator, Collection<Identifier> by) {
        return columns.getOrDefault(operator, Set.of()).stream()
                .flatMap(List::stream)
                .anyMatch(by::contains);
    }

    private static boolean isPrefix(List<Identifier> some, List<Identifier> all) {
        return some.size() < all.size() && all.subList(0, some.size()).equals(some);
    }

    /** A recursion, and what it calls itself, store rows under the names of its start. */
    private static List<Identifier> stored(Operator operator, List<Identifier> names) {
        if (operator instanceof Recursion recursion) {
            return renamed(names, recursion.columns(), recursion.stored());
        }
        return operator instanceof RecursiveReference reference
                ? renamed(names, reference.columns(), reference.start().columns())
                : names;
    }

    private static List<Identifier> renamed(List<Identifier> names, List<Identifier> from, List<Identifier> to) {
        return names.stream().map(name -> to.get(from.indexOf(name))).toList();
    }

    /** The sources, and by which columns of theirs rows are looked up. */
    Map<QualifiedName, Set<List<Identifier>>> sources() {
        return sources;
    }

    private static List<Identifier> sourceColumns(Scan scan, List<Identifier> names) {
        return names.stream()
                .flatMap(name -> scan.reads().stream()
                        .filter(read -> read.name().equals(name))
                        .map(Scan.Read::column))
                .toList();
    }

    private void add(Operator operator) {
        if (operator instanceof Join join) {
            join.condition().ifPresent(condition -> compared(join, condition));
        } else if (operator instanceof OuterJoin join) {
            compared(join, join.condition());
        } else if (operator instanceof MarkJoin join) {
            compared(join, join.condition());
        } else if (operator instanceof Aggregation aggregation) {
            trace(aggregation.input(), aggregation.keys());
        } else if (operator instanceof Window window) {
            trace(window.input(), window.keys());
        } else if (operator instanceof Limit limit) {
            trace(limit.input(), limit.keys());
        }
    }

    private void compared(Operator join, Expression condition) {
        Set<Identifier> compared = compared(condition);
        for (Operator input : join.inputs()) {
            trace(input, input.columns().stream().filter(compared::contains).toList());
        }
    }

    /** The columns that stand alone on a side of {@code =}, unless that is one side of OR. */
    private static Set<Identifier> compared(Expression condition) {
        Set<Identifier> compared = new LinkedHashSet<>();
        List<Expression.Part> parts = condition.parts();
        for (int i = 0; i < parts.size(); i++) {
            if (parts.get(i) instanceof Expression.Reference reference) {
                String before = text(parts, i - 1);
                String after = text(parts, i + 1);
                String cast = before.endsWith("(") ? ")::text" : "";
                boolean left = after.startsWith(EQUALS) || after.startsWith(cast + EQUALS);
                boolean right = before.endsWith(EQUALS) || (before.endsWith(EQUALS + "(") && after.startsWith(cast));
                if ((left && !text(parts, i + 3).startsWith(OR)) || (right && !after.startsWith(OR))) {
                    compared.add(reference.column());
                }
            }
        }
        return compared;
    }

    private static String text(List<Expression.Part> parts, int i) {
        return i >= 0 && i < parts.size() && parts.get(i) instanceof Expression.Text text ? text.text() : "";
    }

    /** Follows columns down to the operators that store them. */
    private void trace(Operator operator, List<Identifier> names) {
        if (names.isEmpty()) {
            return;
        }
        if (operator instanceof Scan scan) {
            sources.computeIfAbsent(scan.table(), unused -> new LinkedHashSet<>())
                    .add(sourceColumns(scan, names));
        } else if (operator instanceof Projection projection) {
            trace(projection.input(), projection.sources(names));
        } else if (operator instanceof UnionAll union) {
            for (Operator input : union.inputs()) {
                trace(
                        input,
                        names.stream()
                                .map(name -> input.columns().get(union.columns().indexOf(name)))
                                .toList());
            }
        } else if (operator instanceof Aggregation aggregation) {
            found(operator, names, aggregation.keys());
        } else if (operator instanceof Distinct || operator instanceof Window || operator instanceof Limit) {
            found(operator, names, operator.columns());
        } else if (operator instanceof Recursion recursion) {
            found(operator, names, recursion.columns());
        } else if (operator instanceof RecursiveReference reference) {
            found(operator, names, reference.columns());
        } else if (operator instanceof Filter
                || operator instanceof TimeMark
                || operator instanceof Join
                || operator instanceof OuterJoin
                || operator instanceof MarkJoin) {
            for (Operator input : operator.inputs()) {
                trace(input, names.stream().filter(input.columns()::contains).toList());
            }
        }
    }

    private void found(Operator operator, List<Identifier> names, List<Identifier> storable) {
        List<Identifier> stored =
                names.stream().filter(storable::contains).distinct().toList();
        if (!stored.isEmpty()) {
            columns.computeIfAbsent(operator, unused -> new LinkedHashSet<>()).add(stored);
        }
    }
}
