package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;

/**
 * A recursive common table expression: the start, and the step over what the step before has yielded, until there is
 * nothing more.
 *
 * <pre>
 *   ρ(S, T) = S ∪ T(S) ∪ T(T(S)) ∪ …
 *   seed = ΔS + (T' − T)(ρ₀)
 *   Δ ρ = seed + T'(seed) + T'(T'(seed)) + …         if T is linear, and the seed only adds or duplicates are kept
 *   Δ ρ = ρ(S', T') − ρ(S₀, T₀)                      otherwise
 * </pre>
 *
 * <p>Semi-naive: because T is linear, what changes follows from the seed and from nothing else. What is new ends where the
 * query itself ends; without ALL, rows that are stored already are not followed. With ALL, what leaves is followed as well, as
 * far as {@link RecursionDelta#FOLLOWED_MAX} rows. Without ALL a row that leaves may still follow from others: then the
 * recursion is computed anew over the post-states and compared with the stored rows, by image; only the difference is
 * written and goes up. Costs what follows from the change, or the whole recursion. Nulls are values like others. Stored are
 * the rows as a bag, with {@code key_hash} of all columns.
 *
 * <p>Source: semi-naive evaluation (Bancilhon 1986), restricted to linear recursion as PostgreSQL restricts it.
 *
 * @param step reads the recursion by {@code reference}
 * @param name the recursion's name in SQL
 * @param all whether duplicates are kept: UNION ALL
 * @param columns those of the start's columns that are shown, under their own names here; later ones serve the recursion
 */
public record Recursion(
        Operator start,
        Operator step,
        RecursiveReference reference,
        Identifier name,
        boolean all,
        List<Identifier> columns)
        implements Operator {

    private static final Identifier ROW = Identifier.of("r");
    private static final String QUERY = """
            WITH RECURSIVE {} ({}) AS (
            {}
            {}
            {}
            )
            SELECT {}
            FROM {} AS r""";
    private static final String SELECTED = """
            SELECT {}
            FROM {} AS r""";
    private static final String STORED = """
            SELECT {} AS {}, {}
            FROM {} AS r""";

    public Recursion {
        columns = List.copyOf(columns);
    }

    @Override
    public String label() {
        return "recursion";
    }

    @Override
    public String maintenance() {
        return isLinear()
                ? all
                        ? "semi-naive: follows the changed rows through the steps"
                        : "semi-naive while rows arrive, otherwise recomputed; only the difference to the stored rows goes up"
                : "recomputed when a source below it changes; only the difference to the stored rows goes up";
    }

    @Override
    public CostClass cost(Types types) {
        return isLinear() && all ? CostClass.CONSEQUENCES : isLinear() ? CostClass.RECURSION : CostClass.ALL;
    }

    /** Whether the step yields for the union of two bags what it yields for each, and every column is stored. */
    boolean isLinear() {
        return columns.size() == start.columns().size()
                && step.walk()
                        .filter(operator -> operator.walk().anyMatch(reference::equals))
                        .allMatch(Recursion::isLinear);
    }

    private static boolean isLinear(Operator operator) {
        return operator instanceof RecursiveReference
                || operator instanceof Filter
                || operator instanceof Projection
                || operator instanceof Join
                || operator instanceof FunctionScan
                || operator instanceof UnionAll;
    }

    @Override
    public List<Identifier> computed() {
        return columns;
    }

    @Override
    public List<Operator> inputs() {
        return List.of(start, step);
    }

    @Override
    public Sql delta(Deltas deltas) {
        return new RecursionDelta(this, deltas).sql();
    }

    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return true;
    }

    @Override
    public Sql pre(Deltas deltas) {
        return Sql.of(SELECTED, shown(stored()), deltas.state(this, 0));
    }

    @Override
    public Sql post(Deltas deltas) {
        return deltas.changed(this) ? new RecursionDelta(this, deltas).post() : pre(deltas);
    }

    @Override
    public Sql result(States states) {
        Sql first = Sql.of(SELECTED, GroupDelta.columns("r", start.columns()), states.of(start));
        Sql next = Sql.of(SELECTED, GroupDelta.columns("r", step.columns()), stepRows(states));
        return query(first, next, shown(stored()));
    }

    /** The recursion from one query on, by another one that may read it, as a query of the outputs. */
    Sql query(Sql first, Sql next, List<Sql> outputs) {
        Sql union = all ? Sql.of("UNION ALL") : Sql.of("UNION");
        return Sql.of(QUERY, name, start.columns(), first, union, next, outputs, name);
    }

    /** The step inside the recursion: whatever reads it is written out, down to the reference. */
    Sql stepRows(States outside) {
        return Sql.of("({})", step.result(new States() {
            @Override
            public Sql of(Operator input) {
                if (input.equals(reference)) {
                    return Sql.of("({})", reference.rows(name.sql()));
                }
                return input.walk().anyMatch(reference::equals)
                        ? Sql.of("({})", input.result(this))
                        : outside.of(input);
            }
        }));
    }

    /** The names of the stored columns: the start's. */
    public List<Identifier> stored() {
        return start.columns().subList(0, columns.size());
    }

    List<Sql> shown(List<Identifier> names) {
        List<Sql> outputs = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            outputs.add(Sql.of("r.{} AS {}", names.get(i), columns.get(i)));
        }
        return outputs;
    }

    @Override
    public List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        List<Sql> values = GroupDelta.columns("r", stored());
        Sql hash = Keys.hash(ROW, stored(), column -> types.type(start, column));
        Sql first = Sql.of(SELECTED, GroupDelta.columns("r", start.columns()), states.of(start));
        Sql next = Sql.of(SELECTED, GroupDelta.columns("r", step.columns()), stepRows(states));
        Sql rows = Sql.of("({})", query(first, next, values));
        return List.of(new AuxiliaryState(0, Sql.of(STORED, hash, Aggregation.KEY_HASH, values, rows)));
    }
}
