package io.runnel.refresh.random;

import java.util.List;

/** Something that stands in FROM, and its columns. */
record Relation(String sql, List<Column> columns) {

    record Column(String name, Kind kind) {}

    Relation {
        columns = List.copyOf(columns);
    }

    /** Its columns as seen under an alias. */
    List<Column> as(String alias) {
        return columns.stream()
                .map(column -> new Column(alias + "." + column.name(), column.kind()))
                .toList();
    }
}
