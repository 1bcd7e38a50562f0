package io.runnel.parse;

import io.runnel.parse.Query.Body;
import io.runnel.parse.Query.Cte;
import io.runnel.parse.Query.Distinctness;
import io.runnel.parse.Query.Grouping;
import io.runnel.parse.Query.Item;
import io.runnel.parse.Query.Nested;
import io.runnel.parse.Query.Select;
import io.runnel.parse.Query.SetOperation;
import io.runnel.parse.Query.Source;
import io.runnel.parse.Query.Values;
import io.runnel.parse.Query.With;
import io.runnel.parse.Scalar.Sort;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads the structure of a query by recursive descent. Ends with a {@link Refusal} where it meets something unknown. */
final class QueryReader {

    /** More operands in one chain of set operations are not understood; the chain is read into a tree as deep. */
    private static final int SET_OPERATIONS_MAX = 300;

    private final Cursor cursor;
    private final ScalarReader scalars;
    private final SourceReader sources;

    private final WholeRows wholeRows;

    private QueryReader(Cursor cursor, Functions functions, WholeRows wholeRows) {
        this.cursor = cursor;
        this.wholeRows = wholeRows;
        Mentions mentions = new Mentions();
        this.scalars = new ScalarReader(cursor, functions, this, mentions, wholeRows);
        this.sources = new SourceReader(cursor, scalars, this, mentions);
    }

    /**
     * Reads a whole text: one query, perhaps with a semicolon.
     *
     * @param wholeRows takes the rows that are read as one value
     */
    static Query read(List<Token> tokens, Functions functions, WholeRows wholeRows) {
        Cursor cursor = new Cursor(tokens);
        Query query = new QueryReader(cursor, functions, wholeRows).read();
        if (cursor.isSymbol(";")) {
            cursor.skip(1);
        }
        if (cursor.peek().kind() != Token.Kind.END) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        return query;
    }

    /** Reads the query that starts at the cursor. */
    Query read() {
        int from = cursor.at();
        Optional<With> with = cursor.isKeyword("WITH") ? Optional.of(with()) : Optional.empty();
        Body body = union();
        List<Sort> order = List.of();
        if (cursor.accept("ORDER").isPresent()) {
            cursor.expect("BY");
            order = scalars.readSorts();
        }
        Optional<Scalar> limit = Optional.empty();
        if (cursor.isKeyword("LIMIT") || cursor.isKeyword("OFFSET") || cursor.isKeyword("FETCH")) {
            limit = Optional.of(limit());
        }
        List<Token> locking = cursor.isKeyword("FOR") ? cursor.takeUntil(endOfClauses()) : List.of();
        with.ifPresent(names -> wholeRows.with(from, cursor.at(), names));
        if (body instanceof Select select) {
            wholeRows.level(from, cursor.at(), select);
        }
        return new Query(with, body, order, limit, locking);
    }

    private With with() {
        cursor.expect("WITH");
        Optional<Token> recursive = cursor.accept("RECURSIVE");
        List<Cte> ctes = new ArrayList<>();
        do {
            ctes.add(cte());
        } while (cursor.acceptSymbol(","));
        return new With(recursive, ctes);
    }

    private Cte cte() {
        Token name = cursor.expectName();
        List<Identifier> columns = cursor.isSymbol("(") ? identifiers(cursor.expectNames()) : List.of();
        int as = cursor.at();
        cursor.expect("AS");
        if (cursor.accept("NOT").isPresent() || cursor.isKeyword("MATERIALIZED")) {
            cursor.expect("MATERIALIZED");
        }
        List<Token> materialized = cursor.tokens(as, cursor.at());
        cursor.expectSymbol("(");
        Query query = read();
        cursor.expectSymbol(")");
        int after = cursor.at();
        boolean listing = false;
        while ((listing || !cursor.isSymbol(",")) && !Cursor.startsQuery(cursor.peek()) && !cursor.isSymbol("(")) {
            boolean clause = cursor.isKeyword("SEARCH") || cursor.isKeyword("CYCLE");
            listing = clause || (listing && !cursor.isKeyword("SET"));
            if ((after == cursor.at() && !clause) || cursor.peek().kind() == Token.Kind.END) {
                throw Refusal.notUnderstood(cursor.peek());
            }
            cursor.skip(1);
        }
        return new Cte(name, columns, materialized, query, cursor.tokens(after, cursor.at()));
    }

    static List<Identifier> identifiers(List<Token> names) {
        return names.stream().map(Token::identifier).toList();
    }

    private Body union() {
        Body left = intersection();
        int operations = 0;
        while (cursor.isKeyword("UNION") || cursor.isKeyword("EXCEPT")) {
            left = operation(left, ++operations, true);
        }
        return left;
    }

    private Body intersection() {
        Body left = operand();
        int operations = 0;
        while (cursor.isKeyword("INTERSECT")) {
            left = operation(left, ++operations, false);
        }
        return left;
    }

