package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/**
 * What a recursive query calls itself, inside its own step. It stands for rows that exist only while the recursion runs, so
 * it has no change of its own; {@link Recursion} puts itself in its place. Anywhere else, where only types matter, it is
 * the query's start.
 *
 * @param start what the recursion begins with, whose columns have its columns' types
 */
public record RecursiveReference(Operator start, List<Identifier> columns) implements Operator {

    private static final String ROWS = """
            SELECT {}
            FROM {} AS r""";

    public RecursiveReference {
        columns = List.copyOf(columns);
    }

    @Override
    public String label() {
        return "recursive reference";
    }

    @Override
    public String maintenance() {
        return "part of the recursion above it";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.NOTHING;
    }

    @Override
    public List<Identifier> computed() {
        return columns;
    }

    @Override
    public List<Operator> inputs() {
        return List.of();
    }

    @Override
    public Sql delta(Deltas deltas) {
        throw new IllegalStateException("a recursive reference has no changes of its own");
    }

    @Override
    public Sql result(States states) {
        return rows(states.of(start));
    }

    /** What the recursion has stored; it is the operator's own state that is meant, see {@link Recursion}. */
    @Override
    public Sql post(Deltas deltas) {
        return rows(Sql.of("{}", deltas.state(this, 0)));
    }

    /** A relation with the columns of the start in this one's place. */
    Sql rows(Sql relation) {
        List<Sql> outputs = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            outputs.add(Sql.of("r.{} AS {}", start.columns().get(i), columns.get(i)));
        }
        return Sql.of(ROWS, outputs, relation);
    }
}
