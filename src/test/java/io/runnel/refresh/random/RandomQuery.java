package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** One random query, wholly determined by its seed. */
final class RandomQuery {

    private static final List<Kind> KINDS = List.of(Kind.values());
    private static final int DEPTH = 3;
    private static final int COLUMNS_MAX = 5;

    private final Dice dice;
    private final RandomSets sets;

    private RandomQuery(Dice dice) {
        this.dice = dice;
        this.sets = new RandomSets(dice);
    }

    /** A query that is maintained differentially. */
    static String differential(long seed) {
        RandomQuery random = new RandomQuery(new Dice(seed));
        return random.top(random.dice.below(DEPTH + 1));
    }

    /** A query that contains something that is computed in full. */
    static String full(long seed) {
        Dice dice = new Dice(seed);
        RandomQuery random = new RandomQuery(dice);
        String inner = random.query(random.kinds(), 1, RandomSchema.RELATIONS);
        return "SELECT q.c0::text AS c FROM (" + inner + ") q ORDER BY q.c0::text COLLATE \"C\" LIMIT (SELECT 4)";
    }

    private String top(int depth) {
        if (!dice.once(5)) {
            return query(kinds(), depth, RandomSchema.RELATIONS);
        }
        List<Relation> visible = new ArrayList<>();
        List<String> ctes = new ArrayList<>();
        for (int i = 0; i <= dice.below(2); i++) {
            List<Kind> kinds = kinds();
            ctes.add("w" + i + " AS " + dice.text("", "MATERIALIZED ", "NOT MATERIALIZED ") + "(\n"
                    + query(kinds, 1, visible.isEmpty() ? RandomSchema.RELATIONS : visible) + "\n)");
            visible.add(new Relation("w" + i, columns(kinds)));
        }
        if (dice.once(2)) {
            List<Kind> pair = List.of(Kind.INT, Kind.INT);
            Relation recursive = sets.recursive("w9", "(" + query(pair, 1, RandomSchema.RELATIONS) + ")");
            ctes.add(recursive.sql());
            visible.add(new Relation("w9", recursive.columns()));
        }
        return "WITH RECURSIVE " + String.join(", ", ctes) + "\n" + query(kinds(), Math.max(1, depth - 1), visible);
    }

    private List<Kind> kinds() {
        return IntStream.rangeClosed(0, dice.below(COLUMNS_MAX))
                .mapToObj(i -> dice.of(KINDS))
                .toList();
    }

    private static List<Column> columns(List<Kind> kinds) {
        return IntStream.range(0, kinds.size())
                .mapToObj(i -> new Column("c" + i, kinds.get(i)))
                .toList();
    }

    Relation subquery(int depth, List<Relation> tables) {
        List<Kind> kinds = new ArrayList<>(kinds());
        kinds.add(dice.of(List.of(Kind.INT, Kind.TEXT)));
        return new Relation("(\n" + query(kinds, depth, tables) + "\n)", columns(kinds));
    }

    private String query(List<Kind> kinds, int depth, List<Relation> tables) {
        int roll = dice.below(20);
        if (roll < 3 && depth > 0) {
            return IntStream.rangeClosed(0, 1 + dice.below(2))
                    .mapToObj(i -> i == 0
                            ? "(" + query(kinds, depth - 1, tables) + ")"
                            : "(" + branch(sets.narrower(kinds), depth - 1, tables) + ")")
                    .collect(Collectors.joining("\nUNION ALL\n"));
        }
        if (roll == 19 || roll == 18) {
            return new RandomOrders(dice).windows(kinds, inside -> query(inside, Math.max(0, depth - 1), tables));
        }
        if (roll == 17) {
            return new RandomOrders(dice).limited(kinds, inside -> query(inside, Math.max(0, depth - 1), tables));
        }
        boolean exact = kinds.stream().allMatch(kind -> kind.exact);
        if (roll == 3 && exact && depth > 0) {
            return sets.operation(query(kinds, depth - 1, tables), branch(sets.narrower(kinds), depth - 1, tables));
        }
        if (roll < 6 && exact) {
            return "SELECT DISTINCT " + projection(kinds, depth, tables);
        }
        return roll < 12 ? aggregation(kinds, depth, tables) : "SELECT " + projection(kinds, depth, tables);
    }

    private String branch(List<Kind> kinds, int depth, List<Relation> tables) {
        return dice.once(10) ? sets.values(kinds) : query(kinds, depth, tables);
    }

    private String projection(List<Kind> kinds, int depth, List<Relation> tables) {
        RandomFrom from = new RandomFrom(dice, this, tables, depth);
        RandomExpressions expressions =
                new RandomExpressions(dice, from.columns(), RandomSubqueries.over(dice, from.columns()));
        boolean multiplied = dice.once(6);
        return list(kinds.stream()
                        .map(kind -> multiplied ? sets.set(kind, expressions) : expressions.of(kind, 2))
                        .toList())
                + "\nFROM " + from.sql()
                + where(expressions);
    }

    private String aggregation(List<Kind> kinds, int depth, List<Relation> tables) {
        RandomFrom from = new RandomFrom(dice, this, tables, depth);
        RandomExpressions expressions =
                new RandomExpressions(dice, from.columns(), RandomSubqueries.over(dice, from.columns()));
        RandomAggregates aggregates = new RandomAggregates(dice, expressions);
        List<String> outputs = new ArrayList<>();
        List<String> groups = new ArrayList<>();
        boolean grouped = !dice.once(5);
        for (Kind kind : kinds) {
            if (grouped && kind.exact && dice.once(2)) {
                String key = expressions.of(kind, 1);
                groups.add(key);
                outputs.add(key);
            } else {
                outputs.add(aggregates.of(kind));
            }
        }
        if (grouped && (groups.isEmpty() || dice.once(4))) {
            groups.add(expressions.of(dice.of(KINDS), 1));
        }
        String having = dice.once(4) ? "\nHAVING " + aggregates.having() : "";
        return "SELECT " + list(outputs) + "\nFROM " + from.sql() + where(expressions)
                + (groups.isEmpty() ? "" : "\nGROUP BY " + groups(groups)) + having;
    }

    private String groups(List<String> groups) {
        return dice.once(3) ? sets.grouping(groups) : String.join(", ", groups);
    }

    private static String list(List<String> outputs) {
        return IntStream.range(0, outputs.size())
                .mapToObj(i -> outputs.get(i) + " AS c" + i)
                .collect(Collectors.joining(", "));
    }

    private String where(RandomExpressions expressions) {
        return dice.once(2) ? "\nWHERE " + expressions.predicate(2) : "";
    }
}
