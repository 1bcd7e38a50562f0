package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;

/** What one SELECT reads: tables, views, subqueries and common table expressions, joined in every inner way. */
final class RandomFrom {

    private static final int RELATIONS_MAX = 5;

    private final Dice dice;
    private final RandomQuery queries;
    private final List<Relation> tables;
    private final int depth;
    private final List<Column> columns = new ArrayList<>();
    private final StringBuilder sql = new StringBuilder();

    RandomFrom(Dice dice, RandomQuery queries, List<Relation> tables, int depth) {
        this.dice = dice;
        this.queries = queries;
        this.tables = tables;
        this.depth = depth;
        int relations = size();
        for (int i = 0; i < relations; i++) {
            add(i, relations);
        }
        if (dice.once(6)) {
            List<Column> mine = new ArrayList<>();
            sql.append("\n").append(new RandomSets(dice).joined("j" + depth, columns, mine));
            columns.addAll(mine);
        }
    }

    private int size() {
        int roll = dice.below(10);
        int wanted = roll < 4 ? 1 : roll < 8 ? 2 : roll == 8 ? 3 : 4 + dice.below(RELATIONS_MAX - 3);
        return depth > 0 ? wanted : Math.min(wanted, 2);
    }

    String sql() {
        return sql.toString();
    }

    List<Column> columns() {
        return List.copyOf(columns);
    }

    private void add(int position, int relations) {
        String alias = "r" + position;
        if (position > 0 && dice.once(6)) {
            lateral(alias);
            return;
        }
        Relation relation = relations > 2 ? dice.of(queries.schema().tables()) : relation();
        List<Column> mine = relation.as(alias);
        String item = relation.sql() + " " + alias;
        if (position == 0) {
            sql.append(item);
        } else {
            sql.append("\n").append(join(item, relation, mine, relations));
        }
        columns.addAll(mine);
    }

    private void lateral(String alias) {
        Relation lateral = new RandomSubqueries(dice, queries.schema(), columns).lateral();
        List<Column> mine = lateral.as(alias);
        List<Column> both = new ArrayList<>(columns);
        both.addAll(mine);
        String on = dice.once(2) ? "true" : new RandomExpressions(dice, both).predicate(1);
        sql.append("\n")
                .append(dice.text("JOIN ", "LEFT JOIN "))
                .append(lateral.sql())
                .append(" ")
                .append(alias);
        sql.append(" ON ").append(on);
        columns.addAll(mine);
    }

    private Relation relation() {
        return depth > 0 && dice.once(3)
                ? queries.subquery(depth - 1, tables)
                : dice.of(dice.once(2) ? tables : queries.schema().relations());
    }

    private String join(String item, Relation relation, List<Column> mine, int relations) {
        if (relations == 2 && dice.once(5)) {
            List<String> names = shared(relation);
            if (!names.isEmpty()) {
                String kind = dice.text("", "", "LEFT ", "RIGHT ", "FULL ") + "JOIN ";
                return dice.once(2) && all(relation, names)
                        ? "NATURAL " + kind + item
                        : kind + item + " USING (" + dice.of(names) + ")";
            }
        }
        if (relations == 2 && dice.once(12) && queries.schema().tables().contains(relation)) {
            return "CROSS JOIN " + item;
        }
        RandomExpressions inner = new RandomExpressions(dice, mine);
        List<Column> fitting = columns.stream()
                .filter(column -> joinable(column) && inner.has(column.kind()))
                .toList();
        Column left = dice.of(fitting.isEmpty() ? columns : fitting);
        List<String> conditions = new ArrayList<>();
        String right = inner.of(left.kind(), 1);
        conditions.add("(" + left.name() + " = " + right + ")");
        if (dice.once(4)) {
            List<Column> both = new ArrayList<>(columns);
            both.addAll(mine);
            conditions.add(new RandomExpressions(dice, both).predicate(1));
        }
        String full = conditions.size() == 1 && right.matches("\\w+\\.\\w+") ? "FULL JOIN " : "LEFT JOIN ";
        return dice.text("JOIN ", "INNER JOIN ", "LEFT JOIN ", "RIGHT JOIN ", full) + item + " ON "
                + String.join(" AND ", conditions);
    }

    /** What tells rows apart well enough that joins stay small. */
    private static boolean joinable(Column column) {
        return column.kind() != Kind.BOOL && column.kind() != Kind.JSON && column.kind() != Kind.INTS;
    }

    /** The names that the relation has in common with the first one, for columns of the same kind. */
    private List<String> shared(Relation relation) {
        return relation.columns().stream()
                .filter(column -> column.name().matches("\\w+"))
                .filter(column -> columns.contains(new Column("r0." + column.name(), column.kind())))
                .map(Column::name)
                .toList();
    }

    /** Whether these are all names that it has in common with the first one. */
    private boolean all(Relation relation, List<String> names) {
        return relation.columns().stream()
                .map(Column::name)
                .allMatch(name -> names.contains(name)
                        || columns.stream().noneMatch(known -> known.name().equals("r0." + name)));
    }
}
