package io.runnel.delta;

import io.runnel.operator.AuxiliaryState;
import io.runnel.operator.Operator;
import io.runnel.operator.Scan;
import io.runnel.operator.TimeMark;
import io.runnel.operator.Types;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How one stream table is maintained: the statements for each set of changed sources, the auxiliary tables, and the
 * index of the visible table. Without I/O; thread-safe.
 */
public final class DeltaPlan {

    private static final int STATEMENTS_MAX = 16;

    private final Operator root;
    private final Types types;
    private final Storage storage;
    private final Target target;

    /** The latest statements: the same few sources change again and again, and a derivation takes milliseconds. */
    private final Map<Variant, Sql> statements = Collections.synchronizedMap(new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Variant, Sql> eldest) {
            return size() > STATEMENTS_MAX;
        }
    });

    private record Variant(Set<QualifiedName> changed, long changes) {}

    public DeltaPlan(Operator root, Types types, Storage storage, Target target) {
        this.root = root;
        this.types = types;
        this.storage = storage;
        this.target = target;
    }

    /** The sources that refreshes of a query look rows up in, and by which of their columns. */
    public static Map<QualifiedName, Set<List<Identifier>>> lookups(Operator root) {
        return new Lookups(root).sources();
    }

    public Operator root() {
        return root;
    }

    public Target target() {
        return target;
    }

    /** The tables that the query scans. */
    public Set<QualifiedName> sources() {
        return root.walk()
                .filter(Scan.class::isInstance)
                .map(operator -> ((Scan) operator).table())
                .collect(Collectors.toSet());
    }

    /**
     * Whether the result can change with time, or with one of these tables: a common table expression that nothing reads
     * cannot.
     */
    public boolean reads(Set<QualifiedName> tables) {
        return timed() || sources().stream().anyMatch(tables::contains);
    }

    /** Whether the result changes with time; the statements then take the moment of the previous refresh as {@code $2}. */
    public boolean timed() {
        return root.walk().anyMatch(TimeMark.class::isInstance);
    }

    /**
     * The statement that moves the visible table and the auxiliary tables from frontier {@code $1} to the snapshot, when
     * exactly {@code changed} have changes, none of them more than {@code changes}. Its row is {@link Application#COUNTS}.
     *
     * <p>The statement says how many changes there may be, rounded up to a power of ten, because nothing else tells
     * PostgreSQL's planner: it has no statistics of what lies behind a frontier. Rounded, so that the statements for a
     * few changes are always the same few, prepared and planned once.
     */
    public Sql refresh(Set<QualifiedName> changed, long changes) {
        return statements.computeIfAbsent(new Variant(Set.copyOf(changed), powerOfTen(changes)), this::derived);
    }

    private Sql derived(Variant variant) {
        DeltaQuery query = DeltaQuery.later(root, types, storage, variant.changed()::contains, variant.changes());
        Sql delta = query.of(root);
        List<Sql> columns = new ArrayList<>(
                root.columns().stream().map(column -> Sql.of("d.{}", column)).toList());
        columns.add(Sql.of("d.weight"));
        Sql change = Sql.of("SELECT {}\nFROM {} AS d", columns, delta);
        if (timed()) {
            // PostgreSQL must know the type of a parameter that, without changes, nothing else reads.
            change = Sql.of("{}\nWHERE $1::pg_snapshot IS NOT NULL", change);
        }
        return Application.statement(target, query.expressions(), change, true);
    }

    private static long powerOfTen(long changes) {
        long power = 10;
        while (power < changes) {
            power *= 10;
        }
        return power;
    }

    /**
     * The statement that makes the visible table equal to {@code contents}, a query of its columns by position, writing
     * only the differences. Its row is {@link Application#COUNTS}.
     */
    public static Sql differences(Target target, Sql contents) {
        List<Sql> before = new ArrayList<>(
                target.columns().stream().map(column -> Sql.of("t.{}", column)).toList());
        Sql change = Sql.of(
                "SELECT c.*, 1::bigint\nFROM (\n{}\n) AS c\nUNION ALL\nSELECT {}, (-1)::bigint\nFROM {} AS t",
                contents,
                before,
                target.table());
        return Application.statement(target, List.of(), change, false);
    }

    /**
     * The result, read from the auxiliary tables as they are wherever an operator has one. Where the query leaves a
     * choice, as between rows that ORDER BY does not tell apart, the visible table then shows what was stored, which is
     * what a delta will take away.
     */
    public Sql contents() {
        List<Sql> columns =
                root.columns().stream().map(column -> Sql.of("c.{}", column)).toList();
        return Sql.of("SELECT {}\nFROM {} AS c", columns, unchanged().post(root));
    }

    /** What follows CREATE INDEX for those of the auxiliary tables' indexes by which operators above look rows up. */
    public List<Sql> auxiliaryIndexes() {
        Lookups lookups = new Lookups(root);
        List<Sql> indexes = new ArrayList<>();
        DeltaQuery.numbers(root)
                .forEach((operator, number) -> indexes.addAll(
                        lookups.indexes(operator, storage.state(number, 0).sql(), types)));
        return indexes;
    }

    private DeltaQuery unchanged() {
        return new DeltaQuery(root, types, storage, table -> false, 1);
    }

    /**
     * The auxiliary tables and the queries that compute them from the tables as they are, and from the auxiliary tables
     * before them; to be run in this order.
     */
    public Map<QualifiedName, Sql> auxiliaryTables() {
        Map<QualifiedName, Sql> tables = new LinkedHashMap<>();
        Map<Operator, Integer> numbers = DeltaQuery.numbers(root);
        for (Operator operator : root.walk().distinct().toList()) {
            for (AuxiliaryState state : operator.auxiliaryStates(unchanged()::post, types)) {
                tables.put(
                        storage.state(Objects.requireNonNull(numbers.get(operator)), state.number()), state.contents());
            }
        }
        return tables;
    }
}
