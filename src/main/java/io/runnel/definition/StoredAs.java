package io.runnel.definition;

import io.runnel.cdc.Source;
import io.runnel.delta.Storage;
import io.runnel.operator.Scan;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.Map;

/**
 * The names of what Runnel keeps for one stream table.
 *
 * @param id the stream table
 * @param sources the change captures by table; a table without one gets a name for show
 */
record StoredAs(long id, RelationFacts facts, Map<QualifiedName, Integer> sources) implements Storage {

    @Override
    public QualifiedName buffer(Scan scan) {
        Integer source = sources.get(scan.table());
        return source != null
                ? Source.buffer(source)
                : QualifiedName.of(
                        "runnel_internal", "changes of " + scan.table().display());
    }

    @Override
    public Identifier bufferColumn(Scan scan, Identifier column) {
        return Source.column(facts.table(scan.table()).column(column).number());
    }

    @Override
    public QualifiedName state(int operator, int number) {
        return QualifiedName.of("runnel_internal", "state_" + id + "_" + operator + "_" + number);
    }
}
