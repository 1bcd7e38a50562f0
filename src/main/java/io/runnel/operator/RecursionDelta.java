package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Writes the delta of one {@link Recursion}.
 *
 * <p>The steps, each one expression: <i>seed</i> (what the start and the step over the stored rows yield more or less than
 * before), <i>shrinks</i> (whether any of it is less), <i>grown</i> (what follows from the seed, unless it shrinks),
 * <i>fresh</i> (the recursion computed anew, if it shrinks), <i>net</i> (the change of the stored rows). Which of the two
 * has rows is known only while the statement runs; the planner makes of the condition a gate before either.
 */
final class RecursionDelta {

    private static final String GROWN = "grown";
    private static final String FRESH = "fresh";
    private static final String SHRINKS = "shrinks";

    private static final String WEIGHTED = "SELECT {}, r.weight\nFROM {} AS r";
    private static final String SELECTED = "SELECT {}\nFROM {} AS r";
    private static final String ONLY_IF = "{}\nWHERE {}";
    private static final String SHRINKING = "SELECT count(*) > 0 AS shrinks\nFROM {} AS d\nWHERE d.weight < 0";
    private static final String IT_SHRINKS = "(SELECT s.shrinks FROM {} AS s)";
    private static final String COPIES = "SELECT {}\nFROM {} AS r, generate_series(1, r.weight)\nWHERE NOT {}";
    private static final String UNKNOWN = "NOT EXISTS (SELECT FROM {} AS s WHERE s.{} = {} AND {})";
    private static final String DIFFERENCE = """
            (
              SELECT {}, 1::bigint AS weight
              FROM {} AS r
              UNION ALL
              SELECT {}, (-1)::bigint AS weight
              FROM {} AS r
              WHERE {}
            )""";
    private static final String WITH_GROWN = "{}\nUNION ALL\nSELECT {}, 1::bigint AS weight\nFROM {} AS r";
    private static final String UNION_ALL = "\nUNION ALL\n";

    private final Recursion recursion;
    private final Deltas deltas;
    private final List<Identifier> columns;
    private final List<Sql> values;
    private final QualifiedName state;
    private final Function<Identifier, ColumnType> types;

    RecursionDelta(Recursion recursion, Deltas deltas) {
        this.recursion = recursion;
        this.deltas = deltas;
        this.columns = recursion.stored();
        this.values = GroupDelta.columns("r", columns);
        this.state = deltas.state(recursion, 0);
        this.types = column -> deltas.type(recursion.start(), column);
    }

    Sql sql() {
        Identifier net = followsGrowth() ? followed() : deltas.define("net", difference(Sql.of("true")));
        new StoredRows(columns, state, types).apply(net, deltas);
        return Sql.of(WEIGHTED, recursion.shown(columns), net);
    }

    /** The rows as the delta leaves them. */
    Sql post() {
        Sql fresh = Sql.of(SELECTED, recursion.shown(columns), deltas.defined(recursion, FRESH));
        if (!followsGrowth()) {
            return fresh;
        }
        Sql shrinks = Sql.of(IT_SHRINKS, deltas.defined(recursion, SHRINKS));
        return Sql.join(
                UNION_ALL,
                List.of(
                        fresh,
                        Sql.of(SELECTED, recursion.shown(columns), deltas.defined(recursion, GROWN)),
                        Sql.of(ONLY_IF, Sql.of(SELECTED, recursion.shown(columns), state), Sql.of("NOT {}", shrinks))));
    }

    /**
     * Whether rows that arrive below can be followed. Equal values that print differently cannot where duplicates are
     * dropped: which of them stays depends on what comes first.
     */
    private boolean followsGrowth() {
        return recursion.isLinear()
                && (recursion.all()
                        || columns.stream()
                                .allMatch(column -> types.apply(column).equality() == ColumnType.Equality.EXACT));
    }

    private Identifier followed() {
        Identifier seed = deltas.define("seed", Cancellation.of(seed(), columns, types));
        Sql shrinks = Sql.of(IT_SHRINKS, deltas.define(SHRINKS, Sql.of(SHRINKING, seed)));
        Identifier grown = deltas.define(GROWN, grown(seed, shrinks));
        return deltas.define("net", Sql.of(WITH_GROWN, difference(shrinks), values, grown));
    }

    private Sql seed() {
        List<Sql> terms = new ArrayList<>();
        for (Operator part : recursion.inputs()) {
            if (deltas.changed(part)) {
                List<Sql> outputs = new ArrayList<>();
                for (int i = 0; i < columns.size(); i++) {
                    outputs.add(Sql.of("r.{} AS {}", part.columns().get(i), columns.get(i)));
                }
                terms.add(Sql.of(WEIGHTED, outputs, deltas.of(part)));
            }
        }
        return Sql.of("(\n{}\n)", Sql.join(UNION_ALL, terms));
    }

    /** What the seed and the step over it yield, as long as it is not there already. */
    private Sql grown(Identifier seed, Sql shrinks) {
        List<Sql> stepped = GroupDelta.columns("r", recursion.step().columns());
        Sql first = Sql.of(COPIES, values, seed, shrinks);
        Sql next = Sql.of(SELECTED, stepped, recursion.stepRows(deltas::post));
        if (!recursion.all()) {
            first = Sql.of("{} AND {}", first, unknown(columns));
            next = Sql.of(ONLY_IF, next, unknown(recursion.step().columns()));
        }
        return recursion.query(first, next, values);
    }

    private Sql unknown(List<Identifier> names) {
        List<Sql> same = new ArrayList<>();
        for (int i = 0; i < columns.size(); i++) {
            same.add(Sql.of("s.{} IS NOT DISTINCT FROM r.{}", columns.get(i), names.get(i)));
        }
        Sql hash = Keys.hash(Identifier.of("r"), names, name -> types.apply(columns.get(names.indexOf(name))));
        return Sql.of(UNKNOWN, state, Aggregation.KEY_HASH, hash, Sql.join(" AND ", same));
    }

    /** The recursion computed anew less the stored rows, if the condition is true; otherwise nothing. */
    private Sql difference(Sql condition) {
        List<Sql> started = GroupDelta.columns("r", recursion.start().columns());
        Sql first = Sql.of(ONLY_IF, Sql.of(SELECTED, started, deltas.post(recursion.start())), condition);
        List<Sql> stepped = GroupDelta.columns("r", recursion.step().columns());
        Sql next = Sql.of(SELECTED, stepped, recursion.stepRows(deltas::post));
        Identifier fresh = deltas.define(FRESH, recursion.query(first, next, values));
        return Cancellation.of(Sql.of(DIFFERENCE, values, fresh, values, state, condition), columns, types);
    }
}
