package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Finds rows by a key whose columns may be null.
 *
 * <p>{@code IS NOT DISTINCT FROM} uses no index and allows no hash join, so rows are found by the hash of the whole key,
 * a bigint, and the key is compared afterwards. A type without a hash function takes part as its text, or, where equal
 * values have different texts, not at all.
 */
public final class Keys {

    private static final String HASH = "hash_record_extended(ROW({}), 0)";
    private static final String NO_KEY = "0::bigint";
    private static final String VALUE = "{}.{}";
    private static final String TEXT = "{}.{}::text";
    private static final String SAME = "{}.{} IS NOT DISTINCT FROM {}.{}";
    private static final String EQUAL = "{}.{} = {}.{}";
    private static final String ANY_NULL = "num_nulls({}) > 0";
    private static final String AND = " AND ";
    private static final String TRUE = "true";
    private static final String FALSE = "false";

    private Keys() {}

    /** The hash of the key columns of {@code relation}. */
    public static Sql hash(Identifier relation, List<Identifier> keys, Function<Identifier, ColumnType> types) {
        if (keys.isEmpty()) {
            return Sql.of(NO_KEY);
        }
        List<Sql> values = new ArrayList<>();
        for (Identifier key : keys) {
            ColumnType type = types.apply(key);
            if (type.hashable()) {
                values.add(Sql.of(VALUE, relation, key));
            } else if (type.equality() != ColumnType.Equality.INEXACT) {
                values.add(Sql.of(TEXT, relation, key));
            }
        }
        return values.isEmpty() ? Sql.of(NO_KEY) : Sql.of(HASH, values);
    }

    /** The keys of both relations are the same; nulls are the same as each other. */
    public static Sql same(Identifier left, Identifier right, List<Identifier> keys) {
        return keys.isEmpty()
                ? Sql.of(TRUE)
                : Sql.join(
                        AND,
                        keys.stream()
                                .map(key -> Sql.of(SAME, left, key, right, key))
                                .toList());
    }

    /** The keys of both relations are equal and none is null; this condition can drive an index. */
    public static Sql equal(Identifier left, Identifier right, List<Identifier> keys) {
        return keys.isEmpty()
                ? Sql.of(TRUE)
                : Sql.join(
                        AND,
                        keys.stream()
                                .map(key -> Sql.of(EQUAL, left, key, right, key))
                                .toList());
    }

    /** Some key column is null; not by IS NULL, which is also true of a composite value whose fields are all null. */
    public static Sql anyNull(Identifier relation, List<Identifier> keys) {
        return keys.isEmpty()
                ? Sql.of(FALSE)
                : Sql.of(
                        ANY_NULL,
                        keys.stream().map(key -> Sql.of(VALUE, relation, key)).toList());
    }
}
