package io.runnel.parse;

import io.runnel.parse.Query.Alias;
import io.runnel.parse.Query.Call;
import io.runnel.parse.Scalar.Piece;
import io.runnel.parse.Scalar.Word;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Reads one call in FROM: a function, ROWS FROM, XMLTABLE, JSON_TABLE.
 *
 * <p>PostgreSQL prints the names of all columns of a function after its alias, with types where the query has to declare
 * them; those of XMLTABLE and JSON_TABLE stand in COLUMNS, in the order in which they are printed.
 */
final class CallReader {

    private final Cursor cursor;
    private final ScalarReader scalars;
    private final Mentions mentions;
    private final List<Piece> pieces = new ArrayList<>();
    private final List<Call.Column> columns = new ArrayList<>();

    CallReader(Cursor cursor, ScalarReader scalars, Mentions mentions) {
        this.mentions = mentions;
        this.cursor = cursor;
        this.scalars = scalars;
    }

    /** The call that starts at the cursor. */
    Call read(Token first) {
        int from = cursor.at() - (first.isKeyword("LATERAL") ? 1 : 0);
        if (cursor.isKeyword("XMLTABLE") || cursor.isKeyword("JSON_TABLE")) {
            words(1);
            tableFunction();
        } else if (cursor.isKeyword("ROWS", "FROM")) {
            words(2);
            functions();
        } else {
            function();
        }
        if (cursor.isKeyword("WITH", "ORDINALITY")) {
            words(2);
        }
        Alias alias = alias();
        return new Call(first, cursor.tokens(from, cursor.at()), new Scalar(pieces), columns, alias);
    }

    private void words(int count) {
        for (int i = 0; i < count; i++) {
            pieces.add(new Word(cursor.next()));
        }
    }

    private void scanTo(int end) {
        pieces.addAll(scalars.scan(cursor.at(), end).pieces());
        cursor.moveTo(end);
    }

    private int close() {
        if (!cursor.isSymbol("(")) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        return cursor.match(cursor.at());
    }

    /** One function with its arguments. */
    private void function() {
        int from = cursor.at();
        while (!cursor.isSymbol("(")) {
            Token token = cursor.peek();
            if (!token.isName() && !token.isSymbol(".") && !(token.isKeyword() && cursor.at() == from)) {
                throw Refusal.notUnderstood(token);
            }
            cursor.skip(1);
        }
        int end = close() + 1;
        cursor.moveTo(from);
        scanTo(end);
    }

    /** The list of ROWS FROM: each function perhaps with {@code AS (column type, …)}. */
    private void functions() {
        int close = close();
        words(1);
        while (cursor.at() < close) {
            function();
            if (cursor.isKeyword("AS")) {
                words(1);
                words(close() + 1 - cursor.at());
            }
            if (cursor.isSymbol(",")) {
                words(1);
            } else if (cursor.at() != close) {
                throw Refusal.notUnderstood(cursor.peek());
            }
        }
        words(1);
    }

    private void tableFunction() {
        int close = close();
        int columnsAt = find("COLUMNS", close);
        scanTo(columnsAt);
        words(1);
        boolean enclosed = cursor.isSymbol("(");
        int end = enclosed ? close() : close;
        words(enclosed ? 1 : 0);
        definitions(end);
        scanTo(close + 1);
    }

    /** The index of a keyword before {@code end} outside further parentheses. */
    private int find(String keyword, int end) {
        int at = cursor.isSymbol("(") && cursor.match(cursor.at()) == end ? cursor.at() + 1 : cursor.at();
        while (at < end && !cursor.token(at).isKeyword(keyword)) {
            boolean opens = cursor.token(at).isSymbol("(") || cursor.token(at).isSymbol("[");
            at = opens ? cursor.match(at) + 1 : at + 1;
        }
        if (at >= end) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        return at;
    }

    private void definitions(int end) {
        while (cursor.at() < end) {
            int next = endOfDefinition(end);
            if (cursor.isKeyword("NESTED")) {
                scanTo(find("COLUMNS", next));
                words(1);
                int close = close();
                words(1);
                definitions(close);
            } else {
                definition();
            }
            scanTo(next);
            if (next < end) {
                words(1);
            }
        }
    }

    private int endOfDefinition(int end) {
        int at = cursor.at();
        while (at < end && !cursor.token(at).isSymbol(",")) {
            boolean opens = cursor.token(at).isSymbol("(") || cursor.token(at).isSymbol("[");
            at = opens ? cursor.match(at) + 1 : at + 1;
        }
        return at;
    }

    /** The name and the type, or FOR ORDINALITY; what follows are keywords and expressions. */
    private void definition() {
        Token name = cursor.expectName();
        columns.add(new Call.Column(name.identifier(), List.of()));
        pieces.add(new Word(name));
        if (cursor.isKeyword("FOR", "ORDINALITY")) {
            words(2);
        } else {
            words(scalars.endOfType(cursor.at()) - cursor.at());
        }
    }

    /** {@code [AS] [name] [(column [type], …)]}. */
    private Alias alias() {
        boolean as = cursor.accept("AS").isPresent();
        Optional<Identifier> name =
                cursor.peek().isName() ? Optional.of(cursor.next().identifier()) : Optional.empty();
        name.ifPresent(mentions::alias);
        List<Identifier> names = new ArrayList<>();
        if (!cursor.isSymbol("(") || (!as && name.isEmpty())) {
            return new Alias(name, names);
        }
        if (!columns.isEmpty()) {
            throw Refusal.notUnderstood(cursor.peek());
        }
        int close = cursor.match(cursor.at());
        cursor.skip(1);
        while (cursor.at() < close) {
            Identifier column = cursor.expectName().identifier();
            int from = cursor.at();
            int end = endOfDefinition(close);
            names.add(column);
            columns.add(new Call.Column(column, cursor.tokens(from, end)));
            cursor.moveTo(end + 1);
        }
        cursor.moveTo(close + 1);
        return new Alias(name, names);
    }
}
