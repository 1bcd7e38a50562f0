package io.runnel.parse;

import io.runnel.parse.Token.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Splits SQL into tokens. Reads any text without failing: what has no end becomes {@link Kind#GARBAGE} up to the end of
 * the text. Comments and dollar quotes never occur in canonical text; they are read for the sake of what people write.
 */
final class Lexer {

    private static final String SYMBOLS = "()[],;.";
    private static final String OPERATORS = "+-*/<>=~!@#%^&|`?";

    private final String text;
    private final List<Token> tokens = new ArrayList<>();
    private int at;
    private boolean spaced;

    private Lexer(String text) {
        this.text = text;
    }

    /** The tokens of the text; the last one, and only that, is {@link Kind#END}. */
    static List<Token> tokens(String text) {
        Lexer lexer = new Lexer(text);
        lexer.run();
        return List.copyOf(lexer.tokens);
    }

    private void run() {
        while (at < text.length()) {
            char c = text.charAt(at);
            if (Character.isWhitespace(c)) {
                at++;
                spaced = true;
            } else if (text.startsWith("--", at)) {
                int end = text.indexOf('\n', at);
                at = end < 0 ? text.length() : end;
                spaced = true;
            } else if (text.startsWith("/*", at)) {
                comment();
            } else {
                token(c);
            }
        }
        add(Kind.END, at);
    }

    private void token(char c) {
        if (c == '\'') {
            string(at + 1, false);
        } else if (c == '"') {
            quoted();
        } else if (isPrefixedString(c)) {
            string(at + 2, c == 'E' || c == 'e');
        } else if (Character.isLetter(c) || c == '_' || c > 127) {
            word();
        } else if (isDigit(at) || (c == '.' && isDigit(at + 1))) {
            number();
        } else if (c == '$') {
            dollar();
        } else if (SYMBOLS.indexOf(c) >= 0) {
            add(Kind.SYMBOL, at + 1);
        } else if (c == ':') {
            add(Kind.OPERATOR, text.startsWith("::", at) || text.startsWith(":=", at) ? at + 2 : at + 1);
        } else if (OPERATORS.indexOf(c) >= 0) {
            operator();
        } else {
            add(Kind.GARBAGE, at + 1);
        }
    }

    private void comment() {
        int depth = 1;
        int end = at + 2;
        while (depth > 0 && end < text.length()) {
            if (text.startsWith("/*", end)) {
                depth++;
                end += 2;
            } else if (text.startsWith("*/", end)) {
                depth--;
                end += 2;
            } else {
                end++;
            }
        }
        at = end;
        spaced = true;
    }

    private boolean isPrefixedString(char c) {
        return "EeBbXxNn".indexOf(c) >= 0 && at + 1 < text.length() && text.charAt(at + 1) == '\'';
    }

    private void string(int from, boolean backslashes) {
        int end = from;
        while (end < text.length()) {
            char c = text.charAt(end);
            if (backslashes && c == '\\') {
                end += 2;
            } else if (c != '\'') {
                end++;
            } else if (end + 1 < text.length() && text.charAt(end + 1) == '\'') {
                end += 2;
            } else {
                add(Kind.STRING, end + 1);
                return;
            }
        }
        add(Kind.GARBAGE, text.length());
    }

    private void quoted() {
        int end = at + 1;
        while (end < text.length()) {
            if (text.charAt(end) != '"') {
                end++;
            } else if (end + 1 < text.length() && text.charAt(end + 1) == '"') {
                end += 2;
            } else {
                boolean name = end > at + 1 && text.substring(at, end).indexOf('\0') < 0;
                add(name ? Kind.QUOTED : Kind.GARBAGE, end + 1);
                return;
            }
        }
        add(Kind.GARBAGE, text.length());
    }

    private void word() {
        add(Kind.WORD, endOfWord(at));
    }

    private int endOfWord(int from) {
        int end = from;
        while (end < text.length()) {
            char c = text.charAt(end);
            if (!Character.isLetterOrDigit(c) && c != '_' && c != '$' && c <= 127) {
                break;
            }
            end++;
        }
        return end;
    }

    private void number() {
        int end = digits(at);
        if (end < text.length() && text.charAt(end) == '.') {
            end = digits(end + 1);
        }
        if (end < text.length() && "eE".indexOf(text.charAt(end)) >= 0) {
            int exponent = end + 1;
            if (exponent < text.length() && "+-".indexOf(text.charAt(exponent)) >= 0) {
                exponent++;
            }
            end = isDigit(exponent) ? digits(exponent) : end;
        }
        add(Kind.NUMBER, end);
    }

    private int digits(int from) {
        int end = from;
        while (isDigit(end)) {
            end++;
        }
        return end;
    }

    private boolean isDigit(int index) {
        return index < text.length() && text.charAt(index) >= '0' && text.charAt(index) <= '9';
    }

    private void dollar() {
        int tagEnd = at + 1;
        while (tagEnd < text.length()
                && (Character.isLetterOrDigit(text.charAt(tagEnd)) || text.charAt(tagEnd) == '_')) {
            tagEnd++;
        }
        if (tagEnd >= text.length() || text.charAt(tagEnd) != '$') {
            add(Kind.GARBAGE, tagEnd);
            return;
        }
        String tag = text.substring(at, tagEnd + 1);
        int end = text.indexOf(tag, tagEnd + 1);
        add(end < 0 ? Kind.GARBAGE : Kind.STRING, end < 0 ? text.length() : end + tag.length());
    }

    private void operator() {
        int end = at + 1;
        while (end < text.length()
                && OPERATORS.indexOf(text.charAt(end)) >= 0
                && !text.startsWith("--", end)
                && !text.startsWith("/*", end)) {
            end++;
        }
        add(Kind.OPERATOR, end);
    }

    private void add(Kind kind, int requestedEnd) {
        int end = Math.min(requestedEnd, text.length());
        tokens.add(new Token(kind, text.substring(at, end), at, spaced));
        at = end;
        spaced = false;
    }
}
