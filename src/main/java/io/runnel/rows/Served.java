package io.runnel.rows;

import io.runnel.postgres.Failure;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * A table of a read model, as it may be read.
 *
 * @param relation its OID
 * @param models those that write the table; several only if they are projections
 * @param owner with whose rights it is read
 * @param path on which the operators of its types are found
 * @param key columns of a unique index; empty if there is none
 * @param keyExact whether no two rows can have the same values there, because none of them is null
 * @param definition the view that has the rows as they ought to be now, if there is one
 * @param reader with whose rights the stored rows are read: the owner, unless somebody else asks
 */
public record Served(
        long relation,
        QualifiedName table,
        List<Model> models,
        Identifier owner,
        String timeZone,
        SearchPath path,
        List<Column> columns,
        List<Column> key,
        boolean keyExact,
        Optional<QualifiedName> definition,
        Identifier reader) {

    /** A read model, as the functions of the catalog name it. */
    public record Model(String kind, long id) {}

    public Served {
        models = List.copyOf(models);
        columns = List.copyOf(columns);
        key = List.copyOf(key);
    }

    /** Whether it is a materialized view, which PostgreSQL exchanges as a whole, and for every snapshot at once. */
    boolean exchanged() {
        return models.stream().anyMatch(model -> model.kind().equals("MATERIALIZED_VIEW"));
    }

    /** Whether its rows can be computed, instead of being read: by the definition, or by the query of a materialized view. */
    public boolean computable() {
        return definition.isPresent() || exchanged();
    }

    /** The same, whose stored rows somebody else reads. */
    public Served readBy(Identifier role) {
        return new Served(relation, table, models, owner, timeZone, path, columns, key, keyExact, definition, role);
    }

    /** The same for the statements that read what is stored. */
    Served stored() {
        return new Served(relation, table, models, reader, timeZone, path, columns, key, keyExact, definition, reader);
    }

    /** Fails if there is no such column. */
    Column column(String name) {
        return columns.stream()
                .filter(column -> column.name().name().equals(name))
                .findFirst()
                .orElseThrow(() -> new Failure.Invalid(
                        "unknown-column",
                        "read model " + table.display() + " has no column " + name,
                        "its columns are "
                                + columns.stream()
                                        .map(column -> column.name().name())
                                        .collect(Collectors.joining(", "))));
    }
}
