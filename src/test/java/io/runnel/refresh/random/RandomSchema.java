package io.runnel.refresh.random;

import io.runnel.refresh.random.Relation.Column;
import java.util.List;

/** The tables that random queries read: small, so that values repeat and groups come and go. */
final class RandomSchema {

    static final List<String> CREATE = List.of(
            """
            CREATE TABLE random_keyed (id int PRIMARY KEY, k int, n numeric(6,2), u numeric, f float8,
              t text, flag boolean, d date)""",
            "CREATE TABLE random_paired (a int, b int, v bigint, t text COLLATE \"C\", n numeric(6,2), PRIMARY KEY (a, b))",
            "CREATE TABLE random_optional (x int UNIQUE, y int, j jsonb, s int[], u numeric)",
            "CREATE TABLE random_bare (k int, t text, l text COLLATE \"C\", u numeric, f float8, flag boolean)",
            "CREATE TABLE random_parted (id int, k int NOT NULL, n numeric(6,2), d date, PRIMARY KEY (id, k)) PARTITION BY LIST (k)",
            "CREATE TABLE random_parted_low PARTITION OF random_parted FOR VALUES IN (0, 1)",
            "CREATE TABLE random_parted_high PARTITION OF random_parted DEFAULT",
            """
            CREATE VIEW random_view AS
            SELECT r.k, r.t, o.y, r.f FROM random_bare r JOIN random_optional o ON o.x = r.k WHERE r.flag IS NOT FALSE""",
            """
            CREATE VIEW random_summary AS
            SELECT k, count(*) AS rows, sum(n) AS u, max(t) AS t, bool_or(flag) AS flag FROM random_keyed GROUP BY k""");

    /** The stream table that queries read. */
    static final String STREAM = "SELECT k, count(*) AS rows, max(d) AS d, sum(n) AS u FROM random_keyed GROUP BY k";

    static final List<String> DROP = List.of(
            "DROP VIEW random_view, random_summary",
            "DROP TABLE random_keyed, random_paired, random_optional, random_bare, random_parted");

    static final Relation KEYED = new Relation(
            "random_keyed",
            List.of(
                    new Column("id", Kind.INT),
                    new Column("k", Kind.INT),
                    new Column("n", Kind.NUM),
                    new Column("u", Kind.LOOSE),
                    new Column("f", Kind.FLOAT),
                    new Column("t", Kind.TEXT),
                    new Column("flag", Kind.BOOL),
                    new Column("d", Kind.DATE)));
    static final Relation PAIRED = new Relation(
            "random_paired",
            List.of(
                    new Column("a", Kind.INT),
                    new Column("b", Kind.INT),
                    new Column("v", Kind.BIGINT),
                    new Column("t", Kind.LATIN),
                    new Column("n", Kind.NUM)));
    static final Relation OPTIONAL = new Relation(
            "random_optional",
            List.of(
                    new Column("x", Kind.INT),
                    new Column("y", Kind.INT),
                    new Column("j", Kind.JSON),
                    new Column("s", Kind.INTS),
                    new Column("u", Kind.LOOSE)));
    static final Relation BARE = new Relation(
            "random_bare",
            List.of(
                    new Column("k", Kind.INT),
                    new Column("t", Kind.TEXT),
                    new Column("l", Kind.LATIN),
                    new Column("u", Kind.LOOSE),
                    new Column("f", Kind.FLOAT),
                    new Column("flag", Kind.BOOL)));
    static final Relation PARTED = new Relation(
            "random_parted",
            List.of(
                    new Column("id", Kind.INT),
                    new Column("k", Kind.INT),
                    new Column("n", Kind.NUM),
                    new Column("d", Kind.DATE)));

    static final List<Relation> TABLES = List.of(KEYED, PAIRED, OPTIONAL, BARE, PARTED);

    static final List<Relation> RELATIONS = List.of(
            KEYED,
            PAIRED,
            OPTIONAL,
            BARE,
            PARTED,
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

    private RandomSchema() {}
}
