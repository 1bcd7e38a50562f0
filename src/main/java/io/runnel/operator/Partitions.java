package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.function.Function;

/**
 * The tool of operators whose rows belong to a partition of their only input, and can be computed from that partition
 * alone: they keep their rows as auxiliary state 0, recompute partitions that a change touches, and compare.
 *
 * <pre>
 *   Δ f(R) = f(R' restricted to the keys in ΔR) − stored rows of these keys
 * </pre>
 *
 * <p>What leaves is read from the state and never computed anew. Where the operator has a choice, as between rows that
 * are equal in its order, the delta therefore always fits what was applied before.
 *
 * <p>The state's columns are the hash of the key, {@code key_hash}, and the stored columns, the keys among them. Without
 * keys there is one partition. Null keys are a partition of their own.
 */
final class Partitions {

    /** The rows that leave, weight -1 and their {@code place} in the state, and those that arrive, weight 1. */
    static final String CHANGED = "changed";

    private static final Identifier ROW = Identifier.of("r");
    private static final Identifier DELTA = Identifier.of("d");
    private static final Identifier STORED = Identifier.of("s");
    private static final Identifier TOUCHED = Identifier.of("t");
    private static final Identifier NEW = Identifier.of("n");

    private static final String KEYS = """
            SELECT {} AS {}, {}
            FROM {} AS d
            GROUP BY {}""";
    private static final String NO_KEYS = """
            SELECT {} AS {}
            FROM {} AS d
            HAVING count(*) > 0""";
    private static final String RESTRICTED = """
            SELECT r.*
            FROM {} AS t
            JOIN {} AS r ON {}""";
    private static final String LOOKED_UP = """
            SELECT r.*
            FROM {} AS t
            CROSS JOIN LATERAL (SELECT r.* FROM {} AS r WHERE {} OFFSET 0) AS r""";
    private static final String OF_NULLS = """
            {}
            UNION ALL
            SELECT r.*
            FROM {} AS t
            JOIN {} AS r ON {} = t.{} AND {}
            WHERE {} AND (SELECT bool_or({}) FROM {} AS t)""";
    private static final String ALL = """
            SELECT r.*
            FROM {} AS r
            WHERE EXISTS (SELECT FROM {})""";
    private static final String STORED_OF_KEYS = """
            FROM {} AS t
            JOIN {} AS s ON s.{} = t.{} AND {}""";
    private static final String STORED_ALL = """
            FROM {} AS s
            WHERE EXISTS (SELECT FROM {})""";
    private static final String COMPARED = """
            SELECT {}, d.weight, d.place
            FROM (
              SELECT d.*, sum(d.weight) OVER (PARTITION BY {}) AS change,
                row_number() OVER (PARTITION BY {}, d.weight ORDER BY d.place) AS number
              FROM (
                SELECT {}, 1 AS weight, NULL::tid AS place
                FROM {} AS n
                UNION ALL
                SELECT {}, -1, s.place
                FROM {} AS s
              ) AS d
            ) AS d
            WHERE sign(d.change) = d.weight AND d.number <= abs(d.change)""";
    private static final String REMOVED = """
            DELETE FROM {} AS s
            USING {} AS n
            WHERE s.ctid = n.place""";
    private static final String ADDED = """
            INSERT INTO {} ({}, {})
            SELECT {}, {}
            FROM {} AS n
            WHERE n.weight > 0""";
    private static final String RESULT = """
            SELECT {}, n.weight::bigint AS weight
            FROM {} AS n
            WHERE {}""";
    private static final String KEPT = """
            SELECT {}
            FROM {} AS n
            WHERE {}""";
    private static final String PLACED = """
            SELECT {}, {} AS shown, n.ctid AS place
            FROM {} AS n""";
    private static final String ARRIVING = """
            SELECT {}, {}, NULL::tid
            FROM {} AS n
            WHERE n.weight > 0""";

    private final Operator operator;
    private final Operator input;
    private final List<Identifier> keys;
    private final List<Identifier> stored;
    private final Deltas deltas;

