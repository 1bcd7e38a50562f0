package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Adds the weights of identical rows, so that what came and went again disappears.
 *
 * <p>Identical means: the same image. 1.0 and 1.00 are equal and yet stay apart, therefore a column whose type has such
 * values is also grouped by its text, and one whose type has no equality by its text alone. The text is compared byte by
 * byte, since in its column's own collation different texts may be equal.
 */
public final class Cancellation {

    private static final String GROUPED = """
            SELECT {}
            FROM {} AS d
            GROUP BY {}
            HAVING sum(d.weight) <> 0""";
    private static final String UNGROUPED = """
            SELECT sum(d.weight)::bigint AS weight
            FROM {} AS d
            HAVING sum(d.weight) <> 0""";
    private static final String WINDOWED = """
            SELECT {}
            FROM (
              SELECT {}, sum(d.weight) OVER image AS weight, row_number() OVER image AS number
              FROM {} AS d
              WINDOW image AS (PARTITION BY {} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
            ) AS d
            WHERE d.number = 1 AND d.weight <> 0""";
    private static final String COLUMN = "d.{}";
    private static final String SUM = "sum(d.weight)::bigint AS weight";
    private static final String WEIGHT = "d.weight::bigint AS weight";

    private Cancellation() {}

    /** What tells the rows of a relation apart: values where they have an equality, and texts where that is not enough. */
    static List<Sql> image(Identifier relation, List<Identifier> columns, Function<Identifier, ColumnType> types) {
        List<Sql> image = new ArrayList<>();
        for (Identifier column : columns) {
            ColumnType type = types.apply(column);
            Sql value = Sql.of("{}.{}", relation, column);
            if (type.equality() != ColumnType.Equality.NONE) {
                image.add(value);
            }
            if (type.equality() != ColumnType.Equality.EXACT) {
                image.add(type.image(value));
            }
        }
        return image;
    }

    /** The relation's columns and bigint weight, one row per image, none with weight 0. */
    public static Sql of(Sql relation, List<Identifier> columns, Function<Identifier, ColumnType> types) {
        if (columns.isEmpty()) {
            return Sql.of(UNGROUPED, relation);
        }
        List<Sql> values =
                columns.stream().map(column -> Sql.of(COLUMN, column)).toList();
        List<Sql> image = image(Identifier.of("d"), columns, types);
        boolean comparable =
                columns.stream().noneMatch(column -> types.apply(column).equality() == ColumnType.Equality.NONE);
        List<Sql> outputs = new ArrayList<>(values);
        outputs.add(comparable ? Sql.of(SUM) : Sql.of(WEIGHT));
        return comparable
                ? Sql.of(GROUPED, outputs, relation, image)
                : Sql.of(WINDOWED, outputs, values, relation, image);
    }
}
