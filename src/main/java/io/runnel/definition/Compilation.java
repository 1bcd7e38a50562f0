package io.runnel.definition;

import io.runnel.catalog.StreamTable;
import io.runnel.definition.RelationFacts.Table;
import io.runnel.delta.ResultKey;
import io.runnel.delta.Target;
import io.runnel.delta.TreeTypes;
import io.runnel.operator.ColumnType;
import io.runnel.operator.Operator;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * What is known of a query once PostgreSQL has stored it as a view and Runnel has read it back.
 *
 * @param canonical the stored text
 * @param root the operator tree
 * @param refusals why it cannot be maintained differentially; empty if it can
 * @param columns the result's columns
 * @param facts the tables below it
 * @param types the types of the tree's columns; absent with refusals
 * @param timeDependent whether the result may change although no source does
 */
record Compilation(
        String canonical,
        Operator root,
        List<Explanation.Refusal> refusals,
        List<ResultColumn> columns,
        RelationFacts facts,
        Optional<TreeTypes> types,
        boolean timeDependent) {

    /**
     * A column of the result.
     *
     * @param type as {@code format_type} prints it with its modifier and an empty search path
     * @param collation if it is not the type's own
     * @param declared the OIDs of type and collation, and the modifier, to compare columns by
     */
    record ResultColumn(Identifier name, String type, Optional<Sql> collation, String declared, ColumnType equality) {

        /** As in {@code CREATE TABLE}. */
        Sql definition() {
            Sql collate =
                    collation.map(printed -> Sql.of(" COLLATE {}", printed)).orElse(Sql.of(""));
            return Sql.of("{} {}{}", name, Sql.printedByPostgres(type), collate);
        }
    }

    boolean differential() {
        return refusals.isEmpty();
    }

    List<Table> tables() {
        return facts.tables();
    }

    Target target(StreamTable table) {
        return target(table.name(), table.wideKey());
    }

    Target target(QualifiedName table, boolean wideKey) {
        Optional<ResultKey> key = differential() ? ResultKey.of(root, facts) : Optional.empty();
        return new Target(
                table,
                columns.stream().map(ResultColumn::name).toList(),
                columns.stream().map(ResultColumn::equality).toList(),
                key,
                wideKey);
    }
}
