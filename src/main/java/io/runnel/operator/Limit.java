package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * The rows of the input, or of each of its partitions, that stand at certain places in an order: ORDER BY with LIMIT,
 * OFFSET and FETCH FIRST … WITH TIES; DISTINCT ON as the first row of each partition.
 *
 * <pre>
 *   n = offset + count,  S = stored first n rows,  ΔR≤ = what of ΔR does not stand after the n-th of S
 *   S' = first n of (S + ΔR≤) if that has n rows or S has fewer; else first n of R'     (see {@link LimitDelta})
 * </pre>
 *
 * <p>The auxiliary state holds the first n rows, with those that WITH TIES adds, and whether each is shown or skipped by
 * OFFSET. A change that stands after all of them costs a look at the n-th. While n rows remain, the input is not read:
 * O(|ΔR| + n). Otherwise its first n rows are read again, by an index on the order if there is one; with keys, the
 * partitions that have become too short. Without count all rows are stored, and the input is never read.
 *
 * <p>Rows that are equal in the order: any of them, but the same ones until a change. Shape: columns of the input. Null
 * keys are a partition of their own; nulls in the order stand where the sort key says.
 *
 * @param keys columns of the input by which it is partitioned; none for one partition
 * @param order may be empty; then any rows are the first ones
 * @param offset how many rows of each partition are skipped
 * @param count how many rows follow, at least 1; empty for all
 * @param ties whether rows equal in the order to the last follow too
 */