    /**
     * @param operator whose rows these are
     * @param input its input
     * @param keys columns of the input, and stored
     * @param stored the columns of the state
     */
    Partitions(Operator operator, Operator input, List<Identifier> keys, List<Identifier> stored, Deltas deltas) {
        this.operator = operator;
        this.input = input;
        this.keys = keys;
        this.stored = stored;
        this.deltas = deltas;
    }

    /** The input's change, cancelled. */
    Identifier net() {
        return deltas.define("net", Cancellation.of(deltas.of(input), input.columns(), this::inputType));
    }

    /** The keys of a relation that has them, each once, with their hash. */
    Sql keysOf(Object relation) {
        return keys.isEmpty()
                ? Sql.of(NO_KEYS, hash(DELTA), Aggregation.KEY_HASH, relation)
                : Sql.of(KEYS, hash(DELTA), Aggregation.KEY_HASH, of(DELTA, keys), relation, of(DELTA, keys));
    }

    Sql hash(Identifier relation) {
        return Keys.hash(relation, keys, this::inputType);
    }

    /** The input's rows, as the snapshot sees them, of some keys; the input is not read if there are none. */
    Sql restricted(Identifier touched) {
        Sql post = deltas.post(input);
        if (keys.isEmpty()) {
            return Sql.of(ALL, post, touched);
        }
        Sql equal = Sql.of(
                deltas.scattered(input, keys) ? LOOKED_UP : RESTRICTED, touched, post, Keys.equal(ROW, TOUCHED, keys));
        return Sql.of(
                OF_NULLS,
                equal,
                touched,
                post,
                hash(ROW),
                Aggregation.KEY_HASH,
                Keys.same(ROW, TOUCHED, keys),
                Keys.anyNull(TOUCHED, keys),
                Keys.anyNull(TOUCHED, keys),
                touched);
    }

    /** FROM and WHERE for the stored rows {@code s} of some keys. */
    Sql storedOf(Identifier touched) {
        return keys.isEmpty()
                ? Sql.of(STORED_ALL, state(), touched)
                : Sql.of(
                        STORED_OF_KEYS,
                        touched,
                        state(),
                        Aggregation.KEY_HASH,
                        Aggregation.KEY_HASH,
                        Keys.same(STORED, TOUCHED, keys));
    }

    /**
     * Compares by image, and writes the difference to the state.
     *
     * @param before the stored rows of the partitions at hand, with their {@code place}
     * @param after what these partitions consist of now
     * @param type the types of the stored columns
     * @param shown the condition, over {@code n}, of stored rows that are rows of the operator
     * @return the operator's delta
     */
    Sql compared(Object before, Object after, Function<Identifier, ColumnType> type, Sql shown) {
        List<Sql> image = Cancellation.image(DELTA, stored, type);
        Identifier changed = deltas.define(
                CHANGED,
                Sql.of(COMPARED, of(DELTA, stored), image, image, of(NEW, stored), after, of(STORED, stored), before));
        deltas.write("removed", Sql.of(REMOVED, state(), changed));
        deltas.write(
                "added", Sql.of(ADDED, state(), Aggregation.KEY_HASH, stored, hash(NEW), of(NEW, stored), changed));
        return Sql.of(RESULT, of(NEW, operator.columns()), changed, shown);
    }

    /** The operator's rows as they are stored. */
    Sql pre(Sql shown) {
        return Sql.of(KEPT, of(NEW, operator.columns()), state(), shown);
    }

    /** The operator's rows as the snapshot sees them: those stored, with what the delta changes. */
    Sql post(Sql shown) {
        if (!deltas.changed(operator)) {
            return pre(shown);
        }
        List<Sql> columns = of(NEW, operator.columns());
        Identifier changed = deltas.defined(operator, CHANGED);
        return PostState.shown(
                operator.columns(),
                Sql.of(PLACED, columns, shown, state()),
                Sql.of(ARRIVING, columns, shown, changed),
                changed);
    }

    private QualifiedName state() {
        return deltas.state(operator, 0);
    }

    private ColumnType inputType(Identifier column) {
        return deltas.type(input, column);
    }

    static List<Sql> of(Identifier relation, List<Identifier> columns) {
        return columns.stream().map(column -> Sql.of("{}.{}", relation, column)).toList();
    }
}
