package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** Follows the multiplicities of the values behind one {@code count(DISTINCT x)}. */
final class ValueDelta {

    private final DistinctCountFunction distinct;
    private final int number;
    private final Deltas deltas;
    private final Function<Identifier, ColumnType> types;
    private final List<Identifier> keys;
    private final List<Identifier> columns;
    private final QualifiedName state;

    ValueDelta(
            Aggregation aggregation,
            DistinctCountFunction distinct,
            int number,
            Deltas deltas,
            Function<Identifier, ColumnType> types) {
        this.distinct = distinct;
        this.number = number;
        this.deltas = deltas;
        this.types = types;
        this.keys = aggregation.keys();
        this.columns = aggregation.valueKeys(distinct);
        this.state = deltas.state(aggregation, number);
    }

    /** Stores the multiplicities and returns the join of relation {@code t} with the change of its count. */
    Sql join(Identifier net) {
        Identifier merged = deltas.define(
                "values" + number,
                Sql.of(
                        """
                        SELECT t.*, s.ctid AS place, coalesce(s.{}, 0) AS "before"
                        FROM (
                          SELECT {} AS {}, {}, sum(d.weight)::bigint AS {}
                          FROM {} AS d
                          WHERE {}
                          GROUP BY {}
                          HAVING sum(d.weight) <> 0
                        ) AS t
                        LEFT JOIN {} AS s ON s.{} = t.{} AND {}""",
                        Aggregation.ROWS,
                        Keys.hash(Identifier.of("d"), columns, types),
                        Aggregation.KEY_HASH,
                        GroupDelta.columns("d", columns),
                        Aggregation.ROWS,
                        net,
                        distinct.counts(Identifier.of("d")),
                        GroupDelta.columns("d", columns),
                        state,
                        Aggregation.KEY_HASH,
                        Aggregation.KEY_HASH,
                        Keys.same(Identifier.of("s"), Identifier.of("t"), columns)));
        store(merged);
        Identifier change = deltas.define("counts" + number, change(merged));
        return Sql.of(
                "\nLEFT JOIN {} AS {} ON {}.{} = t.{} AND {}",
                change,
                distinct.values(),
                distinct.values(),
                Aggregation.KEY_HASH,
                Aggregation.KEY_HASH,
                Keys.same(distinct.values(), Identifier.of("t"), keys));
    }

    private Sql change(Identifier merged) {
        Sql sum = Sql.of(
                "sum((v.\"before\" + v.{} > 0)::int - (v.\"before\" > 0)::int)::bigint AS change", Aggregation.ROWS);
        Sql hash = Sql.of("{} AS {}", Keys.hash(Identifier.of("v"), keys, types), Aggregation.KEY_HASH);
        if (keys.isEmpty()) {
            return Sql.of("SELECT {}, {}\nFROM {} AS v", hash, sum, merged);
        }
        List<Sql> grouping = GroupDelta.columns("v", keys);
        return Sql.of("SELECT {}, {}, {}\nFROM {} AS v\nGROUP BY {}", hash, grouping, sum, merged, grouping);
    }

    private void store(Identifier merged) {
        deltas.write(
                "values" + number + " stored",
                Sql.of(
                        "UPDATE {} AS s\nSET {} = n.\"before\" + n.{}\nFROM {} AS n\nWHERE s.ctid = n.place AND n.\"before\" + n.{} > 0",
                        state,
                        Aggregation.ROWS,
                        Aggregation.ROWS,
                        merged,
                        Aggregation.ROWS));
        deltas.write(
                "values" + number + " removed",
                Sql.of(
                        "DELETE FROM {} AS s\nUSING {} AS n\nWHERE s.ctid = n.place AND n.\"before\" + n.{} <= 0",
                        state,
                        merged,
                        Aggregation.ROWS));
        List<Identifier> all = new ArrayList<>();
        all.add(Aggregation.KEY_HASH);
        all.addAll(columns);
        all.add(Aggregation.ROWS);
        deltas.write(
                "values" + number + " added",
                Sql.of(
                        "INSERT INTO {} ({})\nSELECT {}\nFROM {} AS n\nWHERE n.place IS NULL",
                        state,
                        all,
                        GroupDelta.columns("n", all),
                        merged));
    }
}