    private Body operation(Body left, int operations, boolean looser) {
        Token operator = cursor.next();
        if (operations > SET_OPERATIONS_MAX) {
            throw new Refusal("the query has more than " + SET_OPERATIONS_MAX + " set operations in a row", operator);
        }
        boolean all = cursor.accept("ALL").isPresent();
        Body right = looser ? intersection() : operand();
        return new SetOperation(operator, all, bare(left), bare(right));
    }

    private static Query bare(Body body) {
        return body instanceof Nested nested
                ? nested.query()
                : new Query(Optional.empty(), body, List.of(), Optional.empty(), List.of());
    }

    private Body operand() {
        Token first = cursor.peek();
        if (first.isKeyword("SELECT")) {
            return select();
        }
        if (first.isKeyword("VALUES")) {
            return values(first);
        }
        cursor.expectSymbol("(");
        Query query = read();
        cursor.expectSymbol(")");
        return new Nested(first, query);
    }

    private Values values(Token first) {
        int from = cursor.at();
        cursor.skip(1);
        int width = 0;
        int close = cursor.match(cursor.at());
        for (int at = cursor.at(); at < close; at++) {
            boolean opens = at > cursor.at()
                    && (cursor.token(at).isSymbol("(") || cursor.token(at).isSymbol("["));
            width += at == cursor.at() || cursor.token(at).isSymbol(",") ? 1 : 0;
            at = opens ? cursor.match(at) : at;
        }
        cursor.moveTo(endOfClauses());
        return new Values(first, scalars.scan(from, cursor.at()), width);
    }

    private Select select() {
        int start = cursor.at();
        Token first = cursor.next();
        Distinctness distinct = distinctness();
        List<Item> items = items();
        List<Source> from = cursor.accept("FROM").isPresent() ? sources.readAll() : List.of();
        Optional<Scalar> where = cursor.accept("WHERE").map(token -> scalars.read());
        Optional<Grouping> grouping = Optional.empty();
        if (cursor.accept("GROUP").isPresent()) {
            cursor.expect("BY");
            grouping = Optional.of(new GroupingReader(cursor, scalars).read());
        }
        Optional<Scalar> having = cursor.accept("HAVING").map(token -> scalars.read());
        List<WindowSpec.Named> windows =
                cursor.accept("WINDOW").isPresent() ? new WindowReader(cursor, scalars).readClause() : List.of();
        Select select = new Select(first, distinct, items, from, where, grouping, having, windows, 0);
        wholeRows.level(start, cursor.at(), select);
        return select;
    }

    private Distinctness distinctness() {
        Optional<Token> token = cursor.accept("DISTINCT");
        List<Scalar> on = new ArrayList<>();
        if (token.isPresent() && cursor.accept("ON").isPresent()) {
            cursor.expectSymbol("(");
            do {
                on.add(scalars.read());
            } while (cursor.acceptSymbol(","));
            cursor.expectSymbol(")");
        }
        return new Distinctness(token, on);
    }

    private List<Item> items() {
        List<Item> items = new ArrayList<>();
        if (endsClause(cursor.peek())) {
            return items;
        }
        do {
            Scalar expression = scalars.read();
            Optional<Identifier> alias =
                    cursor.accept("AS").map(token -> cursor.expectName().identifier());
            items.add(new Item(expression, alias));
        } while (cursor.acceptSymbol(","));
        return items;
    }

    private Scalar limit() {
        int from = cursor.at();
        int endOfQuery = endOfClauses();
        int end = from;
        while (end < endOfQuery && !cursor.token(end).isKeyword("FOR")) {
            end++;
        }
        cursor.moveTo(end);
        return scalars.scanLoosely(from, end);
    }

    /** The index of the token that ends this query whatever clauses follow. */
    private int endOfClauses() {
        int at = cursor.at();
        while (true) {
            Token token = cursor.token(at);
            if (token.isSymbol("(") || token.isSymbol("[")) {
                at = cursor.match(at) + 1;
            } else if (token.kind() == Token.Kind.END
                    || token.isSymbol(")")
                    || token.isSymbol("]")
                    || token.isSymbol(";")
                    || (at > cursor.at() && endsClause(token) && !token.isKeyword("FOR"))) {
                return at;
            } else {
                at++;
            }
        }
    }

    private static boolean endsClause(Token token) {
        return token.kind() == Token.Kind.END
                || token.isSymbol(")")
                || token.isSymbol(";")
                || token.isKeyword("FROM")
                || token.isKeyword("WHERE")
                || token.isKeyword("GROUP")
                || token.isKeyword("HAVING")
                || token.isKeyword("WINDOW")
                || token.isKeyword("UNION")
                || token.isKeyword("INTERSECT")
                || token.isKeyword("EXCEPT")
                || token.isKeyword("ORDER")
                || token.isKeyword("FOR");
    }
}
