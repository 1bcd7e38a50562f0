package io.runnel.parse;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * A place in a list of tokens whose parentheses and brackets match. Owned by one reading.
 *
 * <p>That they match, and no deeper than {@link #NESTING_MAX}, is checked first of all: it bounds every recursion
 * that follows them.
 */
final class Cursor {

    /** Deeper parentheses are not understood. A join of n relations is n deep in canonical text. */
    static final int NESTING_MAX = 300;

    private static final int UNMATCHED = -1;

    private final List<Token> tokens;
    private final int[] match;
    private int at;

    Cursor(List<Token> tokens) {
        this.tokens = tokens;
        this.match = new int[tokens.size()];
        matchParentheses();
    }

    private void matchParentheses() {
        Deque<Integer> open = new ArrayDeque<>();
        for (int i = 0; i < tokens.size(); i++) {
            Token token = tokens.get(i);
            match[i] = UNMATCHED;
            if (token.kind() == Token.Kind.GARBAGE) {
                throw Refusal.notUnderstood(token);
            } else if (token.isSymbol("(") || token.isSymbol("[")) {
                open.push(i);
                if (open.size() > NESTING_MAX) {
                    throw new Refusal("the query is nested more than " + NESTING_MAX + " levels deep", token);
                }
            } else if (token.isSymbol(")") || token.isSymbol("]")) {
                if (open.isEmpty() || tokens.get(open.peek()).isSymbol("(") != token.isSymbol(")")) {
                    throw Refusal.notUnderstood(token);
                }
                match[i] = open.peek();
                match[open.pop()] = i;
            }
        }
        if (!open.isEmpty()) {
            throw Refusal.notUnderstood(tokens.get(open.peek()));
        }
    }

    int at() {
        return at;
    }

    void moveTo(int index) {
        at = index;
    }

    /** The index of the token that closes, or opens, what the token at {@code index} opens or closes. */
    int match(int index) {
        return match[index];
    }

    Token token(int index) {
        return tokens.get(Math.max(0, Math.min(index, tokens.size() - 1)));
    }

    List<Token> tokens(int from, int to) {
        return tokens.subList(from, to);
    }

    Token peek() {
        return token(at);
    }

    Token peek(int ahead) {
        return token(at + ahead);
    }

    Token next() {
        Token token = peek();
        at++;
        return token;
    }

    void skip(int count) {
        at += count;
    }

    boolean isKeyword(String... keywords) {
        for (int i = 0; i < keywords.length; i++) {
            if (!peek(i).isKeyword(keywords[i])) {
                return false;
            }
        }
        return true;
    }

    boolean isSymbol(String symbol) {
        return peek().isSymbol(symbol);
    }

    /** Whether the next token is an opening parenthesis and the one after it starts a query. */
    boolean opensQuery() {
        return isSymbol("(") && startsQuery(peek(1));
    }

    static boolean startsQuery(Token token) {
        return token.isKeyword("SELECT") || token.isKeyword("WITH") || token.isKeyword("VALUES");
    }

    /** Takes the keyword if it is next. */
    Optional<Token> accept(String keyword) {
        return peek().isKeyword(keyword) ? Optional.of(next()) : Optional.empty();
    }

    boolean acceptSymbol(String symbol) {
        if (!isSymbol(symbol)) {
            return false;
        }
        at++;
        return true;
    }

    void expect(String keyword) {
        if (accept(keyword).isEmpty()) {
            throw Refusal.notUnderstood(peek());
        }
    }

    void expectSymbol(String symbol) {
        if (!acceptSymbol(symbol)) {
            throw Refusal.notUnderstood(peek());
        }
    }

    Token expectName() {
        if (!peek().isName()) {
            throw Refusal.notUnderstood(peek());
        }
        return next();
    }

    /** Names in parentheses, separated by commas. */
    List<Token> expectNames() {
        List<Token> names = new ArrayList<>();
        expectSymbol("(");
        do {
            names.add(expectName());
        } while (acceptSymbol(","));
        expectSymbol(")");
        return names;
    }

    /** Takes everything from here up to {@code end}. */
    List<Token> takeUntil(int end) {
        List<Token> taken = tokens(at, end);
        at = end;
        return taken;
    }
}
