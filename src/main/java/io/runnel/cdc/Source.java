package io.runnel.cdc;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.List;

/**
 * A table whose changes are captured.
 *
 * @param id its number, which names its buffer, its trigger function and its advisory lock
 * @param relation its OID
 * @param columns the captured columns, as attribute numbers
 * @param rowLevel whether rows are also written under the names of its partitions or parents, for which only triggers
 *     per row fire
 */
public record Source(int id, long relation, List<Long> columns, boolean rowLevel) {

    /** The class of the advisory locks by which a sleeping service asks writers to notify it. */
    public static final int ARMED_LOCK_CLASS = 0x52554e;

    /** The channel on which writers notify; the payload is the source's id. */
    public static final String WAKE_UP_CHANNEL = "runnel_wakeup";

    /** The weight of the mark that stands for rows which the trigger function could not read. */
    public static final int UNKNOWN = 2;

    /** The OIDs of all tables below one, its partitions or inheritance children. */
    public static final String DESCENDANTS = """
            WITH RECURSIVE below AS (
              SELECT i.inhrelid AS oid FROM pg_inherits AS i WHERE i.inhparent = {}
              UNION
              SELECT i.inhrelid FROM below AS b JOIN pg_inherits AS i ON i.inhparent = b.oid
            ) SELECT b.oid FROM below AS b""";

    public Source {
        columns = List.copyOf(columns);
    }

    public QualifiedName buffer() {
        return buffer(id);
    }

    public static QualifiedName buffer(int id) {
        return QualifiedName.of("runnel_internal", "changes_" + id);
    }

    QualifiedName function() {
        return QualifiedName.of("runnel_internal", "capture_" + id);
    }

    /** A trigger's name; a partition has those of its parents beside its own. */
    Identifier trigger(String event) {
        return Identifier.of("runnel_capture_" + id + "_" + event);
    }

    /** The buffer's column for an attribute number: names change, numbers do not. */
    public static Identifier column(long attribute) {
        return Identifier.of("c" + attribute);
    }

    static Sql list(String prefix, List<Long> columns) {
        Sql alias = Sql.printedByPostgres(prefix);
        return Sql.join(
                "",
                columns.stream()
                        .map(number -> Sql.of(", {}{}", alias, column(number)))
                        .toList());
    }
}
