package io.runnel.rows;

import io.runnel.postgres.Failure;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * An order of the rows of a table.
 *
 * @param keys by what, most significant first
 * @param exact whether no two rows are equal in all of them; otherwise rows that are equal are identical
 */
record Ordering(List<Key> keys, boolean exact) {

    /** How many columns one may order by. */
    static final int COLUMNS_MAX = 16;

    private static final QualifiedName BYTES = QualifiedName.of("pg_catalog", "bytea");
    private static final String HASH = "sha256(convert_to(ROW({})::text, 'UTF8'))";
    private static final String HINT = "write columns as in created_at.desc.nullslast,id";

    /** @param label tells it from others, in cursors */
    record Key(
            Sql expression,
            QualifiedName type,
            boolean nullable,
            boolean descending,
            boolean nullsFirst,
            String label) {

        Sql direction() {
            return Sql.of(
                    "{} {} {}",
                    expression,
                    descending ? Sql.of("DESC") : Sql.of("ASC"),
                    nullsFirst ? Sql.of("NULLS FIRST") : Sql.of("NULLS LAST"));
        }
    }

    /** How the first key that is not equal to that of a place comes after it. */
    enum Following {
        /** It does not: all keys are equal. */
        NOT,
        BEYOND,
        NULL,
        NOT_NULL
    }

    /**
     * Rows that follow a place.
     *
     * @param equal how many of the first keys have the values of the place
     * @param skipped how many of the rows were shown before
     */
    record Range(int equal, Following following, long skipped) {}

    Ordering {
        keys = List.copyOf(keys);
    }

    /** The order that a client asks for, completed to one that tells rows apart. */
    static Ordering parse(Optional<String> text, Served served) {
        List<Key> keys = new ArrayList<>();
        Set<Column> used = new HashSet<>();
        for (String part : text.map(given -> Words.split(given, ',')).orElse(List.of())) {
            List<String> words = Words.split(part, '.');
            Column column = served.column(Words.plain(words.get(0)));
            if (used.add(column)) {
                keys.add(key(column, words.subList(1, words.size()), part));
            } else {
                throw invalid(column.name().name() + " stands in the order twice");
            }
        }
        if (keys.size() > COLUMNS_MAX) {
            throw invalid("there are more than " + COLUMNS_MAX + " columns to order by");
        }
        boolean descending = !keys.isEmpty() && keys.get(keys.size() - 1).descending();
        served.key().stream().filter(used::add).forEach(column -> keys.add(key(column, descending, descending)));
        boolean exact = !served.key().isEmpty() && served.keyExact();
        if (!exact) {
            List<Sql> columns = served.columns().stream()
                    .map(column -> Sql.of("t.{}", column.name()))
                    .toList();
            keys.add(new Key(Sql.of(HASH, columns), BYTES, false, descending, descending, "#"));
        }
        return new Ordering(keys, exact);
    }

    private static Key key(Column column, List<String> words, String part) {
        boolean descending = false;
        Optional<Boolean> nullsFirst = Optional.empty();
        for (String word : words) {
            switch (word.toLowerCase(Locale.ROOT)) {
                case "asc" -> descending = false;
                case "desc" -> descending = true;
                case "nullsfirst" -> nullsFirst = Optional.of(true);
                case "nullslast" -> nullsFirst = Optional.of(false);
                default -> throw invalid(part + " is not a column to order by");
            }
        }
        return key(column, descending, nullsFirst.orElse(descending));
    }

    private static Key key(Column column, boolean descending, boolean nullsFirst) {
        return new Key(
                Sql.of("t.{}", column.name()),
                column.type(),
                column.nullable(),
                descending,
                nullsFirst,
                column.name().name());
    }

    private static Failure invalid(String message) {
        return new Failure.Invalid("invalid-order", message, HINT);
    }

    /** What stands after ORDER BY. */
    Sql sql() {
        return Sql.list(keys.stream().map(Key::direction).toList());
    }

    /** Tells orders of different tables or columns apart. */
    String fingerprint(Served served) {
        String all = served.table().display()
                + keys.stream()
                        .map(key -> "\n" + key.label() + '\t' + key.descending() + '\t' + key.nullsFirst())
                        .collect(Collectors.joining());
        return Integer.toHexString(all.hashCode());
    }

    /**
     * The rows after a place, in order: first those that are equal to its row, then, for each key from the least significant
     * one on, those that are equal in the keys before it and come after it in this one.
     */
    List<Range> after(Cursor place) {
        List<Range> ranges = new ArrayList<>();
        if (!exact) {
            ranges.add(new Range(keys.size(), Following.NOT, place.seen()));
        }
        for (int i = keys.size() - 1; i >= 0; i--) {
            for (Following following : following(keys.get(i), place.values().get(i) == null)) {
                ranges.add(new Range(i, following, 0));
            }
        }
        return ranges;
    }

    /** What comes after a value; nulls are before or after all others. */
    private static List<Following> following(Key key, boolean nothing) {
        if (nothing) {
            return key.nullsFirst() ? List.of(Following.NOT_NULL) : List.of();
        }
        return key.nullable() && !key.nullsFirst()
                ? List.of(Following.BEYOND, Following.NULL)
                : List.of(Following.BEYOND);
    }

    /** The condition on the rows of a range. */
    Sql condition(Range range, Cursor place, Values bound) {
        List<Sql> conditions = new ArrayList<>();
        for (int i = 0; i < range.equal(); i++) {
            Key key = keys.get(i);
            String value = place.values().get(i);
            conditions.add(
                    value == null
                            ? Sql.of("{} IS NULL", key.expression())
                            : Sql.of("{} = {}", key.expression(), bound.bind(value, key.type())));
        }
        if (range.following() != Following.NOT) {
            Key key = keys.get(range.equal());
            conditions.add(following(range.following(), key, place.values().get(range.equal()), bound));
        }
        return Sql.join(" AND ", conditions);
    }

    private static Sql following(Following following, Key key, @Nullable String value, Values bound) {
        if (following == Following.NULL || value == null) {
            return Sql.of(
                    "{} IS {}", key.expression(), following == Following.NULL ? Sql.of("NULL") : Sql.of("NOT NULL"));
        }
        return Sql.of(
                "{} {} {}",
                key.expression(),
                key.descending() ? Sql.of("<") : Sql.of(">"),
                bound.bind(value, key.type()));
    }
}
