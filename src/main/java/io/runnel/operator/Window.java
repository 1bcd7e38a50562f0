package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Window functions over one PARTITION BY list: each row of the input with what the calls say of it.
 *
 * <pre>
 *   Δ ω[k; f](R) = ω[k; f](R' restricted to the keys in ΔR) − stored rows of these keys     (see {@link Partitions})
 * </pre>
 *
 * <p>O(rows of touched partitions), of which only those that really change are written and passed on. Without keys all
 * rows are one partition. Shape: kept columns, then one column per call. Rows with null keys are a partition.
 *
 * @param keys columns of the input by which it is partitioned
 * @param kept the columns of the input that the result has, the keys among them
 * @param calls the calls with their OVER clause, over columns of the input
 */
public record Window(Operator input, List<Identifier> keys, List<Identifier> kept, List<Call> calls)
        implements Operator {

    private static final Identifier ROW = Identifier.of("r");
    private static final Sql ALL = Sql.of("true");
    private static final String RESULT = """
            SELECT {}
            FROM {} AS r""";
    private static final String STORED = """
            SELECT s.*, s.ctid AS place
            {}""";
    private static final String CALL = "{} AS {}";

    /** A call and the column of its result. */
    public record Call(Identifier name, Expression expression) {}

    public Window {
        keys = List.copyOf(keys);
        kept = List.copyOf(kept);
        calls = List.copyOf(calls);
        if (calls.isEmpty() || !kept.containsAll(keys)) {
            throw new IllegalArgumentException("a window has a call, and keeps its keys");
        }
    }

    @Override
    public String label() {
        return "window";
    }

    @Override
    public String maintenance() {
        return keys.isEmpty()
                ? "by partition: computes all rows anew, since there is no PARTITION BY, and writes those that differ"
                : "by partition: computes the partitions that a change touches anew, and writes the rows that differ";
    }

    @Override
    public CostClass cost(Types types) {
        return keys.isEmpty() ? CostClass.ALL : CostClass.PARTITIONS;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(kept.stream(), calls.stream().map(Call::name)).toList();
    }

    @Override
    public List<Identifier> computed() {
        return calls.stream().map(Call::name).toList();
    }

    @Override
    public boolean notNull(Identifier column) {
        return input.columns().contains(column) && input.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        Partitions partitions = partitions(deltas);
        Identifier touched = deltas.define("touched", partitions.keysOf(partitions.net()));
        Identifier restricted = deltas.define("restricted", partitions.restricted(touched));
        Identifier fresh = deltas.define("fresh", Sql.of(RESULT, outputs(), restricted));
        Identifier stored = deltas.define("stored", Sql.of(STORED, partitions.storedOf(touched)));
        return partitions.compared(stored, fresh, column -> deltas.type(this, column), ALL);
    }

    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return true;
    }

    @Override
    public Sql pre(Deltas deltas) {
        return partitions(deltas).pre(ALL);
    }

    @Override
    public Sql post(Deltas deltas) {
        return partitions(deltas).post(ALL);
    }

    private Partitions partitions(Deltas deltas) {
        return new Partitions(this, input, keys, columns(), deltas);
    }

    @Override
    public Sql result(States states) {
        return Sql.of(RESULT, outputs(), states.of(input));
    }

    @Override
    public List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        List<Sql> columns = new ArrayList<>();
        columns.add(Sql.of(CALL, Keys.hash(ROW, keys, key -> types.type(input, key)), Aggregation.KEY_HASH));
        columns.addAll(outputs());
        return List.of(new AuxiliaryState(0, Sql.of(RESULT, columns, states.of(input))));
    }

    private List<Sql> outputs() {
        List<Sql> outputs = new ArrayList<>(Partitions.of(ROW, kept));
        calls.forEach(call -> outputs.add(Sql.of(CALL, call.expression().over(ROW), call.name())));
        return outputs;
    }
}
