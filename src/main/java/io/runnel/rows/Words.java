package io.runnel.rows;

import io.runnel.postgres.Failure;
import java.util.ArrayList;
import java.util.List;

/** Takes lists in parameters apart. What is in double quotes is one word, in which a double quote is written twice. */
final class Words {

    private Words() {}

    /** The parts between delimiters that are not in quotes; the quotes stay. */
    static List<String> split(String text, char delimiter) {
        List<String> parts = new ArrayList<>();
        boolean quoted = false;
        int start = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (c == delimiter && !quoted) {
                parts.add(text.substring(start, i));
                start = i + 1;
            }
        }
        if (quoted) {
            throw new Failure.Invalid(
                    "invalid-parameter",
                    "a double quote is not closed: " + text,
                    "write a double quote twice in a name");
        }
        parts.add(text.substring(start));
        return parts;
    }

    /** The word without its quotes, if it has any. */
    static String plain(String word) {
        return word.length() >= 2 && word.startsWith("\"") && word.endsWith("\"")
                ? word.substring(1, word.length() - 1).replace("\"\"", "\"")
                : word;
    }
}
