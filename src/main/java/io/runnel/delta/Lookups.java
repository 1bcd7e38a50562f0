package io.runnel.delta;

import io.runnel.operator.Aggregation;
import io.runnel.operator.ColumnType;
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
import io.runnel.operator.TimeMark;
import io.runnel.operator.Types;
import io.runnel.operator.UnionAll;
import io.runnel.operator.Window;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

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

    private final Map<Operator, Set<List<Identifier>>> columns = new HashMap<>();

    Lookups(Operator root) {
        root.walk().forEach(this::add);
    }

    /** What follows CREATE INDEX for the operator's auxiliary table 0. */
    List<Sql> indexes(Operator operator, Sql table, Types types) {
        List<Sql> indexes = new ArrayList<>();
        for (List<Identifier> looked : columns.getOrDefault(operator, Set.of())) {
            if (looked.stream()
                    .allMatch(column ->
                            SHORT.contains(types.type(operator, column).name()))) {
                indexes.add(Sql.of("ON {} ({})", table, stored(operator, looked)));
                continue;
            }
            for (Identifier column : looked) {
                ColumnType type = types.type(operator, column);
                if (type.hashable()) {
                    indexes.add(Sql.of("ON {} USING hash ({})", table, stored(operator, List.of(column))));
                }
            }
        }
        return indexes.stream().distinct().toList();
    }

    private static List<Identifier> stored(Operator operator, List<Identifier> names) {
        return operator instanceof Recursion recursion
                ? names.stream()
                        .map(name -> recursion.stored().get(recursion.columns().indexOf(name)))
                        .toList()
                : names;
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

    /** The columns that stand alone on a side of {@code =}. */
    private static Set<Identifier> compared(Expression condition) {
        Set<Identifier> compared = new LinkedHashSet<>();
        List<Expression.Part> parts = condition.parts();
        for (int i = 0; i < parts.size(); i++) {
            if (parts.get(i) instanceof Expression.Reference reference) {
                String before = i > 0 && parts.get(i - 1) instanceof Expression.Text text ? text.text() : "";
                String after =
                        i + 1 < parts.size() && parts.get(i + 1) instanceof Expression.Text text ? text.text() : "";
                String cast = before.endsWith("(") ? ")::text" : "";
                if (after.startsWith(EQUALS)
                        || after.startsWith(cast + EQUALS)
                        || before.endsWith(EQUALS)
                        || (before.endsWith(EQUALS + "(") && after.startsWith(cast))) {
                    compared.add(reference.column());
                }
            }
        }
        return compared;
    }

    /** Follows columns down to the operators that store them. */
    private void trace(Operator operator, List<Identifier> names) {
        if (names.isEmpty()) {
            return;
        }
        if (operator instanceof Projection projection) {
            trace(
                    projection.input(),
                    projection.outputs().stream()
                            .filter(output -> names.contains(output.name()))
                            .flatMap(output -> output.expression().asColumn().stream())
                            .distinct()
                            .toList());
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