public record Limit(
        Operator input, List<Identifier> keys, List<SortKey> order, long offset, OptionalLong count, boolean ties)
        implements Operator {

    /** The column of the state that tells the result's rows from those that are skipped. */
    static final Identifier SHOWN = Identifier.of("shown");

    private static final Identifier ROW = Identifier.of("r");
    private static final Sql IS_SHOWN = Sql.of("n.{}", SHOWN);
    private static final String SKIPPED = "OFFSET {}";
    private static final String LIMITED = "LIMIT {}";
    private static final String TIED = "FETCH FIRST ({}) ROWS WITH TIES";
    private static final String RESULT = """
            SELECT {}
            FROM {} AS r{}""";
    private static final String FIRST = """
            (
              SELECT r.*
              FROM {} AS r
              WHERE {}{}
            )""";
    private static final String NUMBERED = """
            (
              SELECT r.*, row_number() OVER ordered AS number, rank() OVER ordered AS place
              FROM {} AS r
              WINDOW ordered AS ({})
            )""";
    private static final String CHOSEN = """
            SELECT {}
            FROM {} AS r
            WHERE {}""";

    /** A column of ORDER BY with what follows it, such as {@code DESC NULLS LAST}, as PostgreSQL prints it. */
    public record SortKey(Identifier column, String direction) {
        Sql over(Identifier relation) {
            return Sql.of(
                    "{}.{}{}", relation, column, Sql.printedByPostgres(direction.isEmpty() ? "" : " " + direction));
        }
    }

    public Limit {
        keys = List.copyOf(keys);
        order = List.copyOf(order);
        if (offset < 0 || (count.isPresent() && count.getAsLong() < 1) || (ties && order.isEmpty())) {
            throw new IllegalArgumentException("a limit has a row; without an order there are no ties");
        }
    }

    @Override
    public String label() {
        return keys.isEmpty() ? "limit" : "limit per key";
    }

    @Override
    public String maintenance() {
        return "by boundary: ignores changes after the last stored row; reads the input again only when too few remain";
    }

    @Override
    public CostClass cost(Types types) {
        return CostClass.BOUNDARY;
    }

    @Override
    public List<Identifier> columns() {
        return input.columns();
    }

    @Override
    public boolean notNull(Identifier column) {
        return input.notNull(column);
    }

    @Override
    public List<Operator> inputs() {
        return List.of(input);
    }

    @Override
    public Sql delta(Deltas deltas) {
        return new LimitDelta(this, partitions(deltas), deltas).sql(IS_SHOWN);
    }

    @Override
    public boolean remembered(Predicate<Operator> inputs) {
        return true;
    }

    @Override
    public Sql pre(Deltas deltas) {
        return partitions(deltas).pre(IS_SHOWN);
    }

    @Override
    public Sql post(Deltas deltas) {
        return partitions(deltas).post(IS_SHOWN);
    }

    private Partitions partitions(Deltas deltas) {
        return new Partitions(this, input, keys, stored(), deltas);
    }

    private List<Identifier> stored() {
        List<Identifier> stored = new ArrayList<>(columns());
        stored.add(SHOWN);
        return stored;
    }

    @Override
    public Sql result(States states) {
        List<Sql> columns = Partitions.of(ROW, columns());
        if (keys.isEmpty()) {
            List<Sql> clauses = new ArrayList<>(orderBy());
            if (offset > 0) {
                clauses.add(Sql.of(SKIPPED, offset));
            }
            count.ifPresent(rows -> clauses.add(rows(rows)));
            return Sql.of(RESULT, columns, states.of(input), clauses(clauses));
        }
        Sql shown = Sql.of("{} AND r.number > {}", first(ROW), offset);
        return Sql.of(CHOSEN, columns, numbered(states.of(input)), shown);
    }

    @Override
    public List<AuxiliaryState> auxiliaryStates(States states, Types types) {
        Sql rows = keys.isEmpty() ? first(states.of(input), Sql.of("true")) : states.of(input);
        List<Sql> columns = new ArrayList<>();
        columns.add(Sql.of("{} AS {}", Keys.hash(ROW, keys, key -> types.type(input, key)), Aggregation.KEY_HASH));
        columns.addAll(marked());
        return List.of(new AuxiliaryState(0, Sql.of(CHOSEN, columns, numbered(rows), first(ROW))));
    }

    /** The rows to store, of all rows that may be among them: the first ones of each partition. */
    Sql chosen(Object rows) {
        return Sql.of(CHOSEN, marked(), numbered(rows), first(ROW));
    }

    private List<Sql> marked() {
        List<Sql> columns = new ArrayList<>(Partitions.of(ROW, columns()));
        columns.add(Sql.of("r.number > {} AS {}", offset, SHOWN));
        return columns;
    }

    /** The first rows of all for which a condition holds, in a form that uses an index on the order. */
    Sql first(Sql rows, Sql condition) {
        List<Sql> clauses = new ArrayList<>(orderBy());
        end().ifPresent(end -> clauses.add(rows(end)));
        return Sql.of(FIRST, rows, condition, clauses(clauses));
    }

    private static Sql clauses(List<Sql> clauses) {
        return Sql.join(
                "", clauses.stream().map(clause -> Sql.of("\n{}", clause)).toList());
    }

    private Sql rows(long rows) {
        return ties ? Sql.of(TIED, rows) : Sql.of(LIMITED, rows);
    }

    private Sql first(Identifier relation) {
        OptionalLong end = end();
        return end.isEmpty()
                ? Sql.of("true")
                : ties
                        ? Sql.of("{}.place <= {}", relation, end.getAsLong())
                        : Sql.of("{}.number <= {}", relation, end.getAsLong());
    }

    /** How many rows of a partition are stored, ties apart. */
    OptionalLong end() {
        return count.isPresent() ? OptionalLong.of(offset + count.getAsLong()) : count;
    }

    private Sql numbered(Object rows) {
        return Sql.of(NUMBERED, rows, window(ROW));
    }

    /** The partitions and the order, as they stand in OVER. */
    Sql window(Identifier relation) {
        List<Sql> clauses = new ArrayList<>();
        if (!keys.isEmpty()) {
            clauses.add(partition(relation));
        }
        clauses.addAll(orderBy(relation));
        return Sql.join(" ", clauses);
    }

    Sql partition(Identifier relation) {
        return keys.isEmpty() ? Sql.of("") : Sql.of("PARTITION BY {}", Partitions.of(relation, keys));
    }

    private List<Sql> orderBy() {
        return orderBy(ROW);
    }

    private List<Sql> orderBy(Identifier relation) {
        return order.isEmpty()
                ? List.of()
                : List.of(Sql.of(
                        "ORDER BY {}",
                        order.stream().map(key -> key.over(relation)).toList()));
    }
}
