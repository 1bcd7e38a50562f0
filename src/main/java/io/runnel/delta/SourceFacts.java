package io.runnel.delta;

import io.runnel.operator.ColumnType;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.List;

/** What the catalogs say about the tables that a query reads. */
public interface SourceFacts {

    ColumnType type(QualifiedName table, Identifier column);

    /** The columns of the table's primary key and of its other unique, immediate keys without nullable columns. */
    List<List<Identifier>> keys(QualifiedName table);
}
