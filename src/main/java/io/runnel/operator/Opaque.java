package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * An operator that PostgreSQL understands and Runnel has no delta rule for. It has a place in the tree, so that people
 * see where their query leaves the maintained language, and a reason; a query that contains one is refreshed in FULL.
 */
public record Opaque(String label, List<Operator> inputs, List<Identifier> columns, Unsupported reason)
        implements Operator {

    public Opaque {
        inputs = List.copyOf(inputs);
        columns = List.copyOf(columns);
    }

    @Override
    public String maintenance() {
        return "recomputed: " + reason.reason();
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.ALL;
    }

    @Override
    public Optional<Unsupported> unsupported() {
        return Optional.of(reason);
    }

    @Override
    public Sql delta(Deltas deltas) {
        throw new IllegalStateException("no delta rule: " + reason.reason());
    }

    @Override
    public Sql result(States states) {
        throw new IllegalStateException("no result: " + reason.reason());
    }
}
