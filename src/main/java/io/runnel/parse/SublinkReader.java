package io.runnel.parse;

import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Scalar.Sublink.Form;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Reads queries in expressions. PostgreSQL encloses each, with what it is compared to, in parentheses of its own:
 * {@code (EXISTS ( SELECT …))}, {@code (a <> ALL ( SELECT …))}, {@code ((a, b) IN ( SELECT …))}, {@code ( SELECT …)};
 * only {@code ARRAY( SELECT …)} has the word outside.
 */
final class SublinkReader {

    private final Cursor cursor;
    private final ScalarReader scalars;
    private final QueryReader queries;
    private final Mentions mentions;

    SublinkReader(Cursor cursor, ScalarReader scalars, QueryReader queries, Mentions mentions) {
        this.cursor = cursor;
        this.scalars = scalars;
        this.queries = queries;
        this.mentions = mentions;
    }

    /** Reads the one that starts at a token, and returns the index after it; {@code at} itself if none starts there. */
    int read(int at, List<Piece> pieces) {
        if (opensQuery(at)) {
            return add(pieces, at, cursor.match(at), at, Form.VALUE, at, at);
        }
        if (cursor.token(at).isKeyword("ARRAY") && opensQuery(at + 1)) {
            return add(pieces, at, cursor.match(at + 1), at + 1, Form.ARRAY, at, at);
        }
        return cursor.token(at).isSymbol("(") ? compared(at, pieces) : at;
    }

    private boolean opensQuery(int at) {
        return cursor.token(at).isSymbol("(") && Cursor.startsQuery(cursor.token(firstOf(at)));
    }

    /** A set operation starts with the parentheses of its first operand. */
    private int firstOf(int open) {
        int at = open + 1;
        while (cursor.token(at).isSymbol("(") && holdsOperand(at)) {
            at++;
        }
        return at;
    }

    private boolean holdsOperand(int open) {
        Token after = cursor.token(cursor.match(open) + 1);
        return after.isKeyword("UNION")
                || after.isKeyword("INTERSECT")
                || after.isKeyword("EXCEPT")
                || after.isKeyword("ORDER")
                || after.isKeyword("LIMIT")
                || after.isKeyword("OFFSET")
                || after.isKeyword("FETCH");
    }

    /** Parentheses that end with those of a query. */
    private int compared(int at, List<Piece> pieces) {
        int close = cursor.match(at);
        if (!cursor.token(close - 1).isSymbol(")")) {
            return at;
        }
        int open = cursor.match(close - 1);
        if (open <= at + 1 || !opensQuery(open)) {
            return at;
        }
        Token before = cursor.token(open - 1);
        if (before.isKeyword("EXISTS") && open == at + 2) {
            return add(pieces, at, close, open, Form.EXISTS, at, at);
        }
        if (before.isKeyword("IN")) {
            return add(pieces, at, close, open, Form.ANY, open - 1, open - 1);
        }
        if (before.isKeyword("ANY") || before.isKeyword("ALL")) {
            Form form = before.isKeyword("ANY") ? Form.ANY : Form.ALL;
            return add(pieces, at, close, open, form, startOfOperator(open - 1), open - 1);
        }
        int operator = startOfOperator(open);
        boolean row = operator < open
                && cursor.token(at + 1).isSymbol("(")
                && cursor.match(at + 1) == operator - 1
                && commas(at + 2, operator - 1) > 0;
        return row ? add(pieces, at, close, open, Form.ROW, operator, open) : at;
    }

    private int startOfOperator(int end) {
        if (cursor.token(end - 1).kind() == Token.Kind.OPERATOR) {
            return end - 1;
        }
        boolean spelled = cursor.token(end - 1).isSymbol(")")
                && cursor.token(cursor.match(end - 1) - 1).isKeyword("OPERATOR");
        return spelled ? cursor.match(end - 1) - 1 : end;
    }

    /**
     * @param at the first token
     * @param close the last one
     * @param open the parenthesis before the query
     * @param operator where the operator starts; what is compared stands before it
     * @param endOfOperator where it ends
     */
    private int add(List<Piece> pieces, int at, int close, int open, Form form, int operator, int endOfOperator) {
        boolean compares = form == Form.ANY || form == Form.ALL || form == Form.ROW;
        if (compares && operator <= at + 1) {
            throw Refusal.notUnderstood(cursor.token(open - 1));
        }
        Mentions.Mark mark = mentions.mark();
        int saved = cursor.at();
        cursor.moveTo(open + 1);
        Query query = queries.read();
        if (cursor.at() != cursor.match(open)) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        cursor.moveTo(saved);
        Map<Mentions.Free, Mentions.Uses> free = mentions.free(mark);
        List<Scalar> left = compares ? operands(at + 1, operator) : List.of();
        pieces.add(new Sublink(
                cursor.tokens(at, close + 1),
                form,
                left,
                cursor.tokens(operator, endOfOperator),
                query,
                cursor.token(open + 1),
                free));
        return close + 1;
    }

    /** The expressions of a row in parentheses, or the only one there is. */
    private List<Scalar> operands(int from, int to) {
        boolean row = cursor.token(from).isSymbol("(") && cursor.match(from) == to - 1 && commas(from + 1, to - 1) > 0;
        if (!row) {
            return List.of(scalars.scan(from, to));
        }
        List<Scalar> operands = new ArrayList<>();
        int start = from + 1;
        for (int i = start; i < to; i++) {
            if (i == to - 1 || cursor.token(i).isSymbol(",")) {
                operands.add(scalars.scan(start, i));
                start = i + 1;
            }
            i = skip(i);
        }
        return operands;
    }

    private int commas(int from, int to) {
        int commas = 0;
        for (int i = from; i < to; i++) {
            commas += cursor.token(i).isSymbol(",") ? 1 : 0;
            i = skip(i);
        }
        return commas;
    }

    private int skip(int at) {
        return cursor.token(at).isSymbol("(") || cursor.token(at).isSymbol("[") ? cursor.match(at) : at;
    }
}
