package io.runnel.delta;

import io.runnel.operator.ColumnType;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.List;
import java.util.Optional;

/**
 * The visible table.
 *
 * @param table its name
 * @param columns its columns, in the order of the query's
 * @param types their types
 * @param key columns that tell its rows apart, if the query proves some
 * @param wide whether values of the key have been longer than an entry of an index may be
 */
public record Target(
        QualifiedName table, List<Identifier> columns, List<ColumnType> types, Optional<ResultKey> key, boolean wide) {

    /** How many columns PostgreSQL allows in an index. */
    private static final int INDEX_COLUMNS_MAX = 32;

    public Target {
        columns = List.copyOf(columns);
        types = List.copyOf(types);
        if (columns.isEmpty() || columns.size() != types.size()) {
            throw new IllegalArgumentException("a stream table has a column, and each column a type");
        }
    }

    /** Whether its rows are found by a unique index on the key, and not by a hash. */
    public boolean unique() {
        return key.isPresent()
                && !wide
                && !key.get().nullable()
                && key.get().columns().size() <= INDEX_COLUMNS_MAX;
    }

    ColumnType type(Identifier column) {
        return types.get(columns.indexOf(column));
    }

    List<Identifier> keyColumns() {
        return key.map(found -> found.columns().stream().map(columns::get).toList())
                .orElse(List.of());
    }
}
