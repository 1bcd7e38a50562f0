package io.runnel.parse;

import io.runnel.parse.Scalar.Bare;
import io.runnel.parse.Scalar.Column;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Refused;
import io.runnel.parse.Scalar.SetReturning;
import io.runnel.parse.Scalar.Sort;
import io.runnel.parse.Scalar.Word;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads expressions: finds where one ends, then finds in it the columns, aggregate and window calls and queries.
 *
 * <p>A dotted name is a column only where neither a type nor a function nor a collation nor a field can stand. A word
 * without capitals that is neither a call nor any of these might be a column that PostgreSQL printed without its
 * relation (the merged column of a join, for one), so it is refused unless it is known to be something else.
 */
final class ScalarReader {

    /** Keywords that end an expression outside its parentheses. */
    private static final Set<String> ENDS = Set.of(
            "FROM",
            "WHERE",
            "GROUP",
            "HAVING",
            "WINDOW",
            "UNION",
            "INTERSECT",
            "EXCEPT",
            "ORDER",
            "LIMIT",
            "OFFSET",
            "FETCH",
            "FOR",
            "AS",
            "ON",
            "USING",
            "JOIN",
            "INNER",
            "CROSS",
            "LEFT",
            "RIGHT",
            "FULL",
            "NATURAL",
            "ASC",
            "DESC",
            "ROWS",
            "RANGE",
            "GROUPS",
            "NULLS",
            "SELECT",
            "WITH",
            "VALUES");

    /** Keywords that structure a query and never occur inside an expression, at any depth. */
    private static final Set<String> NEVER_INSIDE =
            Set.of("SELECT", "WHERE", "HAVING", "UNION", "INTERSECT", "EXCEPT", "LIMIT", "OFFSET", "FETCH", "JOIN");

    private static final Set<String> SPECIAL_AGGREGATES = Set.of("JSON_OBJECTAGG", "JSON_ARRAYAGG");
    private static final Set<String> BEFORE_TYPE = Set.of("RETURNING", "AS");
    private static final Set<String> BEFORE_NAME = Set.of("COLLATE", "NAME");
    private static final Set<String> TYPE_CONTINUES = Set.of(
            "precision",
            "varying",
            "without",
            "with",
            "time",
            "zone",
            "local",
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "to");
    private static final String WHOLE_ROW =
            "the row of a function, of a join, or of an item without a column that is never"
                    + " null on the nullable side of an outer join, has no delta rule as a value";
    private static final Set<String> CONSTANTS = Set.of("true", "false");

    private final Cursor cursor;
    private final Functions functions;
    private final Mentions mentions;
    private final WholeRows wholeRows;
    private final SublinkReader sublinks;

    ScalarReader(Cursor cursor, Functions functions, QueryReader queries, Mentions mentions, WholeRows wholeRows) {
        this.cursor = cursor;
        this.functions = functions;
        this.mentions = mentions;
        this.wholeRows = wholeRows;
        this.sublinks = new SublinkReader(cursor, this, queries, mentions);
    }

    /** Reads the expression that starts at the cursor. */
    Scalar read() {
        int end = end(cursor.at());
        if (end == cursor.at()) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        Scalar scalar = scan(cursor.at(), end);
        cursor.moveTo(end);
        return scalar;
    }

    /** Reads ORDER BY's list, which starts at the cursor. */
    List<Sort> readSorts() {
        List<Sort> sorts = new ArrayList<>();
        do {
            Scalar expression = read();
            int from = cursor.at();
            while (cursor.isKeyword("ASC")
                    || cursor.isKeyword("DESC")
                    || cursor.isKeyword("USING")
                    || cursor.isKeyword("NULLS")) {
                skipDirection();
            }
            sorts.add(new Sort(expression, cursor.tokens(from, cursor.at())));
        } while (cursor.acceptSymbol(","));
        return sorts;
    }

    private void skipDirection() {
        boolean using = cursor.isKeyword("USING");
        cursor.skip(cursor.isKeyword("NULLS") || using ? 2 : 1);
        if (using && cursor.isSymbol("(")) {
            cursor.moveTo(cursor.match(cursor.at()) + 1);
        }
    }

    /** Everything from {@code from} up to {@code to}, without looking for the expression's end. */
    Scalar scan(int from, int to) {
        List<Piece> pieces = new ArrayList<>();
        int at = from;
        while (at < to) {
            at = piece(at, to, pieces);
        }
        return new Scalar(pieces);
    }

