package io.runnel.parse;

import io.runnel.parse.Query.Alias;
import io.runnel.parse.Query.Derived;
import io.runnel.parse.Query.JoinKind;
import io.runnel.parse.Query.Joined;
import io.runnel.parse.Query.Relation;
import io.runnel.parse.Query.Source;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads the items of FROM. */
final class SourceReader {

    /** More joins in one chain without parentheses are not understood; the chain is read into a tree as deep. */
    private static final int JOINS_MAX = 300;

    private static final Alias NO_ALIAS = new Alias(Optional.empty(), List.of());

    private final Cursor cursor;
    private final ScalarReader scalars;
    private final QueryReader queries;
    private final Mentions mentions;

    SourceReader(Cursor cursor, ScalarReader scalars, QueryReader queries, Mentions mentions) {
        this.mentions = mentions;
        this.cursor = cursor;
        this.scalars = scalars;
        this.queries = queries;
    }

    List<Source> readAll() {
        List<Source> sources = new ArrayList<>();
        do {
            sources.add(joins());
        } while (cursor.acceptSymbol(","));
        return sources;
    }

    private Source joins() {
        Source left = single();
        int joins = 0;
        while (startsJoin()) {
            if (++joins > JOINS_MAX) {
                throw new Refusal("the query has more than " + JOINS_MAX + " joins in a row", cursor.peek());
            }
            left = join(left);
        }
        return left;
    }

    private boolean startsJoin() {
        return cursor.isKeyword("JOIN")
                || cursor.isKeyword("INNER")
                || cursor.isKeyword("CROSS")
                || cursor.isKeyword("LEFT")
                || cursor.isKeyword("RIGHT")
                || cursor.isKeyword("FULL")
                || cursor.isKeyword("NATURAL");
    }

    private Joined join(Source left) {
        int from = cursor.at();
        Token first = cursor.peek();
        boolean cross = cursor.accept("CROSS").isPresent();
        JoinKind kind = cross ? JoinKind.INNER : kind();
        cursor.expect("JOIN");
        List<Token> operator = cursor.tokens(from, cursor.at());
        Source right = single();
        Optional<Scalar> on = cursor.accept("ON").map(token -> scalars.read());
        List<Token> using = cursor.accept("USING").isPresent() ? cursor.expectNames() : List.of();
        Optional<Identifier> usingAlias = Optional.empty();
        if (!using.isEmpty() && cursor.accept("AS").isPresent()) {
            usingAlias = Optional.of(cursor.expectName().identifier());
            mentions.alias(usingAlias.get());
        }
        if (on.isEmpty() && using.isEmpty() && !cross) {
            throw Refusal.notUnderstood(first);
        }
        return new Joined(kind, operator, left, right, on, using, usingAlias, NO_ALIAS);
    }

    private JoinKind kind() {
        if (cursor.isKeyword("JOIN") || cursor.accept("INNER").isPresent()) {
            return JoinKind.INNER;
        }
        JoinKind kind =
                cursor.isKeyword("LEFT") ? JoinKind.LEFT : cursor.isKeyword("RIGHT") ? JoinKind.RIGHT : JoinKind.FULL;
        cursor.expect(kind.name());
        if (cursor.isKeyword("OUTER")) {
            cursor.skip(1);
        }
        return kind;
    }

    private Source single() {
        Token first = cursor.peek();
        Optional<Token> lateral = cursor.accept("LATERAL");
        if (cursor.isSymbol("(")) {
            return holdsQuery(cursor.at()) ? derived(first, lateral) : parenthesised(lateral);
        }
        boolean special = cursor.isKeyword("ROWS", "FROM")
                || (first.isKeyword() && cursor.peek(1).isSymbol("("));
        if (special || lateral.isPresent()) {
            return new CallReader(cursor, scalars, mentions).read(first);
        }
        Optional<Token> only = cursor.accept("ONLY");
        List<Token> path = path();
        if (cursor.isSymbol("(") && only.isEmpty()) {
            cursor.skip(-path(path));
            return new CallReader(cursor, scalars, mentions).read(first);
        }
        return relation(path, only);
    }

    private static int path(List<Token> path) {
        return 2 * path.size() - 1;
    }

