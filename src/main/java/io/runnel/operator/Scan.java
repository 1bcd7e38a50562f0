package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.List;

/**
 * Scan: the rows of a source table, reduced to the columns that the query reads.
 *
 * <pre>
 *   Δ scan(T) = the change buffer's rows between two frontiers, images that cancel removed
 * </pre>
 *
 * <p>O(|ΔT|). Values that compare equal but print differently are different images and do not cancel.
 *
 * @param table the source
 * @param reads the columns read, each with the name that the tree above knows it by; may be empty, as in
 *     {@code SELECT count(*) FROM t}
 * @param whole whether all columns are read, and one that is added later would be, too
 */
public record Scan(QualifiedName table, List<Read> reads, boolean whole) implements Operator {

    private static final String RESULT = """
            SELECT {}
            FROM {} AS t""";
    private static final String RENAMED = "t.{} AS {}";

    /**
     * A column of the source under its name in the tree.
     *
     * @param notNull whether the source accepts no nulls in it
     */
    public record Read(Identifier column, Identifier name, boolean notNull) {}

    public Scan {
        reads = List.copyOf(reads);
    }

    @Override
    public String label() {
        return "scan of " + table.display();
    }

    @Override
    public String maintenance() {
        return "change buffer: reads only rows changed since the frontier";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.CHANGE;
    }

    @Override
    public List<Identifier> columns() {
        return reads.stream().map(Read::name).toList();
    }

    @Override
    public boolean notNull(Identifier column) {
        return reads.stream().anyMatch(read -> read.name().equals(column) && read.notNull());
    }

    @Override
    public List<Operator> inputs() {
        return List.of();
    }

    @Override
    public Sql delta(Deltas deltas) {
        return deltas.changes(this);
    }

    @Override
    public Sql result(States states) {
        return Sql.of(RESULT, renamed(), table);
    }

    private List<Sql> renamed() {
        return reads.stream()
                .map(read -> Sql.of(RENAMED, read.column(), read.name()))
                .toList();
    }
}
