package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.HashSet;
import java.util.Set;
import java.util.regex.Pattern;

/** Gives out column names, each once. Owned by one parse. */
final class Names {

    /** PostgreSQL cuts off what is longer, silently. */
    static final int BYTES_MAX = 63;

    /** Names that no column may have: delta rules add columns of their own to an operator's, PostgreSQL to a table's. */
    private static final Set<String> RESERVED = Set.of(
            "weight",
            "place",
            "lost",
            "stale",
            "key_hash",
            "group_rows",
            "before",
            "change",
            "copies",
            "copy",
            "present",
            "number",
            "boundary",
            "reach",
            "shown",
            "ctid",
            "tableoid",
            "xmin",
            "cmin",
            "xmax",
            "cmax");

    /** The names of state columns and of stored values. */
    private static final Pattern RESERVED_FORM = Pattern.compile("a\\d+_\\w+|old .*|time \\d+", Pattern.DOTALL);

    private final Set<String> taken = new HashSet<>(RESERVED);

    /** A name like {@code base} that has not been given out before. */
    Identifier fresh(Identifier base) {
        return fresh(base.name());
    }

    Identifier fresh(String base) {
        String name = allowed(base, "");
        for (int number = 2; !taken.add(name); number++) {
            name = allowed(base, "_" + number);
        }
        return Identifier.of(name);
    }

    /** The suffix can make a reserved form of a name that was none: {@code a1_2}. */
    private static String allowed(String base, String suffix) {
        String name = shortened(base, BYTES_MAX - suffix.length()) + suffix;
        return RESERVED_FORM.matcher(name).matches()
                ? "_" + shortened(base, BYTES_MAX - suffix.length() - 1) + suffix
                : name;
    }

    /** The text cut between two characters so that it has at most {@code bytesMax} bytes in UTF-8. */
    private static String shortened(String text, int bytesMax) {
        int end = 0;
        int bytes = 0;
        while (end < text.length()) {
            int character = text.codePointAt(end);
            bytes += character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
            if (bytes > bytesMax) {
                break;
            }
            end += Character.charCount(character);
        }
        return text.substring(0, end);
    }
}