    /** As {@link #scan}, but outside parentheses every token passes through: for clauses that are not expressions. */
    Scalar scanLoosely(int from, int to) {
        List<Piece> pieces = new ArrayList<>();
        int at = from;
        while (at < to) {
            at = cursor.token(at).isSymbol("(") ? piece(at, to, pieces) : words(at, at + 1, pieces);
        }
        return new Scalar(pieces);
    }

    /** The index after the expression that starts at {@code from}. */
    private int end(int from) {
        int at = from;
        while (true) {
            Token token = cursor.token(at);
            if (token.isSymbol("(") || token.isSymbol("[")) {
                at = cursor.match(at) + 1;
            } else if (token.kind() == Token.Kind.END
                    || (token.kind() == Token.Kind.SYMBOL && !token.isSymbol("."))
                    || (token.isKeyword() && ENDS.contains(token.text()) && !belongsToExpression(at, from))) {
                return at;
            } else {
                at++;
            }
        }
    }

    private boolean belongsToExpression(int at, int from) {
        Token token = cursor.token(at);
        if (at == from) {
            return false;
        }
        Token before = cursor.token(at - 1);
        return (token.isKeyword("GROUP") && before.isKeyword("WITHIN"))
                || (token.isKeyword("FOR") && before.isKeyword("COLLATION"))
                || (token.isKeyword("FROM") && before.isKeyword("DISTINCT"));
    }

    private int piece(int at, int to, List<Piece> pieces) {
        Token token = cursor.token(at);
        int afterSublink = sublinks.read(at, pieces);
        if (afterSublink > at) {
            return afterSublink;
        }
        if (token.isOperator("::") || (token.isKeyword() && BEFORE_TYPE.contains(token.text()))) {
            return words(at, endOfType(at + 1, to), pieces);
        }
        if (token.isSymbol(".")) {
            return field(at, to, pieces);
        }
        if (token.isKeyword()) {
            return keyword(at, to, pieces);
        }
        if (token.isName()) {
            return name(at, to, pieces);
        }
        return words(at, at + 1, pieces);
    }

    private int words(int from, int to, List<Piece> pieces) {
        for (int i = from; i < to; i++) {
            pieces.add(new Word(cursor.token(i)));
        }
        return to;
    }

    /** The index after the type that starts at {@code from}. */
    int endOfType(int from) {
        return endOfType(from, Integer.MAX_VALUE);
    }

    private int endOfType(int from, int to) {
        if (from >= to || !cursor.token(from).isName()) {
            throw Refusal.notUnderstood(cursor.token(from));
        }
        int at = endOfPath(from);
        while (at < to) {
            Token token = cursor.token(at);
            if (token.isSymbol("(")) {
                at = cursor.match(at) + 1;
            } else if (token.isSymbol("[") && cursor.match(at) == at + 1) {
                at += 2;
            } else if (token.kind() == Token.Kind.WORD && TYPE_CONTINUES.contains(token.text())) {
                at++;
            } else {
                break;
            }
        }
        return at;
    }

    private int endOfPath(int from) {
        int at = from + 1;
        while (cursor.token(at).isSymbol(".") && cursor.token(at + 1).isName()) {
            at += 2;
        }
        return at;
    }

    /** A dot after a closing parenthesis or bracket: the field of a composite value. */
    private int field(int at, int to, List<Piece> pieces) {
        if (at + 1 < to && cursor.token(at + 1).isName()) {
            return words(at, at + 2, pieces);
        }
        throw Refusal.notUnderstood(cursor.token(at));
    }

    private int keyword(int at, int to, List<Piece> pieces) {
        Token token = cursor.token(at);
        Token next = cursor.token(at + 1);
        if (NEVER_INSIDE.contains(token.text()) && !isFilterWhere(at)) {
            throw Refusal.notUnderstood(token);
        }
        if (token.isKeyword("OPERATOR") && next.isSymbol("(")) {
            return words(at, cursor.match(at + 1) + 1, pieces);
        }
        if (BEFORE_NAME.contains(token.text()) && next.isName()) {
            return words(at, endOfPath(at + 1), pieces);
        }
        if (token.isKeyword("EXTRACT")
                && next.isSymbol("(")
                && cursor.token(at + 3).isKeyword("FROM")) {
            return words(at, at + 3, pieces);
        }
        if (token.isKeyword("GROUPING") && next.isSymbol("(")) {
            pieces.add(GroupingReader.call(cursor, this, at));
            return cursor.match(at + 1) + 1;
        }
        if (SPECIAL_AGGREGATES.contains(token.text()) && next.isSymbol("(")) {
            return specialAggregate(at, to, pieces);
        }
        return words(at, at + 1, pieces);
    }

