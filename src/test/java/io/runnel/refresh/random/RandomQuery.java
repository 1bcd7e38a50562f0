package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** One random query, wholly determined by the choices. */
final class RandomQuery {

    private static final List<Kind> KINDS = List.of(Kind.values());
    private static final int DEPTH = 3;
    private static final int COLUMNS_MAX = 5;

    private final Dice dice;
    private final RandomSchema schema;
    private final RandomSets sets;
    private final List<Relation> relations;

    /** The text of a query whose columns are named c0 and so on, and their kinds. */
    record Text(String sql, List<Kind> kinds) {

        Text {
            kinds = List.copyOf(kinds);
        }

        List<Column> columns() {
            return RandomQuery.columns(kinds);
        }
    }

    private RandomQuery(Dice dice, RandomSchema schema, List<Relation> others) {
        this.dice = dice;
        this.schema = schema;
        this.sets = new RandomSets(dice);
        this.relations =
                Stream.concat(schema.relations().stream(), others.stream()).toList();
    }

    /**
     * A query that is maintained differentially.
     *
     * @param others relations that it may read beside those of the schema
     */
    static Text differential(Dice dice, RandomSchema schema, List<Relation> others) {
        RandomQuery random = new RandomQuery(dice, schema, others);
        return random.top(dice.below(DEPTH + 1));
    }

    /** A smaller one, made to be read by others; half of what it reads are {@code preferred} relations. */
    static Text source(Dice dice, RandomSchema schema, List<Relation> preferred) {
        RandomQuery random = new RandomQuery(dice, schema, List.of());
        List<Kind> kinds = random.kinds();
        return new Text(random.query(kinds, dice.below(2), preferred.isEmpty() ? random.relations : preferred), kinds);
    }

    /** A query that contains something that is computed in full. */
    static Text full(Dice dice, RandomSchema schema, List<Relation> others) {
        RandomQuery random = new RandomQuery(dice, schema, others);
        String inner = random.query(random.kinds(), 1, random.relations);
        return new Text(
                "SELECT q.c0::text AS c0 FROM (" + inner + ") q ORDER BY q.c0::text COLLATE \"C\" LIMIT (SELECT 4)",
                List.of(Kind.TEXT));
    }

    RandomSchema schema() {
        return schema;
    }

    private Text top(int depth) {
        if (!dice.once(5)) {
            List<Kind> kinds = kinds();
            return new Text(query(kinds, depth, relations), kinds);
        }
        List<Relation> visible = new ArrayList<>();
        List<String> ctes = new ArrayList<>();
        for (int i = 0; i <= dice.below(2); i++) {
            List<Kind> inside = kinds();
            ctes.add("w" + i + " AS " + dice.text("", "MATERIALIZED ", "NOT MATERIALIZED ") + "(\n"
                    + query(inside, 1, visible.isEmpty() ? relations : visible) + "\n)");
            visible.add(new Relation("w" + i, columns(inside)));
        }
        if (dice.once(2)) {
            List<Kind> pair = List.of(Kind.INT, Kind.INT);
            Relation recursive = sets.recursive("w9", "(" + query(pair, 1, relations) + ")");
            ctes.add(recursive.sql());
            visible.add(new Relation("w9", recursive.columns()));
        }
        List<Kind> kinds = kinds();
        return new Text(
                "WITH RECURSIVE " + String.join(", ", ctes) + "\n" + query(kinds, Math.max(1, depth - 1), visible),
                kinds);
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
        int roll = (12 + dice.below(20)) % 20;
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
        RandomExpressions expressions = new RandomExpressions(
                dice, from.columns(), List.of(new RandomSubqueries(dice, schema, from.columns())));
        boolean multiplied = dice.once(6);
        return list(kinds.stream()
                        .map(kind -> multiplied ? sets.set(kind, expressions) : expressions.of(kind, 2))
                        .toList())
                + "\nFROM " + from.sql()
                + where(expressions);
    }

    private String aggregation(List<Kind> kinds, int depth, List<Relation> tables) {
        RandomFrom from = new RandomFrom(dice, this, tables, depth);
        RandomExpressions expressions = new RandomExpressions(
                dice, from.columns(), List.of(new RandomSubqueries(dice, schema, from.columns())));
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
        String grouping = groups.isEmpty() ? "" : groups(groups);
        int tells = kinds.indexOf(Kind.INT);
        if (grouping.matches("(?s).*(SETS|ROLLUP|CUBE) \\(.*") && tells >= 0 && !groups.contains(outputs.get(tells))) {
            outputs.set(tells, "grouping(" + groups.get(0) + ")");
        }
        return "SELECT " + list(outputs) + "\nFROM " + from.sql() + where(expressions)
                + (grouping.isEmpty() ? "" : "\nGROUP BY " + grouping) + having;
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
