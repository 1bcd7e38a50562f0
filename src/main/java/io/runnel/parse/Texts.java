package io.runnel.parse;

import java.util.List;

/** Tokens put back into text. */
final class Texts {

    private static final int SHOWN_MAX = 40;

    private Texts() {}

    /** The tokens with white space where PostgreSQL printed some, each time a single space. */
    static String of(List<Token> tokens) {
        StringBuilder text = new StringBuilder();
        for (Token token : tokens) {
            append(text, token);
        }
        return text.toString();
    }

    static void append(StringBuilder text, Token token) {
        if (token.spaced() && !text.isEmpty()) {
            text.append(' ');
        }
        text.append(token.text());
    }

    /** The text as it fits into a message. */
    static String shortened(String text) {
        if (text.length() <= SHOWN_MAX) {
            return text;
        }
        int end = Character.isHighSurrogate(text.charAt(SHOWN_MAX - 1)) ? SHOWN_MAX - 1 : SHOWN_MAX;
        return text.substring(0, end) + "…";
    }
}
