package io.runnel.parse;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.Optional;

/** What a query may read: looked up before, so that parsing needs no database. */
public interface Relations {

    /** The relation of that name; empty if it was not looked up or does not exist. */
    Optional<Relation> find(QualifiedName name);

    /**
     * The type of a table's column with its modifier and collation, in whatever notation, as long as equal texts mean
     * equal types. Asked only where USING joins a column that an inner USING has merged: which of the two columns is
     * meant is certain only if they have one type. Where there is no answer, such a join is unsupported.
     */
    default Optional<String> type(QualifiedName table, Identifier column) {
        return Optional.empty();
    }
}
