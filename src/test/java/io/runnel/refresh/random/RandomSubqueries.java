package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;

/** Subqueries in expressions, most of them correlated with the columns around. */
final class RandomSubqueries {

    /** How deep they are nested. */
    private static final int DEPTH = 2;

    private static final List<Kind> JOINED = List.of(Kind.INT, Kind.TEXT, Kind.BIGINT, Kind.LOOSE, Kind.LATIN);

    private final Dice dice;
    private final RandomSchema schema;
    private final List<Column> outer;
    private final int depth;

    private RandomSubqueries(Dice dice, RandomSchema schema, List<Column> outer, int depth) {
        this.dice = dice;
        this.schema = schema;
        this.outer = outer;
        this.depth = depth;
    }

    /** Those that read {@code columns}; none if they are nested too deep. */
    private List<RandomSubqueries> deeper(List<Column> columns) {
        return depth + 1 < DEPTH ? List.of(new RandomSubqueries(dice, schema, columns, depth + 1)) : List.of();
    }

    RandomSubqueries(Dice dice, RandomSchema schema, List<Column> outer) {
        this(dice, schema, outer, 0);
    }

    /** A table under a new name, with WHERE. */
    private final class Rows {
        private final List<Column> columns;
        private final String sql;

        Rows() {
            Relation table = dice.of(schema.tables());
            String alias = "s" + dice.fresh();
            columns = table.as(alias);
            List<String> conditions = new ArrayList<>();
            for (int i = dice.below(3); i > 0; i--) {
                conditions.add(condition());
            }
            sql = " FROM " + table.sql() + " " + alias
                    + (conditions.isEmpty() ? "" : " WHERE " + String.join(" AND ", conditions));
        }

        private String condition() {
            Kind kind = dice.of(JOINED);
            String mine = new RandomExpressions(dice, columns).column(kind);
            String theirs = new RandomExpressions(dice, outer).column(kind);
            return switch (dice.below(8)) {
                case 0, 1, 2, 3 -> "(" + mine + " = " + theirs + ")";
                case 4 -> "(" + mine + " < " + theirs + ")";
                case 5 -> both().predicate(1);
                default -> own().predicate(1);
            };
        }

        RandomExpressions own() {
            return new RandomExpressions(dice, columns, deeper(columns));
        }

        private RandomExpressions both() {
            List<Column> all = new ArrayList<>(columns);
            all.addAll(outer);
            return new RandomExpressions(dice, all, deeper(all));
        }
    }

    String predicate() {
        Rows rows = new Rows();
        Kind kind = dice.of(JOINED);
        String left = new RandomExpressions(dice, outer).of(kind, 1);
        String right = rows.own().of(kind, 1);
        String query = "(SELECT " + right + rows.sql + ")";
        return switch (dice.below(8)) {
            case 0, 1 -> "EXISTS (SELECT" + rows.sql + ")";
            case 2 -> "(NOT EXISTS (SELECT 1" + rows.sql + "))";
            case 3 -> "(" + left + " IN " + query + ")";
            case 4 -> "(" + left + " NOT IN " + query + ")";
            case 5 -> "(" + left + dice.text(" < ", " >= ", " <> ") + dice.text("ANY ", "ALL ") + query + ")";
            case 6 -> "((" + left + ", " + left + ") IN (SELECT " + right + ", " + right + rows.sql + "))";
            default -> "(" + left + " IN (SELECT " + right + rows.sql + " GROUP BY 1))";
        };
    }

    /** A value; empty if there is none of the kind. */
    String value(Kind kind) {
        Rows rows = new Rows();
        if (kind == Kind.INTS && dice.once(2)) {
            String value = rows.own().of(Kind.INT, 1);
            return "ARRAY(SELECT " + value + rows.sql + " ORDER BY 1)";
        }
        if (dice.once(3)) {
            String key = new RandomExpressions(dice, outer).column(Kind.INT);
            String alias = "s" + dice.fresh();
            Relation keyed = schema.keyed(alias);
            String looked = new RandomExpressions(dice, keyed.columns()).of(kind, 1);
            return "(SELECT " + looked + " FROM " + keyed.sql() + " WHERE " + alias + ".id = " + key + ")";
        }
        return "(SELECT " + new RandomAggregates(dice, rows.own()).of(kind) + rows.sql + ")";
    }

    /** A query in FROM that reads the columns around, and its columns. */
    Relation lateral() {
        Rows rows = new Rows();
        RandomExpressions own = rows.own();
        if (dice.once(2)) {
            RandomAggregates aggregates = new RandomAggregates(dice, own);
            String having = dice.once(4) ? " HAVING " + aggregates.having() : "";
            String grouping = dice.once(3) ? " GROUP BY " + own.column(Kind.INT) : "";
            return new Relation(
                    "LATERAL (SELECT " + aggregates.of(Kind.BIGINT) + " AS k, " + aggregates.of(Kind.TEXT) + " AS t"
                            + rows.sql + grouping + having + ")",
                    List.of(new Column("k", Kind.BIGINT), new Column("t", Kind.TEXT)));
        }
        String distinct = dice.once(3) ? "DISTINCT " : "";
        return new Relation(
                "LATERAL (SELECT " + distinct + own.of(Kind.INT, 1) + " AS k, "
                        + new RandomExpressions(dice, outer).of(Kind.TEXT, 1) + " AS t" + rows.sql + ")",
                List.of(new Column("k", Kind.INT), new Column("t", Kind.TEXT)));
    }
}
