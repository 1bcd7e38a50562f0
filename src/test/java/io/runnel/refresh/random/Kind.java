package io.runnel.refresh.random;

import java.util.List;

/** The types of the random tables' columns and of expressions over them. */
enum Kind {
    INT(true, "0", "1", "2", "3", "-1", "NULL"),
    BIGINT(true, "0", "1", "2", "5000000000", "NULL"),
    /** numeric, always with two decimals. */
    NUM(true, "0.00", "1.00", "1.50", "-1.00", "2.25", "NULL"),
    /** numeric of any scale. */
    LOOSE(false, "1", "1.0", "1.00", "2.5", "2.50", "0", "0.000", "-1.5", "'NaN'", "12345678901234567890.5", "NULL"),
    FLOAT(false, "0", "'-0'", "1.5", "0.25", "-2", "'NaN'", "'Infinity'", "NULL"),
    TEXT(true, "''", "'a'", "'A'", "'b'", "'b '", "'ä'", "NULL"),
    /** text in another collation than the database's. */
    LATIN(true, "''", "'a'", "'A'", "'b'", "'B'", "'ä'", "NULL"),
    BOOL(true, "true", "false", "NULL"),
    DATE(true, "'2024-01-01'", "'2024-02-29'", "'infinity'", "NULL"),
    INTS(true, "'{}'", "'{1}'", "'{1,NULL}'", "'[0:1]={1,2}'", "'{1,2}'", "(ARRAY[1,NULL])[1:1]", "NULL"),
    JSON(false, "'{\"a\": 1}'", "'{\"a\": 1.0}'", "'[1, 2]'", "'null'", "'{\"a\": \"x\"}'", "NULL");

    /** Whether equal values are identical. */
    final boolean exact;

    @SuppressWarnings("ImmutableEnumChecker") // made by List.of
    final List<String> values;

    Kind(boolean exact, String... values) {
        this.exact = exact;
        this.values = List.of(values);
    }
}
