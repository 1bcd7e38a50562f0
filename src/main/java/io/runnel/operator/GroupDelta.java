package io.runnel.operator;

import io.runnel.operator.AggregateFunction.ChangeColumn;
import io.runnel.operator.AggregateFunction.StateColumn;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Writes the delta of one {@link Aggregation}: the common table expressions from the input's delta to the group's next
 * state, the changes of the auxiliary tables, and the rows that leave and arrive.
 *
 * <p>The steps, each one expression: <i>net</i> (the input's delta, cancelled), <i>touched</i> (the change per group),
 * <i>merged</i> (with the stored state), <i>fresh</i> (groups computed anew), <i>next</i> (the state to store).
 */
final class GroupDelta {

    /** The groups that change: their new values, and their place in the stored state, null if they are not there. */
    static final String NEXT = "next";

    private static final String JOINED = "JOIN {} AS r ON {}";
    private static final String LOOKED_UP = "CROSS JOIN LATERAL (SELECT r.* FROM {} AS r WHERE {} OFFSET 0) AS r";

    private final Aggregation aggregation;
    private final List<AggregateFunction> functions;
    private final Deltas deltas;
    private final Function<Identifier, ColumnType> types;
    private final List<Identifier> keys;
    private final boolean keyed;
    private final boolean inexactKeys;

    GroupDelta(Aggregation aggregation, List<AggregateFunction> functions, Deltas deltas) {
        this.aggregation = aggregation;
        this.functions = functions;
        this.deltas = deltas;
        this.types = column -> deltas.type(aggregation.input(), column);
        this.keys = aggregation.keys();
        this.keyed = !keys.isEmpty();
        this.inexactKeys = keys.stream().anyMatch(key -> types.apply(key).equality() != ColumnType.Equality.EXACT);
    }

    Sql sql() {
        Identifier net = deltas.define(
                "net",
                Cancellation.of(
                        deltas.of(aggregation.input()), aggregation.input().columns(), types));
        Identifier touched = deltas.define("touched", touched(net));
        List<Sql> valueChanges = valueChanges(net);
        Identifier merged = deltas.define(canBeStale() ? "merged" : NEXT, merged(touched, valueChanges));
        Identifier next = canBeStale() ? deltas.define(NEXT, next(merged, fresh(merged))) : merged;
        store(next);
        return result(next);
    }

    private Sql touched(Identifier net) {
        List<Sql> outputs = new ArrayList<>();
        outputs.add(Sql.of("{} AS {}", Keys.hash(Identifier.of("d"), keys, types), Aggregation.KEY_HASH));
        outputs.addAll(columns("d", keys));
        outputs.add(Sql.of("sum(d.weight)::bigint AS {}", Aggregation.ROWS));
        if (inexactKeys) {
            outputs.add(Sql.of("bool_or(d.weight < 0) AS lost"));
        }
        for (AggregateFunction function : functions) {
            for (StateColumn column : function.state()) {
                outputs.add(Sql.of("{} AS {}", column.change(), column.name()));
            }
            for (ChangeColumn column : function.changes()) {
                outputs.add(Sql.of("{} AS {}", column.change(), column.name()));
            }
        }
        return keyed
                ? Sql.of("SELECT {}\nFROM {} AS d\nGROUP BY {}", outputs, net, columns("d", keys))
                : Sql.of("SELECT {}\nFROM {} AS d\nHAVING count(*) > 0", outputs, net);
    }

    /** Follows the multiplicities behind each count(DISTINCT); returns the joins that bring in their changes. */
    private List<Sql> valueChanges(Identifier net) {
        List<Sql> joins = new ArrayList<>();
        for (AggregateFunction function : functions) {
            if (function instanceof DistinctCountFunction distinct) {
                joins.add(new ValueDelta(aggregation, distinct, joins.size() + 1, deltas, types).join(net));
            }
        }
        return joins;
    }

    private Sql merged(Identifier touched, List<Sql> valueChanges) {
        List<Sql> outputs = new ArrayList<>();
        outputs.add(Sql.of("t.{}", Aggregation.KEY_HASH));
        for (Identifier key : keys) {
            outputs.add(Sql.of("CASE WHEN s.ctid IS NULL THEN t.{} ELSE s.{} END AS {}", key, key, key));
        }
        outputs.add(Sql.of("s.ctid AS place"));
        outputs.add(Sql.of("coalesce(s.{}, 0) + t.{} AS {}", Aggregation.ROWS, Aggregation.ROWS, Aggregation.ROWS));
        for (AggregateFunction function : functions) {
            for (StateColumn column : function.state()) {
                outputs.add(Sql.of("{} AS {}", column.merged(), column.name()));
                outputs.add(Sql.of("s.{} AS {}", column.name(), old(column.name())));
            }
        }
        for (Identifier key : keys) {
            outputs.add(Sql.of("s.{} AS {}", key, old(key)));
        }
        if (canBeStale()) {
            outputs.add(Sql.of("{} AS stale", stale()));
        }
        return Sql.of(
                "SELECT {}\nFROM {} AS t\nLEFT JOIN {} AS s ON s.{} = t.{} AND {}{}",
                outputs,
                touched,
                state(),
                Aggregation.KEY_HASH,
                Aggregation.KEY_HASH,
                Keys.same(Identifier.of("s"), Identifier.of("t"), keys),
                Sql.join("", valueChanges));
    }

    private boolean canBeStale() {
        return inexactKeys
                || functions.stream().anyMatch(function -> function.stale().isPresent());
    }

    private Sql stale() {
        List<Sql> reasons = new ArrayList<>();
        if (inexactKeys) {
            reasons.add(Sql.of("(s.ctid IS NOT NULL AND t.lost)"));
        }
        for (AggregateFunction function : functions) {
            function.stale().ifPresent(reason -> reasons.add(Sql.of("({})", reason)));
        }
        return Sql.join(" OR ", reasons);
    }

    /** The groups that are computed anew from the rows that they have now. */
    private Identifier fresh(Identifier merged) {
        Sql post = deltas.post(aggregation.input());
        Identifier row = Identifier.of("r");
        List<Sql> outputs = new ArrayList<>(columns("r", keys));
        for (AggregateFunction function : functions) {
            for (StateColumn column : function.state()) {
                outputs.add(Sql.of("{} AS {}", column.fromRows(), column.name()));
            }
        }
        if (!keyed) {
            return deltas.define(
                    "fresh",
                    Sql.of(
                            "SELECT {}\nFROM {} AS r\nWHERE (SELECT m.stale FROM {} AS m)\nHAVING (SELECT m.stale FROM {} AS m)",
                            outputs,
                            post,
                            merged,
                            merged));
        }
        Identifier group = Identifier.of("m");
        Identifier restricted = deltas.define(
                "restricted",
                Sql.of(
                        """
                        SELECT r.*
                        FROM {} AS m
                        {}
                        WHERE m.stale
                        UNION ALL
                        SELECT r.*
                        FROM {} AS m
                        JOIN {} AS r ON {} = m.{} AND {}
                        WHERE m.stale AND ({}) AND (SELECT bool_or({}) FROM {} AS m WHERE m.stale)""",
                        merged,
                        Sql.of(
                                deltas.scattered(aggregation.input(), keys) ? LOOKED_UP : JOINED,
                                post,
                                Keys.equal(row, group, keys)),
                        merged,
                        post,
                        Keys.hash(row, keys, types),
                        Aggregation.KEY_HASH,
                        Keys.same(row, group, keys),
                        Keys.anyNull(group, keys),
                        Keys.anyNull(group, keys),
                        merged));
        outputs.add(Sql.of("{} AS {}", Keys.hash(row, keys, types), Aggregation.KEY_HASH));
        return deltas.define(
                "fresh", Sql.of("SELECT {}\nFROM {} AS r\nGROUP BY {}", outputs, restricted, columns("r", keys)));
    }

    private Sql next(Identifier merged, Identifier fresh) {
        List<Sql> outputs = new ArrayList<>();
        outputs.add(Sql.of("m.{}, m.place, m.{}", Aggregation.KEY_HASH, Aggregation.ROWS));
        for (Identifier key : keys) {
            outputs.add(Sql.of(
                    "CASE WHEN m.stale AND m.{} > 0 THEN f.{} ELSE m.{} END AS {}", Aggregation.ROWS, key, key, key));
            outputs.add(Sql.of("m.{}", old(key)));
        }
        for (AggregateFunction function : functions) {
            for (StateColumn column : function.state()) {
                Identifier name = column.name();
                outputs.add(Sql.of("CASE WHEN m.stale THEN f.{} ELSE m.{} END AS {}", name, name, name));
                outputs.add(Sql.of("m.{}", old(name)));
            }
        }
        return keyed
                ? Sql.of(
                        "SELECT {}\nFROM {} AS m\nLEFT JOIN {} AS f ON f.{} = m.{} AND {}",
                        outputs,
                        merged,
                        fresh,
                        Aggregation.KEY_HASH,
                        Aggregation.KEY_HASH,
                        Keys.same(Identifier.of("f"), Identifier.of("m"), keys))
                : Sql.of("SELECT {}\nFROM {} AS m\nLEFT JOIN {} AS f ON true", outputs, merged, fresh);
    }

    private void store(Identifier next) {
        List<Identifier> columns = new ArrayList<>(keys);
        columns.add(Aggregation.ROWS);
        functions.forEach(function -> function.state().forEach(column -> columns.add(column.name())));
        List<Sql> assignments = columns.stream()
                .map(column -> Sql.of("{} = n.{}", column, column))
                .toList();
        Sql kept = keyed ? Sql.of(" AND n.{} > 0", Aggregation.ROWS) : Sql.of("");
        deltas.write(
                "stored",
                Sql.of(
                        "UPDATE {} AS s\nSET {}\nFROM {} AS n\nWHERE s.ctid = n.place{}",
                        state(),
                        assignments,
                        next,
                        kept));
        if (keyed) {
            deltas.write(
                    "removed",
                    Sql.of(
                            "DELETE FROM {} AS s\nUSING {} AS n\nWHERE s.ctid = n.place AND n.{} <= 0",
                            state(),
                            next,
                            Aggregation.ROWS));
        }
        columns.add(0, Aggregation.KEY_HASH);
        deltas.write(
                "added",
                Sql.of(
                        "INSERT INTO {} ({})\nSELECT {}\nFROM {} AS n\nWHERE n.place IS NULL AND n.{} <> 0",
                        state(),
                        columns,
                        columns("n", columns),
                        next,
                        Aggregation.ROWS));
    }

    private Sql result(Identifier next) {
        List<Sql> before = new ArrayList<>();
        List<Sql> after = new ArrayList<>();
        for (Identifier key : keys) {
            before.add(Sql.of("n.{} AS {}", old(key), key));
            after.add(Sql.of("n.{} AS {}", key, key));
        }
        for (int i = 0; i < functions.size(); i++) {
            Identifier name = aggregation.calls().get(i).name();
            before.add(Sql.of("{} AS {}", functions.get(i).value(Identifier.of("o")), name));
            after.add(Sql.of("{} AS {}", functions.get(i).value(Identifier.of("n")), name));
        }
        before.add(Sql.of("(-1)::bigint AS weight"));
        after.add(Sql.of("1::bigint AS weight"));
        Sql present = keyed ? Sql.of("n.{} > 0", Aggregation.ROWS) : Sql.of("true");
        return Sql.of("""
                SELECT {}
                FROM {} AS n
                CROSS JOIN LATERAL (SELECT {}) AS o
                WHERE n.place IS NOT NULL
                UNION ALL
                SELECT {}
                FROM {} AS n
                WHERE {}""", before, next, oldState(), after, next, present);
    }

    /** The stored state under its own column names, so that a function's value reads old and new alike. */
    private List<Sql> oldState() {
        List<Sql> outputs = new ArrayList<>();
        for (AggregateFunction function : functions) {
            for (StateColumn column : function.state()) {
                outputs.add(Sql.of("n.{} AS {}", old(column.name()), column.name()));
            }
        }
        return outputs;
    }

    private QualifiedName state() {
        return deltas.state(aggregation, 0);
    }

    private static Identifier old(Identifier column) {
        return Identifier.of("old " + column.name());
    }

    static List<Sql> columns(String relation, List<Identifier> columns) {
        Identifier name = Identifier.of(relation);
        return columns.stream().map(column -> Sql.of("{}.{}", name, column)).toList();
    }
}
