package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes the delta of one {@link Limit}.
 *
 * <p>The steps, each one expression: <i>net</i> (the input's delta, cancelled), <i>touched</i> (its keys), <i>stored</i>
 * (their rows in the state, numbered), <i>reach</i> (what of net does not stand after the last stored row of a full
 * partition), <i>merged</i> (stored and reach, cancelled), <i>lacking</i> (full partitions that have too few rows in it),
 * <i>fresh</i> (the rows to store: the first ones of merged, or of the input for what is lacking).
 *
 * <p>Why merged is enough where nothing is lacking: every row of the input that is not stored stands after the boundary or
 * equal to it, and every row of merged stands before the boundary or equal to it. A partition that is not full is stored
 * whole. A row that leaves without being stored is equal to the boundary; its negative weight in merged is dropped.
 */
final class LimitDelta {

    private static final Identifier DELTA = Identifier.of("d");
    private static final Identifier STORED = Identifier.of("s");
    private static final Identifier MERGED = Identifier.of("m");
    private static final Identifier LACKING = Identifier.of("l");

    private static final String NUMBERED = """
            SELECT s.*, s.ctid AS place, row_number() OVER ({}) AS number
            {}""";
    private static final String REACH = """
            SELECT {}
            FROM (
              SELECT d.*, max(d.number) FILTER (WHERE d.boundary) OVER ({}) AS reach
              FROM (
                SELECT d.*, rank() OVER ({}) AS number
                FROM (
                  SELECT {}, false AS boundary
                  FROM {} AS d
                  UNION ALL
                  SELECT {}, true
                  FROM {} AS s
                  WHERE s.number = {}
                ) AS d
              ) AS d
            ) AS d
            WHERE NOT d.boundary AND (d.reach IS NULL OR d.number <= d.reach)""";
    private static final String REACHED = """
            SELECT s.*
            FROM {} AS s
            WHERE EXISTS (SELECT FROM {})""";
    private static final String BOTH = """
            (
              SELECT {}
              FROM {} AS s
              UNION ALL
              SELECT {}
              FROM {} AS d
            )""";
    private static final String MERGED_ROWS = """
            SELECT d.*
            FROM (
            {}
            ) AS d
            WHERE d.weight > 0""";
    private static final String SHORT = """
            (
              SELECT {}
              FROM (
                SELECT {}, false AS boundary
                FROM {} AS m
                UNION ALL
                SELECT {}, true
                FROM {} AS s
                WHERE s.number = {}
              ) AS d
              {}HAVING bool_or(d.boundary) AND sum(d.weight) < {}
            )""";
    private static final String REMAINING = """
            SELECT {}
            FROM {} AS m
            CROSS JOIN generate_series(1, m.weight)
            WHERE {}""";
    private static final String CANDIDATES = """
            (
            {}
            UNION ALL
            SELECT {}
            FROM {} AS r
            )""";

    private final Limit limit;
    private final Partitions partitions;
    private final Deltas deltas;

    LimitDelta(Limit limit, Partitions partitions, Deltas deltas) {
        this.limit = limit;
        this.partitions = partitions;
        this.deltas = deltas;
    }

    Sql sql(Sql shown) {
        Identifier net = partitions.net();
        Identifier touched = deltas.define("touched", partitions.keysOf(net));
        Identifier stored =
                deltas.define("stored", Sql.of(NUMBERED, limit.window(STORED), partitions.storedOf(touched)));
        Identifier reach = limit.end().isEmpty() ? net : deltas.define("reach", reach(net, stored));
        Identifier reached = deltas.define("reached", Sql.of(REACHED, stored, reach));
        Identifier merged = deltas.define("merged", merged(reached, reach));
        Identifier fresh = deltas.define("fresh", limit.chosen(candidates(merged, reached)));
        return partitions.compared(reached, fresh, this::type, shown);
    }

    private Sql reach(Identifier net, Identifier stored) {
        return Sql.of(
                REACH,
                weighted(DELTA, Sql.of("d.weight")),
                limit.partition(DELTA),
                limit.window(DELTA),
                weighted(DELTA, Sql.of("d.weight")),
                net,
                weighted(STORED, Sql.of("0")),
                stored,
                end());
    }

    private Sql merged(Identifier reached, Identifier reach) {
        Sql both = Sql.of(
                BOTH,
                weighted(STORED, Sql.of("1::bigint AS weight")),
                reached,
                weighted(DELTA, Sql.of("d.weight")),
                reach);
        return Sql.of(MERGED_ROWS, Cancellation.of(both, limit.columns(), this::type));
    }

    private Sql candidates(Identifier merged, Identifier reached) {
        if (limit.end().isEmpty()) {
            return Sql.of("({})", Sql.of(REMAINING, of(MERGED), merged, Sql.of("true")));
        }
        Identifier lacking = deltas.define("lacking", lacking(merged, reached));
        Sql again = limit.keys().isEmpty()
                ? limit.first(deltas.post(limit.input()), Sql.of("EXISTS (SELECT FROM {})", lacking))
                : deltas.define("restricted", partitions.restricted(lacking)).sql();
        Sql kept = limit.keys().isEmpty()
                ? Sql.of("NOT EXISTS (SELECT FROM {})", lacking)
                : Sql.of(
                        "NOT EXISTS (SELECT FROM {} AS l WHERE l.{} = {} AND {})",
                        lacking,
                        Aggregation.KEY_HASH,
                        partitions.hash(MERGED),
                        Keys.same(LACKING, MERGED, limit.keys()));
        return Sql.of(CANDIDATES, Sql.of(REMAINING, of(MERGED), merged, kept), of(Identifier.of("r")), again);
    }

    private Sql lacking(Identifier merged, Identifier reached) {
        List<Identifier> keys = limit.keys();
        Sql grouped = keys.isEmpty() ? Sql.of("") : Sql.of("GROUP BY {}\n  ", Partitions.of(DELTA, keys));
        List<Sql> remaining = new ArrayList<>(Partitions.of(MERGED, keys));
        remaining.add(Sql.of("m.weight"));
        List<Sql> full = new ArrayList<>(Partitions.of(STORED, keys));
        full.add(Sql.of("0"));
        return partitions.keysOf(
                Sql.of(SHORT, Partitions.of(DELTA, keys), remaining, merged, full, reached, end(), grouped, end()));
    }

    private List<Sql> weighted(Identifier relation, Sql weight) {
        List<Sql> columns = new ArrayList<>(of(relation));
        columns.add(weight);
        return columns;
    }

    private long end() {
        return limit.end().orElseThrow();
    }

    private List<Sql> of(Identifier relation) {
        return Partitions.of(relation, limit.columns());
    }

    private ColumnType type(Identifier column) {
        return column.equals(Limit.SHOWN)
                ? new ColumnType("boolean", ColumnType.Equality.EXACT, true)
                : deltas.type(limit.input(), column);
    }
}
