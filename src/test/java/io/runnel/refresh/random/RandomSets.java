package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Functions that return sets, grouping sets and recursion, for random queries. */
final class RandomSets {

    private final Dice dice;

    RandomSets(Dice dice) {
        this.dice = dice;
    }

    /** Kinds for a branch of a union whose other branches have {@code kinds}, which are then the kinds of the union. */
    List<Kind> narrower(List<Kind> kinds) {
        return kinds.stream()
                .map(kind -> switch (kind) {
                    case BIGINT -> dice.once(2) ? Kind.INT : kind;
                    case LOOSE -> dice.of(List.of(Kind.LOOSE, Kind.NUM, Kind.INT, Kind.BIGINT));
                    case FLOAT -> dice.once(3) ? Kind.INT : kind;
                    default -> kind;
                })
                .toList();
    }

    /** GROUP BY's list: the keys in one of the ways of grouping by them. */
    String grouping(List<String> keys) {
        String all = String.join(", ", keys);
        // A constant cannot be a key of grouping sets.
        if (keys.stream().anyMatch(key -> !key.matches("(?s).*\\br\\d+\\..*"))) {
            return all;
        }
        return switch (dice.below(keys.size() > 3 ? 2 : 5)) {
            case 0 -> "GROUPING SETS ((" + all + "), " + keys.get(0) + ", ())";
            case 1 -> "ROLLUP (" + all + ")";
            case 2 -> "CUBE (" + all + ")";
            case 3 -> "GROUPING SETS ((" + all + "), (" + all + "))";
            default -> keys.get(0) + ", ROLLUP (" + all + ")";
        };
    }

    /** An item of the SELECT list that yields a set, of one of the kinds that have such functions. */
    String set(Kind kind, RandomExpressions expressions) {
        return switch (kind) {
            case INT ->
                dice.once(2)
                        ? "unnest(" + expressions.of(Kind.INTS, 1) + ")"
                        : "generate_series(1, least(" + expressions.of(Kind.INT, 1) + ", 3))";
            case TEXT -> "unnest(ARRAY[" + expressions.of(Kind.TEXT, 1) + ", 'x'])";
            case JSON -> elements(expressions);
            default -> expressions.of(kind, 2);
        };
    }

    private static String elements(RandomExpressions expressions) {
        String json = expressions.column(Kind.JSON);
        return "jsonb_array_elements(CASE WHEN jsonb_typeof(" + json + ") = 'array' THEN " + json + " END)";
    }

    /** A further item of FROM, with the words that join it, whose arguments read the items before it. */
    String joined(String alias, List<Column> before, List<Column> mine) {
        RandomExpressions outer = new RandomExpressions(dice, before);
        String item = item(alias, outer, mine);
        if (dice.once(3)) {
            List<Column> both = new ArrayList<>(before);
            both.addAll(mine);
            String condition = dice.once(2) ? "true" : new RandomExpressions(dice, both).predicate(1);
            return "LEFT JOIN LATERAL " + item + " ON " + condition;
        }
        return "CROSS JOIN LATERAL " + item;
    }

    private String item(String alias, RandomExpressions outer, List<Column> mine) {
        switch (dice.below(6)) {
            case 5 -> {
                mine.add(new Column(alias + ".v", Kind.INT));
                mine.add(new Column(alias + ".o", Kind.INT));
                return "XMLTABLE('/r/v' PASSING xmlelement(name r, xmlelement(name v, coalesce(" + outer.of(Kind.INT, 1)
                        + ", 7)), xmlelement(name v, 2)) COLUMNS v int PATH '.', o FOR ORDINALITY) " + alias;
            }
            case 0 -> {
                mine.add(new Column(alias + ".v", Kind.INT));
                mine.add(new Column(alias + ".o", Kind.BIGINT));
                return "unnest(" + outer.of(Kind.INTS, 1) + ") WITH ORDINALITY " + alias + "(v, o)";
            }
            case 1 -> {
                mine.add(new Column(alias + ".v", Kind.INT));
                mine.add(new Column(alias + ".t", Kind.TEXT));
                return "(VALUES (" + outer.of(Kind.INT, 1) + ", " + outer.of(Kind.TEXT, 1)
                        + "), (1, 'a'), (NULL, NULL)) " + alias + "(v, t)";
            }
            case 2 -> {
                mine.add(new Column(alias + ".j", Kind.JSON));
                return elements(outer) + " " + alias + "(j)";
            }
            case 3 -> {
                mine.add(new Column(alias + ".v", Kind.INT));
                mine.add(new Column(alias + ".w", Kind.INT));
                return "ROWS FROM (generate_series(0, 1), unnest(" + outer.of(Kind.INTS, 1) + ")) " + alias + "(v, w)";
            }
            default -> {
                mine.add(new Column(alias + ".v", Kind.INT));
                return "generate_series(1, 2) " + alias + "(v)";
            }
        }
    }

    /** The definition of a recursive common table expression and its columns. */
    Relation recursive(String name, String start) {
        List<Column> columns = new ArrayList<>(List.of(new Column("c0", Kind.INT), new Column("c1", Kind.INT)));
        if (dice.once(3)) {
            return searched(name, start, columns);
        }
        String step =
                switch (dice.below(4)) {
                    case 0 -> "UNION SELECT w.c0, p.b FROM " + name + " w JOIN random_paired p ON p.a = w.c1";
                    case 1 -> "UNION SELECT p.y, w.c1 FROM " + name + " w, random_optional p WHERE p.x = w.c0";
                    case 2 -> "UNION ALL SELECT w.c0, w.c1 + 1 FROM " + name + " w WHERE w.c1 < 3";
                    default ->
                        "UNION ALL SELECT p.b, w.c1 + 1 FROM " + name
                                + " w, random_paired p WHERE p.a = w.c0 AND w.c1 BETWEEN 0 AND 2";
                };
        return new Relation(name + "(c0, c1) AS (\n" + start + "\n" + step + "\n)", columns);
    }

    private Relation searched(String name, String start, List<Column> columns) {
        String step = "\nUNION ALL SELECT w.c0, p.b FROM " + name + " w, random_paired p WHERE p.a = w.c1";
        String order = "";
        if (dice.once(2)) {
            order = " SEARCH " + dice.text("DEPTH", "BREADTH") + " FIRST BY c1 SET way";
        }
        columns.add(new Column("again", Kind.BOOL));
        return new Relation(
                name + "(c0, c1) AS (\nSELECT s.c0, s.c1 FROM " + start + " s" + step + "\n)" + order
                        + " CYCLE c0, c1 SET again USING path",
                columns);
    }

    /** Two queries with a set operation between them. */
    String operation(String left, String right) {
        return "(" + left + ")\n" + dice.text("EXCEPT", "EXCEPT ALL", "INTERSECT", "INTERSECT ALL") + "\n(" + right
                + ")";
    }

    /** Constant rows. */
    String values(List<Kind> kinds) {
        return "VALUES "
                + IntStream.rangeClosed(0, dice.below(2))
                        .mapToObj(row -> kinds.stream()
                                .map(kind -> "(" + dice.value(kind) + ")::" + RandomExpressions.type(kind))
                                .collect(Collectors.joining(", ", "(", ")")))
                        .collect(Collectors.joining(", "));
    }
}