    private boolean isFilterWhere(int at) {
        return cursor.token(at).isKeyword("WHERE")
                && cursor.token(at - 1).isSymbol("(")
                && cursor.token(at - 2).isKeyword("FILTER");
    }

    private int specialAggregate(int at, int to, List<Piece> pieces) {
        int end = endOfCall(cursor.match(at + 1) + 1);
        if (end > to) {
            throw Refusal.notUnderstood(cursor.token(at));
        }
        List<Token> tokens = cursor.tokens(at, end);
        pieces.add(new Refused(
                tokens, "the aggregate " + tokens.get(0).text() + " has no delta rule yet", Refused.Kind.AGGREGATE));
        return end;
    }

    private int name(int at, int to, List<Piece> pieces) {
        int end = endOfPath(at);
        List<Token> path = cursor.tokens(at, end);
        Token next = cursor.token(end);
        if (end < to && next.isSymbol("(")) {
            return call(at, end, to, pieces);
        }
        if (end + 1 < to && next.isSymbol(".") && cursor.token(end + 1).isOperator("*")) {
            if (path.size() == 1) {
                wholeRows.reference(at);
            }
            pieces.add(new Refused(cursor.tokens(at, end + 2), WHOLE_ROW));
            return end + 2;
        }
        if (path.size() == 3) {
            Column column = new Column(path);
            mentions.column(column);
            pieces.add(column);
        } else if (path.size() == 1 && isNotAColumn(at, next)) {
            pieces.add(new Word(path.get(0)));
        } else if (path.size() == 1) {
            pieces.add(new Bare(path.get(0)));
        } else {
            pieces.add(new Refused(path, "this construct is not understood: " + Texts.shortened(Texts.of(path))));
        }
        return end;
    }

    private boolean isNotAColumn(int at, Token next) {
        Token token = cursor.token(at);
        return (token.kind() == Token.Kind.WORD && CONSTANTS.contains(token.text())) || next.isOperator("=>");
    }

    private int call(int at, int open, int to, List<Piece> pieces) {
        List<Token> path = cursor.tokens(at, open);
        int close = cursor.match(open);
        int end = endOfCall(close + 1);
        if (end > to) {
            throw Refusal.notUnderstood(cursor.token(at));
        }
        int over = over(close + 1, end);
        if (over < end) {
            pieces.add(new WindowReader(cursor, this).read(at, open, over, end));
            return end;
        }
        if (end > close + 1 || functions.isAggregate(path)) {
            pieces.add(new AggregateReader(cursor, this).read(at, open, end));
            return end;
        }
        if (functions.isSetReturning(path)) {
            pieces.add(new SetReturning(path));
            return open;
        }
        return words(at, open + 1, pieces);
    }

    /** The index after WITHIN GROUP, FILTER and OVER, if they start at {@code from}. */
    private int endOfCall(int from) {
        int at = from;
        if (cursor.token(at).isKeyword("WITHIN") && cursor.token(at + 1).isKeyword("GROUP")) {
            at = afterParentheses(at + 2);
        }
        if (cursor.token(at).isKeyword("FILTER")) {
            at = afterParentheses(at + 1);
        }
        if (cursor.token(at).isKeyword("OVER")) {
            at = cursor.token(at + 1).isName() ? at + 2 : afterParentheses(at + 1);
        }
        return at;
    }

    private int afterParentheses(int at) {
        if (!cursor.token(at).isSymbol("(")) {
            throw Refusal.notUnderstood(cursor.token(at));
        }
        return cursor.match(at) + 1;
    }

    /** The index of OVER outside parentheses; {@code end} if there is none. */
    private int over(int from, int end) {
        int at = from;
        while (at < end && !cursor.token(at).isKeyword("OVER")) {
            at = cursor.token(at).isSymbol("(") ? cursor.match(at) + 1 : at + 1;
        }
        return at;
    }

    /** The optional expression of FILTER (WHERE …) whose parenthesis is at {@code open}. */
    Optional<Scalar> filter(int open) {
        if (!cursor.token(open + 1).isKeyword("WHERE") || open + 2 == cursor.match(open)) {
            throw Refusal.notUnderstood(cursor.token(open + 1));
        }
        return Optional.of(scan(open + 2, cursor.match(open)));
    }
}
