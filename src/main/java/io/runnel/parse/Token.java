package io.runnel.parse;

import io.runnel.sql.Identifier;

/**
 * A piece of canonical text.
 *
 * <p>PostgreSQL prints keywords in capitals and quotes every name that contains one, so a word without quotes is a
 * keyword if and only if it contains a capital letter.
 *
 * @param text the piece exactly as printed
 * @param start its offset in the text
 * @param spaced whether white space stands before it
 */
record Token(Kind kind, String text, int start, boolean spaced) {

    enum Kind {
        WORD,
        QUOTED,
        STRING,
        NUMBER,
        OPERATOR,
        SYMBOL,
        /** What no canonical text contains, such as a string without an end. */
        GARBAGE,
        END
    }

    boolean isKeyword() {
        return kind == Kind.WORD && text.chars().anyMatch(Character::isUpperCase);
    }

    boolean isKeyword(String keyword) {
        return kind == Kind.WORD && text.equals(keyword);
    }

    boolean isSymbol(String symbol) {
        return kind == Kind.SYMBOL && text.equals(symbol);
    }

    boolean isOperator(String operator) {
        return kind == Kind.OPERATOR && text.equals(operator);
    }

    /** Whether this can be a name or one part of it. */
    boolean isName() {
        return kind == Kind.QUOTED ? text.length() > 2 : kind == Kind.WORD && !isKeyword();
    }

    /** The name, without quotes. */
    Identifier identifier() {
        return Identifier.of(
                kind == Kind.QUOTED ? text.substring(1, text.length() - 1).replace("\"\"", "\"") : text);
    }
}
