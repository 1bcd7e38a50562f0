package io.runnel.operator;

import io.runnel.operator.AggregateFunction.StateColumn;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * Grouping and aggregation. Nulls form a group of their own; without keys there is exactly one group, also over no rows.
 *
 * <pre>
 *   Δ γ[k; f](R) = { −(k, old f), +(k, new f) : k a key that ΔR touches }
 * </pre>
 *
 * <p>Old values come from an auxiliary table with one row per group: the key, its hash, the number of rows, and what
 * each {@link AggregateFunction} needs. New values are old values plus the change, or, for groups whose change cannot be
 * followed (the minimum left; the function knows no inverse), computed from the input's post-state restricted to those
 * keys. O(|ΔR| + rows of recomputed groups). Shape: keys, then one column per call.
 *
 * <p>Keys that compare equal but print differently: the group shows one of its members, so a group that lost a row is
 * recomputed.
 *
 * <p>Source: the counting algorithm with self-maintainable aggregates (Gupta, Mumick, Subrahmanian 1993, section 5).
 */
public record Aggregation(Operator input, List<Identifier> keys, List<AggregateCall> calls) implements Operator {

    static final Identifier KEY_HASH = Identifier.of("key_hash");
    static final Identifier ROWS = Identifier.of("group_rows");

    private static final String RESULT = """
            SELECT {}
            FROM {} AS r""";
    private static final String GROUPED = "{}\nGROUP BY {}";
    private static final String STORED = """
            SELECT {}
            FROM {} AS s""";
    private static final String PLACED = """
            SELECT {}, s.ctid AS place
            FROM {} AS s""";
    private static final String ARRIVING = """
            SELECT {}, NULL::tid
            FROM {} AS n
            WHERE {}""";

    public Aggregation {
        keys = List.copyOf(keys);
        calls = List.copyOf(calls);
        if (keys.isEmpty() && calls.isEmpty()) {
            throw new IllegalArgumentException("an aggregation has a key or a call");
        }
    }

    @Override
    public String label() {
        return "aggregation";
    }

    @Override
    public String maintenance() {
        return "algebraic: adds the change of each touched group to its stored state, or computes the group anew";
    }

    @Override
    public CostClass cost(Types types) {
        boolean followed = keys.stream().allMatch(key -> types.type(input, key).equality() == ColumnType.Equality.EXACT)
                && functions(types).stream()
                        .allMatch(function -> function.stale().isEmpty());
        return followed ? CostClass.GROUP_STATE : CostClass.GROUPS;
    }

    @Override
    public List<Identifier> columns() {
        return Stream.concat(keys.stream(), calls.stream().map(AggregateCall::name))
                .toList();
    }

    @Override
    public List<Identifier> computed() {
        return calls.stream().map(AggregateCall::name).toList();
    }

    @Override
    public boolean notNull(Identifier column) {
        return keys.contains(column) && input.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        return new GroupDelta(this, functions(deltas), deltas).sql();
    }

    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return true;
    }

    @Override
    public Sql pre(Deltas deltas) {
        return Sql.of(STORED, values("s", deltas), deltas.state(this, 0));
    }

    @Override
    public Sql post(Deltas deltas) {
        return post(deltas, this);
    }

    /**
     * From the stored groups and those that the delta has changed. They are not computed anew, because equal values that
     * print differently, the order of an array, or the rounding of floats might then come out otherwise than in the
     * delta, and a join would not find what it takes away.
     *
     * @param operator whose delta is this one's
     */
    Sql post(Deltas deltas, Operator operator) {
        if (!deltas.changed(this)) {
            return pre(deltas);
        }
        Identifier next = deltas.defined(operator, GroupDelta.NEXT);
        Sql arriving =
                Sql.of(ARRIVING, values("n", deltas), next, keys.isEmpty() ? Sql.of("true") : Sql.of("n.{} > 0", ROWS));
        return PostState.of(columns(), Sql.of(PLACED, values("s", deltas), deltas.state(this, 0)), arriving, next);
    }

    private List<Sql> values(String relation, Types types) {
        List<Sql> all = new ArrayList<>(GroupDelta.columns(relation, keys));
        List<AggregateFunction> functions = functions(types);
        for (int i = 0; i < calls.size(); i++) {
            all.add(Sql.of(
                    "{} AS {}",
                    functions.get(i).value(Identifier.of(relation)),
                    calls.get(i).name()));
        }
        return all;
    }

    @Override
    public Sql result(States states) {
        Identifier row = Identifier.of("r");
        List<Sql> outputs = keyColumns();
        for (AggregateCall call : calls) {
            outputs.add(Sql.of("{} AS {}", call.call().over(row), call.name()));
        }
        return grouped(Sql.of(RESULT, outputs, states.of(input)), keyColumns());
    }

    @Override
    public List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        Identifier row = Identifier.of("r");
        List<AuxiliaryState> tables = new ArrayList<>();
        List<Sql> outputs = new ArrayList<>();
        outputs.add(Sql.of("{} AS {}", Keys.hash(row, keys, key -> types.type(input, key)), KEY_HASH));
        outputs.addAll(keyColumns());
        outputs.add(Sql.of("count(*) AS {}", ROWS));
        for (AggregateFunction function : functions(types)) {
            for (StateColumn column : function.state()) {
                outputs.add(Sql.of("{} AS {}", column.fromRows(), column.name()));
            }
            if (function instanceof DistinctCountFunction distinct) {
                tables.add(new AuxiliaryState(tables.size() + 1, values(distinct, states, types)));
            }
        }
        tables.add(0, new AuxiliaryState(0, grouped(Sql.of(RESULT, outputs, states.of(input)), keyColumns())));
        return tables;
    }

    private Sql values(DistinctCountFunction distinct, States states, Types types) {
        Identifier row = Identifier.of("r");
        List<Identifier> columns = valueKeys(distinct);
        List<Sql> grouping =
                columns.stream().map(column -> Sql.of("r.{}", column)).toList();
        List<Sql> outputs = new ArrayList<>();
        outputs.add(Sql.of("{} AS {}", Keys.hash(row, columns, column -> types.type(input, column)), KEY_HASH));
        outputs.addAll(grouping);
        outputs.add(Sql.of("count(*) AS {}", ROWS));
        return Sql.of("""
                SELECT {}
                FROM {} AS r
                WHERE {}
                GROUP BY {}""", outputs, states.of(input), distinct.counts(row), grouping);
    }

    /** The keys and the counted value; once, if the value is a key itself. */
    List<Identifier> valueKeys(DistinctCountFunction distinct) {
        List<Identifier> columns = new ArrayList<>(keys);
        if (!columns.contains(distinct.argument())) {
            columns.add(distinct.argument());
        }
        return columns;
    }

    List<AggregateFunction> functions(Types types) {
        List<AggregateFunction> functions = new ArrayList<>();
        for (AggregateCall call : calls) {
            functions.add(AggregateFunction.of(call, functions.size(), column -> types.type(input, column)));
        }
        return functions;
    }

    private List<Sql> keyColumns() {
        return new ArrayList<>(keys.stream().map(key -> Sql.of("r.{}", key)).toList());
    }

    private Sql grouped(Sql query, List<Sql> grouping) {
        return grouping.isEmpty() ? query : Sql.of(GROUPED, query, grouping);
    }
}