    /** The parts of a dotted name, without the dots. */
    private List<Token> path() {
        List<Token> path = new ArrayList<>();
        do {
            path.add(cursor.expectName());
        } while (cursor.acceptSymbol("."));
        if (path.size() > 2) {
            throw Refusal.notUnderstood(path.get(2));
        }
        return path;
    }

    /** Whether the parenthesis encloses a query, as against a join; several may stand before either. */
    private boolean holdsQuery(int open) {
        int at = open + 1;
        while (cursor.token(at).isSymbol("(")) {
            Token after = cursor.token(cursor.match(at) + 1);
            if (!isSetOperator(after) && !after.isSymbol(")") && !isTail(after)) {
                return false;
            }
            at++;
        }
        return Cursor.startsQuery(cursor.token(at));
    }

    private static boolean isSetOperator(Token token) {
        return token.isKeyword("UNION") || token.isKeyword("INTERSECT") || token.isKeyword("EXCEPT");
    }

    private static boolean isTail(Token token) {
        return token.isKeyword("ORDER")
                || token.isKeyword("LIMIT")
                || token.isKeyword("OFFSET")
                || token.isKeyword("FETCH")
                || token.isKeyword("FOR");
    }

    private Source derived(Token first, Optional<Token> lateral) {
        cursor.expectSymbol("(");
        Mentions.Mark mark = mentions.mark();
        Query query = queries.read();
        cursor.expectSymbol(")");
        return new Derived(first, query, lateral, mentions.free(mark), alias());
    }

    private Source parenthesised(Optional<Token> lateral) {
        Token open = cursor.next();
        Source inside = joins();
        cursor.expectSymbol(")");
        Alias alias = alias();
        if (lateral.isPresent() || (!(inside instanceof Joined) && alias.name().isPresent())) {
            throw Refusal.notUnderstood(open);
        }
        if (inside instanceof Joined join && alias.name().isPresent()) {
            return new Joined(
                    join.kind(),
                    join.operator(),
                    join.left(),
                    join.right(),
                    join.on(),
                    join.using(),
                    join.usingAlias(),
                    alias);
        }
        return inside;
    }

    private Source relation(List<Token> path, Optional<Token> only) {
        Alias alias = alias();
        if (alias.name().isEmpty()) {
            mentions.alias(path.get(path.size() - 1).identifier());
        }
        int from = cursor.at();
        if (cursor.accept("TABLESAMPLE").isPresent()) {
            while (!endsItem(cursor.peek())) {
                skipBalanced();
            }
        }
        return new Relation(path, only, alias, cursor.tokens(from, cursor.at()));
    }

    private void skipBalanced() {
        boolean opens = cursor.isSymbol("(") || cursor.isSymbol("[");
        cursor.moveTo(opens ? cursor.match(cursor.at()) + 1 : cursor.at() + 1);
    }

    private boolean endsItem(Token token) {
        return token.kind() == Token.Kind.END
                || token.isSymbol(")")
                || token.isSymbol(",")
                || token.isSymbol(";")
                || token.isKeyword("ON")
                || token.isKeyword("USING")
                || token.isKeyword("WHERE")
                || token.isKeyword("GROUP")
                || token.isKeyword("HAVING")
                || token.isKeyword("WINDOW")
                || isSetOperator(token)
                || isTail(token)
                || startsJoin();
    }

    /** {@code [AS] [name] [(column [type], …)]}. */
    private Alias alias() {
        boolean as = cursor.accept("AS").isPresent();
        Optional<Identifier> name =
                cursor.peek().isName() ? Optional.of(cursor.next().identifier()) : Optional.empty();
        name.ifPresent(mentions::alias);
        List<Identifier> columns = new ArrayList<>();
        if (cursor.isSymbol("(") && (as || name.isPresent())) {
            int close = cursor.match(cursor.at());
            while (cursor.at() < close) {
                cursor.skip(1);
                columns.add(cursor.expectName().identifier());
                while (!cursor.isSymbol(",") && cursor.at() < close) {
                    skipBalanced();
                }
            }
            cursor.skip(1);
        }
        return new Alias(name, columns);
    }
}
