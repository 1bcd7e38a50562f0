package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.operator.Filter;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.RecursiveReference;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;

/**
 * The CYCLE clause of a recursion, which is short for two more columns: the path of rows that led to a row, and a mark on
 * rows that are in their own path, from where the recursion does not go on.
 *
 * @param tracked the positions of the columns by which rows are told apart
 * @param mark the name of the mark
 * @param value the mark of a row in its own path
 * @param otherwise the mark of any other row
 */
record Cycle(List<Integer> tracked, Identifier mark, Expression value, Expression otherwise, Token first, Build build) {

    private static final String NOT_PLAIN =
            "CYCLE of a step that is not a plain SELECT of the recursion has no delta rule";

    /** {@code CYCLE column, … SET mark [TO value DEFAULT value] USING path}. */
    static Cycle read(List<Token> tokens, List<Identifier> labels, Build build) {
        List<Token> closed = new ArrayList<>(tokens);
        Token last = tokens.get(tokens.size() - 1);
        closed.add(new Token(Token.Kind.END, "", last.start(), false));
        Cursor cursor = new Cursor(closed);
        cursor.expect("CYCLE");
        List<Integer> tracked = new ArrayList<>();
        do {
            Token name = cursor.expectName();
            int position = labels.indexOf(name.identifier());
            if (position < 0) {
                throw Refusal.notUnderstood(name);
            }
            tracked.add(position);
        } while (cursor.acceptSymbol(","));
        cursor.expect("SET");
        Identifier mark = cursor.expectName().identifier();
        Expression value = Expression.text("true");
        Expression otherwise = Expression.text("false");
        if (cursor.accept("TO").isPresent()) {
            value = constant(cursor, "DEFAULT");
            cursor.expect("DEFAULT");
            otherwise = constant(cursor, "USING");
        }
        cursor.expect("USING");
        if (!cursor.expectName().isName() || cursor.peek().kind() != Token.Kind.END) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        return new Cycle(tracked, mark, value, otherwise, tokens.get(0), build);
    }

    private static Expression constant(Cursor cursor, String keyword) {
        int from = cursor.at();
        while (!cursor.isKeyword(keyword)) {
            if (cursor.peek().kind() == Token.Kind.END) {
                throw Refusal.notUnderstood(cursor.peek());
            }
            cursor.skip(1);
        }
        return Expression.text(Texts.of(cursor.tokens(from, cursor.at())).strip());
    }

    /** The start with its mark and its path of one row. */
    Operator start(Operator start) {
        Translation path = new Translation(build.problems());
        path.text("ARRAY[");
        row(path, start.columns());
        path.text("]");
        List<Projection.Output> outputs = passing(start.columns());
        outputs.add(new Projection.Output(build.names().fresh(mark), otherwise));
        outputs.add(
                new Projection.Output(build.names().fresh("path"), path.done().expression()));
        return new Projection(start, outputs);
    }

    /** The step from rows without a mark, with the mark and the path that its rows have. */
    Operator step(Operator step, RecursiveReference reference) {
        int width = reference.columns().size() - 2;
        Identifier marked = reference.columns().get(width);
        Identifier path = reference.columns().get(width + 1);
        if (!(step instanceof Projection projection)
                || !projection.input().columns().contains(path)
                || projection.outputs().size() != width) {
            throw new Refusal(NOT_PLAIN, first);
        }
        Translation goesOn = new Translation(build.problems());
        goesOn.text("(");
        goesOn.reference(marked);
        goesOn.text(" <> ");
        goesOn.expression(value);
        goesOn.text(")");
        List<Projection.Output> outputs = new ArrayList<>(projection.outputs());
        Identifier before = build.names().fresh("path");
        outputs.add(new Projection.Output(before, Expression.column(path)));
        Projection next =
                new Projection(new Filter(projection.input(), goesOn.done().expression()), outputs);
        return marked(next, width, before);
    }

    private Operator marked(Projection next, int width, Identifier before) {
        List<Identifier> columns = next.columns().subList(0, width);
        Translation cyclic = new Translation(build.problems());
        cyclic.text("CASE WHEN (");
        row(cyclic, columns);
        cyclic.text(" = ANY (");
        cyclic.reference(before);
        cyclic.text(")) THEN ");
        cyclic.expression(value);
        cyclic.text(" ELSE ");
        cyclic.expression(otherwise);
        cyclic.text(" END");
        Translation path = new Translation(build.problems());
        path.text("(");
        path.reference(before);
        path.text(" || ");
        row(path, columns);
        path.text(")");
        List<Projection.Output> outputs = passing(columns);
        outputs.add(
                new Projection.Output(build.names().fresh(mark), cyclic.done().expression()));
        outputs.add(
                new Projection.Output(build.names().fresh("path"), path.done().expression()));
        return new Projection(next, outputs);
    }

    private void row(Translation translation, List<Identifier> columns) {
        for (int i = 0; i < tracked.size(); i++) {
            translation.text(i == 0 ? "ROW(" : ", ");
            translation.reference(columns.get(tracked.get(i)));
        }
        translation.text(")");
    }

    private static List<Projection.Output> passing(List<Identifier> columns) {
        List<Projection.Output> outputs = new ArrayList<>();
        columns.forEach(column -> outputs.add(new Projection.Output(column, Expression.column(column))));
        return outputs;
    }
}
