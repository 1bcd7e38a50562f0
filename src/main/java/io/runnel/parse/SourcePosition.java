package io.runnel.parse;

import io.runnel.operator.Unsupported;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/** Finds a place of the canonical text in the text that the user wrote. */
public final class SourcePosition {

    private SourcePosition() {}

    /**
     * The place in {@code userQuery}, from 1, of what is unsupported in {@code canonical}. The n-th occurrence of its
     * word is taken for the n-th occurrence in the user's text, if both have equally many; otherwise there is none.
     */
    public static OptionalInt locate(String canonical, Unsupported unsupported, String userQuery) {
        List<Token> printed = inner(Lexer.tokens(canonical));
        List<Token> written = Lexer.tokens(userQuery);
        String word = unsupported.token().toLowerCase(Locale.ROOT);
        List<Token> inPrinted =
                printed.stream().filter(token -> isWord(token, word)).toList();
        List<Token> inWritten =
                written.stream().filter(token -> isWord(token, word)).toList();
        if (inPrinted.size() != inWritten.size()) {
            return OptionalInt.empty();
        }
        for (int i = 0; i < inPrinted.size(); i++) {
            if (inPrinted.get(i).start() == unsupported.position()) {
                return OptionalInt.of(inWritten.get(i).start() + 1);
            }
        }
        return OptionalInt.empty();
    }

    private static boolean isWord(Token token, String word) {
        return token.kind() == Token.Kind.WORD
                && token.text().toLowerCase(Locale.ROOT).equals(word);
    }

    /** What is inside the wrapper's parentheses. */
    private static List<Token> inner(List<Token> tokens) {
        int from = 0;
        while (from < tokens.size() && !tokens.get(from).isSymbol("(")) {
            from++;
        }
        int to = tokens.size();
        while (to > from && !tokens.get(to - 1).isSymbol(")")) {
            to--;
        }
        return tokens.subList(from, to);
    }
}
