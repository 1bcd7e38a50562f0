package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The tables that random queries read: small, so that values repeat and groups come and go. Some of their columns, the
 * order of these, keys, indexes and partitions are random.
 */
final class RandomSchema {

    static final List<String> DROP = List.of(
            "DROP VIEW IF EXISTS random_view, random_summary",
            "DROP TABLE IF EXISTS random_keyed, random_paired, random_optional, random_bare, random_parted",
            "DROP AGGREGATE IF EXISTS random_sum(int)");

    /** The stream table that queries read. */
    static final String STREAM = "SELECT k, count(*) AS rows, max(d) AS d, sum(n) AS u FROM random_keyed GROUP BY k";

    private static final List<String> FUNCTIONS_AND_VIEWS =
            List.of("CREATE AGGREGATE random_sum(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0')", """
            CREATE VIEW random_view AS
            SELECT r.k, r.t, o.y, r.f FROM random_bare r JOIN random_optional o ON o.x = r.k WHERE r.flag IS NOT FALSE""", """
            CREATE VIEW random_summary AS
            SELECT k, count(*) AS rows, sum(n) AS u, max(t) AS t, bool_or(flag) AS flag FROM random_keyed GROUP BY k""");

    private static final List<Relation> DERIVED = List.of(
            new Relation(
                    "random_view",
                    List.of(
                            new Column("k", Kind.INT),
                            new Column("t", Kind.TEXT),
                            new Column("y", Kind.INT),
                            new Column("f", Kind.FLOAT))),
            new Relation(
                    "random_summary",
                    List.of(
                            new Column("k", Kind.INT),
                            new Column("rows", Kind.BIGINT),
                            new Column("u", Kind.LOOSE),
                            new Column("t", Kind.TEXT),
                            new Column("flag", Kind.BOOL))),
            new Relation(
                    "random_stream",
                    List.of(
                            new Column("k", Kind.INT),
                            new Column("rows", Kind.BIGINT),
                            new Column("d", Kind.DATE),
                            new Column("u", Kind.LOOSE))));

    private static final int MORE_COLUMNS_MAX = 2;

    private final Dice dice;
    private final List<String> create = new ArrayList<>();
    private final List<Relation> tables = new ArrayList<>();

    RandomSchema(Dice dice) {
        this.dice = dice;
        String partitions = dice.text("LIST", "RANGE");
        String low = partitions.equals("LIST") ? "IN (0, 1)" : "FROM (MINVALUE) TO (2)";
        add("random_keyed", "", "PRIMARY KEY (id)", keyed());
        add("random_paired", "", dice.text("PRIMARY KEY (a, b)", "UNIQUE (b, a)", "PRIMARY KEY (b, a)"), paired());
        add("random_optional", "", dice.text("UNIQUE (x)", "UNIQUE NULLS NOT DISTINCT (x)"), optional());
        add("random_bare", "", "", bare());
        add("random_parted", " PARTITION BY " + partitions + " (k)", dice.text("PRIMARY KEY (id, k)", ""), parted());
        create.add("CREATE TABLE random_parted_low PARTITION OF random_parted FOR VALUES " + low);
        create.add("CREATE TABLE random_parted_high PARTITION OF random_parted DEFAULT");
        for (Relation table : tables) {
            if (dice.once(2)) {
                create.add("CREATE INDEX ON " + table.sql() + " ("
                        + dice.of(table.columns()).name() + ")");
            }
        }
        create.addAll(FUNCTIONS_AND_VIEWS);
    }

    /** Drops and creates everything. */
    List<String> create() {
        return Stream.concat(DROP.stream(), create.stream()).toList();
    }

    List<Relation> tables() {
        return List.copyOf(tables);
    }

    Relation keyed(String alias) {
        return new Relation("random_keyed " + alias, tables.get(0).as(alias));
    }

    /** Tables, views and the stream table. */
    List<Relation> relations() {
        return Stream.concat(tables.stream(), DERIVED.stream()).toList();
    }

    /** Adds random columns, and one that is dropped again, which leaves a hole in the row. */
    private void add(String name, String partitioned, String constraint, List<Column> always) {
        List<Column> columns = new ArrayList<>(always);
        for (int i = dice.below(MORE_COLUMNS_MAX + 1); i > 0; i--) {
            columns.add(new Column("m" + i, dice.of(List.of(Kind.values()))));
        }
        tables.add(new Relation(name, columns));
        List<String> parts =
                columns.stream().map(RandomSchema::definition).collect(Collectors.toCollection(ArrayList::new));
        IntStream.range(0, parts.size()).forEach(i -> parts.add(dice.below(i + 1), parts.remove(i)));
        boolean hole = dice.once(3);
        if (hole) {
            parts.add(dice.below(parts.size()), "hole text");
        }
        if (!constraint.isEmpty()) {
            parts.add(constraint);
        }
        create.add("CREATE TABLE " + name + " (" + String.join(", ", parts) + ")" + partitioned);
        if (hole) {
            create.add("ALTER TABLE " + name + " DROP COLUMN hole");
        }
    }

    private static String definition(Column column) {
        String required = List.of("a", "b").contains(column.name()) ? " NOT NULL" : "";
        return column.name() + " " + RandomExpressions.type(column.kind()) + required;
    }

    private static List<Column> keyed() {
        return List.of(
                new Column("id", Kind.INT),
                new Column("k", Kind.INT),
                new Column("n", Kind.NUM),
                new Column("u", Kind.LOOSE),
                new Column("f", Kind.FLOAT),
                new Column("t", Kind.TEXT),
                new Column("flag", Kind.BOOL),
                new Column("d", Kind.DATE));
    }

    private static List<Column> paired() {
        return List.of(
                new Column("a", Kind.INT),
                new Column("b", Kind.INT),
                new Column("v", Kind.BIGINT),
                new Column("t", Kind.LATIN),
                new Column("n", Kind.NUM));
    }

    private static List<Column> optional() {
        return List.of(
                new Column("x", Kind.INT),
                new Column("y", Kind.INT),
                new Column("j", Kind.JSON),
                new Column("s", Kind.INTS),
                new Column("u", Kind.LOOSE));
    }

    private static List<Column> bare() {
        return List.of(
                new Column("k", Kind.INT),
                new Column("t", Kind.TEXT),
                new Column("l", Kind.LATIN),
                new Column("u", Kind.LOOSE),
                new Column("f", Kind.FLOAT),
                new Column("flag", Kind.BOOL));
    }

    private static List<Column> parted() {
        return List.of(
                new Column("id", Kind.INT),
                new Column("k", Kind.INT),
                new Column("n", Kind.NUM),
                new Column("d", Kind.DATE));
    }
}
