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
 */
public record Target(QualifiedName table, List<Identifier> columns, List<ColumnType> types, Optional<ResultKey> key) {

    public Target {
        columns = List.copyOf(columns);
        types = List.copyOf(types);
        if (columns.isEmpty() || columns.size() != types.size()) {
            throw new IllegalArgumentException("a stream table has a column, and each column a type");
        }
    }

    ColumnType type(Identifier column) {
        return types.get(columns.indexOf(column));
    }

    List<Identifier> keyColumns() {
        return key.map(found -> found.columns().stream().map(columns::get).toList())
                .orElse(List.of());
    }
}
