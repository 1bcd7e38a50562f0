package io.runnel.parse;

import io.runnel.operator.AggregateCall;
import io.runnel.operator.Aggregation;
import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.UnionAll;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * EXCEPT and INTERSECT: the rows of both sides together, grouped, with the number of times that each is there on either
 * side. The union under the groups gives the columns the types that the set operation would.
 *
 * <p>Equal rows that print differently are one group, which shows one of them; PostgreSQL too shows any one of those that
 * are left, or of both sides for INTERSECT.
 */
final class Multiplicities {

    private static final Expression TRUE = Expression.text("true");
    private static final Expression FALSE = Expression.text("false");

    private final Names names;
    private final Identifier left;
    private final Identifier right;
    private final Identifier leftRows;
    private final Identifier rightRows;

    private Multiplicities(Names names) {
        this.names = names;
        this.left = names.fresh("left");
        this.right = names.fresh("right");
        this.leftRows = names.fresh("left_rows");
        this.rightRows = names.fresh("right_rows");
    }

    /** The operator of {@code columns} over the two inputs of the operation. */
    static Operator of(Query.SetOperation operation, List<Operator> inputs, List<Identifier> columns, Names names) {
        return new Multiplicities(names).operator(operation, inputs, columns);
    }

    private Operator operator(Query.SetOperation operation, List<Operator> inputs, List<Identifier> columns) {
        List<Identifier> keys = columns.stream().map(names::fresh).toList();
        List<Identifier> all = new ArrayList<>(keys);
        all.add(left);
        all.add(right);
        Operator both = new UnionAll(List.of(side(inputs.get(0), TRUE, FALSE), side(inputs.get(1), FALSE, TRUE)), all);
        Operator counted = new Aggregation(both, keys, List.of(count(leftRows, left), count(rightRows, right)));
        boolean except = operation.operator().isKeyword("EXCEPT");
        return named(operation.all() ? repeated(counted, keys, except) : present(counted, except), keys, columns);
    }

    private Operator side(Operator input, Expression isLeft, Expression isRight) {
        List<Projection.Output> outputs = new ArrayList<>();
        for (Identifier column : input.columns()) {
            outputs.add(new Projection.Output(names.fresh(column), Expression.column(column)));
        }
        outputs.add(new Projection.Output(names.fresh(left), isLeft));
        outputs.add(new Projection.Output(names.fresh(right), isRight));
        return new Projection(input, outputs);
    }

    private static AggregateCall count(Identifier name, Identifier side) {
        Expression call = expression("count(*) FILTER (WHERE ", side, ")");
        return new AggregateCall(name, "count", List.of(), false, true, Optional.of(side), call);
    }

    private Operator present(Operator counted, boolean except) {
        return new Filter(
                counted,
                except
                        ? expression("(", leftRows, " > 0) AND (", rightRows, " = 0)")
                        : expression("(", leftRows, " > 0) AND (", rightRows, " > 0)"));
    }

    /** Each row as often as it is left, or as it is there on both sides. */
    private Operator repeated(Operator counted, List<Identifier> keys, boolean except) {
        List<Projection.Output> outputs = new ArrayList<>();
        keys.forEach(key -> outputs.add(new Projection.Output(key, Expression.column(key))));
        Expression series = except
                ? expression("(1, (", leftRows, " - ", rightRows, "))")
                : expression("(1, LEAST(", leftRows, ", ", rightRows, "))");
        List<Expression.Part> parts = new ArrayList<>();
        parts.add(new Expression.SetReturning("generate_series"));
        parts.addAll(series.parts());
        outputs.add(new Projection.Output(names.fresh("copy"), new Expression(parts)));
        return new Projection(counted, outputs);
    }

    private static Operator named(Operator operator, List<Identifier> keys, List<Identifier> columns) {
        List<Projection.Output> outputs = new ArrayList<>();
        for (int i = 0; i < keys.size(); i++) {
            outputs.add(new Projection.Output(columns.get(i), Expression.column(keys.get(i))));
        }
        return new Projection(operator, outputs);
    }

    /** Text and columns. */
    private static Expression expression(Object... parts) {
        List<Expression.Part> all = new ArrayList<>();
        for (Object part : parts) {
            all.add(
                    part instanceof Identifier column
                            ? new Expression.Reference(column)
                            : new Expression.Text(part.toString()));
        }
        return new Expression(all);
    }
}
