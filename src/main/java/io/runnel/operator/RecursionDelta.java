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
 * before), <i>grown</i> and <i>lost</i> (what follows from either part of the seed), <i>anew</i> (whether these do not tell
 * the change), <i>fresh</i> (the recursion computed anew, in that case), <i>net</i> (the change of the stored rows). Which of
 * them have rows is known only while the statement runs; the planner makes of the condition a gate before each.
 */
final class RecursionDelta {

    /**
     * What is lost is followed through the step as it is now, which may lead in a circle that the recursion itself no
     * longer enters. After so many rows it is computed anew instead.
     */
    static final int FOLLOWED_MAX = 10_000;

    private static final String NET = "net";
    private static final String WEIGHTED = "SELECT {}, r.weight\nFROM {} AS r";
    private static final String SELECTED = "SELECT {}\nFROM {} AS r";
    private static final String ONLY_IF = "{}\nWHERE {}";
    private static final String SHRINKING = "SELECT count(*) > 0 AS shrinks\nFROM {} AS d\nWHERE d.weight < 0";
    private static final String IT_SHRINKS = "(SELECT s.shrinks FROM {} AS s)";
    private static final String FAR = """
            SELECT (SELECT count(*) FROM {}) > {} OR ((SELECT count(*) FROM {}) > {} AND {}) AS anew""";
    private static final String IT_IS_ANEW = "(SELECT a.anew FROM {} AS a)";
    private static final String COPIES = "SELECT {}\nFROM {} AS r, generate_series(1, {})\nWHERE {}";
    private static final String UNKNOWN = "NOT EXISTS (SELECT FROM {} AS s WHERE s.{} = {} AND {})";
    private static final String LIMITED = "{}\nLIMIT CASE WHEN {} THEN {} END";
    private static final String DIFFERENCE = """
            SELECT {}, 1::bigint AS weight
            FROM {} AS r
            UNION ALL
            SELECT {}, (-1)::bigint AS weight
            FROM {} AS r
            WHERE {}""";
    private static final String FOLLOWED = """
            SELECT {}, ({})::bigint AS weight
            FROM {} AS r
            WHERE NOT {}""";
    private static final String PLACED = """
            SELECT {}, r.ctid AS place
            FROM {} AS r""";
    private static final String ARRIVING = """
            SELECT {}, NULL::tid
            FROM {} AS r, generate_series(1, r.weight)
            WHERE r.weight > 0""";
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
        Identifier net = deltas.define(NET, Cancellation.of(change(), columns, types));
        new StoredRows(columns, state, types).apply(net, deltas);
        return Sql.of(WEIGHTED, recursion.shown(columns), net);
    }

    /** The rows as the delta leaves them. */
    Sql post() {
        return PostState.of(
                recursion.columns(),
                Sql.of(PLACED, recursion.shown(columns), state),
                Sql.of(ARRIVING, recursion.shown(columns), deltas.defined(recursion, NET)),
                deltas.defined(recursion, StoredRows.PLACES));
    }

    private Sql change() {
        if (!isFollowed()) {
            return Sql.of("(\n{}\n)", difference(Sql.of("true")));
        }
        Identifier seed = deltas.define("seed", Cancellation.of(seed(), columns, types));
        Sql shrinks = Sql.of(IT_SHRINKS, deltas.define("shrinks", Sql.of(SHRINKING, seed)));
        return Sql.of("(\n{}\n)", recursion.all() ? both(seed, shrinks) : growth(seed, shrinks));
    }

    /**
     * Whether rows that arrive below can be followed. Equal values that print differently cannot where duplicates are
     * dropped: which of them stays depends on what comes first.
     */
    private boolean isFollowed() {
        return recursion.isLinear()
                && (recursion.all()
                        || columns.stream()
                                .allMatch(column -> types.apply(column).equality() == ColumnType.Equality.EXACT));
    }

    /** With duplicates kept, what is lost follows from what the seed lost, as what is new does from what it gained. */
    private Sql both(Identifier seed, Sql shrinks) {
        Sql gained = copies(seed, Sql.of("r.weight"), Sql.of("r.weight > 0"));
        Sql gone = copies(seed, Sql.of("-r.weight"), Sql.of("r.weight < 0"));
        Identifier grown = deltas.define("grown", limited(gained, shrinks));
        Identifier lost = deltas.define("lost", limited(gone, shrinks));
        Identifier far = deltas.define("anew", Sql.of(FAR, lost, FOLLOWED_MAX, grown, FOLLOWED_MAX, shrinks));
        Sql anew = Sql.of(IT_IS_ANEW, far);
        return Sql.join(UNION_ALL, List.of(difference(anew), followed(1, grown, anew), followed(-1, lost, anew)));
    }

    private Sql limited(Sql first, Sql shrinks) {
        return Sql.of(LIMITED, recursion.query(first, next(), values), shrinks, FOLLOWED_MAX + 1);
    }

    /** Without duplicates, a row that the seed lost may still follow from another; only growth is followed. */
    private Sql growth(Identifier seed, Sql shrinks) {
        Sql first = copies(seed, Sql.of("r.weight"), Sql.of("NOT {} AND {}", shrinks, unknown(columns)));
        Sql next = Sql.of(ONLY_IF, next(), unknown(recursion.step().columns()));
        Identifier grown = deltas.define("grown", recursion.query(first, next, values));
        return Sql.join(UNION_ALL, List.of(difference(shrinks), followed(1, grown, shrinks)));
    }

    private Sql copies(Identifier seed, Sql count, Sql condition) {
        return Sql.of(COPIES, values, seed, count, condition);
    }

    private Sql followed(int weight, Identifier rows, Sql anew) {
        return Sql.of(FOLLOWED, values, weight, rows, anew);
    }

    private Sql next() {
        return Sql.of(SELECTED, GroupDelta.columns("r", recursion.step().columns()), recursion.stepRows(deltas::post));
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
        Identifier fresh = deltas.define("fresh", recursion.query(first, next(), values));
        return Sql.of(DIFFERENCE, values, fresh, values, state, condition);
    }
}
