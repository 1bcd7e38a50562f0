package io.runnel.delta;

import io.runnel.operator.Cancellation;
import io.runnel.operator.ColumnType;
import io.runnel.operator.Deltas;
import io.runnel.operator.Distinct;
import io.runnel.operator.Filter;
import io.runnel.operator.Operator;
import io.runnel.operator.OuterJoin;
import io.runnel.operator.Projection;
import io.runnel.operator.Recursion;
import io.runnel.operator.Scan;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Types;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Derives the delta of a tree for one set of changed sources: the common table expressions of one statement, named by
 * position and operator, and the name of the last. Parameter {@code $1} is the old frontier,
 * {@code $2}, if the tree reads the clock, the moment at which the previous refresh did.
 *
 * <p>Not thread-safe; lives for one derivation.
 */
final class DeltaQuery implements Deltas {

    private static final String EXPRESSION = "{} AS MATERIALIZED (\n{}\n)";
    /**
     * The upper bound of {@code xid} excludes nothing that the snapshot sees; a range is what PostgreSQL expects to be
     * narrow, so that it uses the buffer's index. The second branch has no rows, since there is a frontier; the planner
     * cannot know that, and expects as many rows as it is told, with the limit no more.
     */
    private static final String CHANGES = """
            SELECT {}
            FROM {} AS b
            WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
              AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
            UNION ALL
            SELECT {}
            FROM generate_series(1, {})
            WHERE $1::pg_snapshot IS NULL""";

    private static final String BOUNDED = """
            (
              SELECT *
              FROM {} AS b
              LIMIT {}
            )""";
    private static final Identifier MOMENT = Identifier.of("moment");
    private static final String STATEMENT = "{} AS (\n{}\nRETURNING 1\n)";

    private final Types types;
    private final Storage storage;
    private final Predicate<QualifiedName> changedTable;
    private final long changesMax;
    private final boolean later;
    private final Lookups lookups;
    private final Map<Operator, Integer> numbers = new HashMap<>();
    private final Map<Operator, Identifier> derived = new HashMap<>();
    private final List<Sql> expressions = new ArrayList<>();
    private final Set<Identifier> defined = new HashSet<>();
    private int current;

    /** A derivation in which time stands still. */
    DeltaQuery(Operator root, Types types, Storage storage, Predicate<QualifiedName> changedTable, long changesMax) {
        this(root, types, storage, changedTable, changesMax, false);
    }

    /** A derivation for a refresh, before which time has passed. */
    static DeltaQuery later(
            Operator root, Types types, Storage storage, Predicate<QualifiedName> changedTable, long changesMax) {
        return new DeltaQuery(root, types, storage, changedTable, changesMax, true);
    }

    private DeltaQuery(
            Operator root,
            Types types,
            Storage storage,
            Predicate<QualifiedName> changedTable,
            long changesMax,
            boolean later) {
        this.later = later;
        this.types = types;
        this.storage = storage;
        this.changedTable = changedTable;
        this.changesMax = changesMax;
        this.lookups = new Lookups(root);
        numbers.putAll(numbers(root));
    }

    /** The operators of a tree by their number, inputs first. */
    static Map<Operator, Integer> numbers(Operator root) {
        Map<Operator, Integer> numbers = new HashMap<>();
        for (Operator operator : root.walk().toList()) {
            int number = numbers.size();
            numbers.putIfAbsent(operator, number);
            if (operator instanceof Distinct distinct) {
                numbers.putIfAbsent(distinct.groups(), numbers.getOrDefault(operator, number));
            }
            if (operator instanceof Recursion recursion) {
                // The state that the reference stands for is the recursion's.
                numbers.put(recursion.reference(), numbers.getOrDefault(operator, number));
            }
        }
        return numbers;
    }

    List<Sql> expressions() {
        return List.copyOf(expressions);
    }

    @Override
    public boolean changed(Operator operator) {
        return operator.walk()
                .anyMatch(below -> (later && below instanceof TimeMark)
                        || (below instanceof Scan scan && changedTable.test(scan.table())));
    }

    @Override
    public Sql of(Operator input) {
        Identifier name = derived.get(input);
        if (name == null) {
            int caller = current;
            current = number(input);
            Sql delta = input.delta(this);
            name = name(number(input), word(input));
            expressions.add(Sql.of(EXPRESSION, name, delta));
            derived.put(input, name);
            current = caller;
        }
        return name.sql();
    }

    private static Identifier name(int operator, String purpose) {
        return Identifier.of("d" + operator + " " + purpose);
    }

    private static String word(Operator operator) {
        return operator.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
    }

    @Override
    public Sql post(Operator input) {
        return Sql.of("({})", input.post(this));
    }

    @Override
    public boolean remembered(Operator input) {
        return !changed(input) || input.remembered(this::remembered);
    }

    @Override
    public Sql pre(Operator input) {
        return changed(input) ? Sql.of("({})", input.pre(this)) : post(input);
    }

    @Override
    public boolean scattered(Operator input, Collection<Identifier> columns) {
        if (input instanceof Projection projection) {
            return scattered(projection.input(), projection.sources(columns));
        }
        if (input instanceof Filter filter) {
            return scattered(filter.input(), columns);
        }
        if (input instanceof OuterJoin join && !join.full()) {
            return scattered(join.left(), columns);
        }
        return lookups.has(input, columns) && changed(input);
    }

    @Override
    public Sql changes(Scan scan) {
        List<Sql> columns = new ArrayList<>();
        for (Scan.Read read : scan.reads()) {
            columns.add(Sql.of("b.{} AS {}", storage.bufferColumn(scan, read.column()), read.name()));
        }
        columns.add(Sql.of("b.weight"));
        List<Sql> none = columns.stream().map(column -> Sql.of("NULL")).toList();
        Identifier changes = define("changes", Sql.of(CHANGES, columns, storage.buffer(scan), none, changesMax));
        return Cancellation.of(Sql.of(BOUNDED, changes, changesMax), scan.columns(), column -> type(scan, column));
    }

    @Override
    public ColumnType type(Operator input, Identifier column) {
        return types.type(input, column);
    }

    @Override
    public Sql moment() {
        if (defined.add(MOMENT)) {
            expressions.add(Sql.of(EXPRESSION, MOMENT, Sql.of("SELECT $2::text::timestamptz AS before")));
        }
        return Sql.of("(SELECT t.before FROM {} AS t)", MOMENT);
    }

    @Override
    public Identifier defined(Operator operator, String purpose) {
        Sql delta = of(operator);
        Identifier name = name(number(operator), purpose);
        if (!defined.contains(name)) {
            throw new IllegalStateException(delta.text() + " has no " + purpose);
        }
        return name;
    }

    @Override
    public Identifier define(String purpose, Sql query) {
        Identifier name = name(current, purpose);
        expressions.add(Sql.of(EXPRESSION, name, query));
        defined.add(name);
        return name;
    }

    @Override
    public void write(String purpose, Sql statement) {
        expressions.add(Sql.of(STATEMENT, name(current, purpose), statement));
    }

    @Override
    public QualifiedName state(Operator operator, int number) {
        return storage.state(number(operator), number);
    }

    private int number(Operator operator) {
        Integer number = numbers.get(operator);
        if (number == null) {
            throw new IllegalStateException("not an operator of this tree: " + operator.label());
        }
        return number;
    }
}
