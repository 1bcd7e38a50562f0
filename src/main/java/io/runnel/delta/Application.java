package io.runnel.delta;

import io.runnel.operator.Cancellation;
import io.runnel.operator.ColumnType;
import io.runnel.operator.Keys;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Writes a delta to the visible table with the fewest row changes: an UPDATE where a key keeps existing, nothing where a
 * row is the same as before.
 *
 * <p>With a key, rows are found by it. Without one they are found by a hash of the row, compared by image
 * ({@code *=}), and duplicates are told apart by their place ({@code ctid}). Either way the statement counts what it
 * meant to change and what it did; the caller treats a difference as a broken invariant.
 */
public final class Application {

    /** The columns of the statement's one result row. */
    public static final List<String> COUNTS = List.of("inserted", "updated", "deleted", "came", "gone");

    private static final Identifier NET = Identifier.of("net");
    private static final Identifier TABLE = Identifier.of("t");
    private static final Identifier ROW = Identifier.of("n");

    private final Target target;

    private Application(Target target) {
        this.target = target;
    }

    /**
     * One statement that derives and applies a change.
     *
     * @param expressions common table expressions
     * @param change a query, over them, of the target's columns by position and {@code weight}
     */
    public static Sql statement(Target target, List<Sql> expressions, Sql change) {
        Application application = new Application(target);
        List<Sql> all = new ArrayList<>(expressions);
        List<Sql> names =
                new ArrayList<>(target.columns().stream().map(Identifier::sql).toList());
        names.add(Sql.of("weight"));
        all.add(Sql.of("\"change\" ({}) AS (\n{}\n)", names, change));
        all.add(Sql.of(
                "{} AS MATERIALIZED (\n{}\n)",
                NET,
                Cancellation.of(Sql.of("\"change\""), target.columns(), target::type)));
        Sql counts = target.key().isPresent() ? application.byKey(all) : application.byImage(all);
        return Sql.of("WITH {}\n{}", Sql.join(",\n", all), counts);
    }

    /** The index by which rows are found, without name: {@code ON table (…)}; absent if there is nothing to index. */
    public static Optional<Sql> index(Target target) {
        if (target.key().isPresent()) {
            List<Identifier> key = target.keyColumns();
            if (key.isEmpty()) {
                return Optional.empty();
            }
            if (!target.key().get().nullable()) {
                return Optional.of(Sql.of("ON {} ({})", target.table(), key));
            }
            List<Identifier> hashable = key.stream()
                    .filter(column -> target.type(column).hashable())
                    .toList();
            return hashable.isEmpty() ? Optional.empty() : Optional.of(hashIndex(target, hashable));
        }
        List<Identifier> hashable = hashable(target);
        return hashable.isEmpty() ? Optional.empty() : Optional.of(hashIndex(target, hashable));
    }

    private static Sql hashIndex(Target target, List<Identifier> columns) {
        return Sql.of("ON {} (hash_record_extended(ROW({}), 0))", target.table(), columns);
    }

    private static List<Identifier> hashable(Target target) {
        return target.columns().stream()
                .filter(column -> target.type(column).hashable())
                .toList();
    }

    private Sql byKey(List<Sql> all) {
        List<Identifier> columns = target.columns();
        List<Identifier> key = target.keyColumns();
        List<Sql> gone = new ArrayList<>(of("n", key));
        gone.add(Sql.of("n.weight"));
        all.add(Sql.of("\"gone\" AS MATERIALIZED (\nSELECT {}\nFROM {} AS n\nWHERE n.weight < 0\n)", gone, NET));
        all.add(Sql.of("\"came\" AS MATERIALIZED (\nSELECT n.*\nFROM {} AS n\nWHERE n.weight > 0\n)", NET));
        Identifier other = Identifier.of("o");
        Sql counterpart = key.isEmpty() ? Sql.of("true") : paired(other, ROW);
        List<Sql> assignments = columns.stream()
                .map(column -> Sql.of("{} = n.{}", column, column))
                .toList();
        all.add(Sql.of(
                "\"updated\" AS (\nUPDATE {} AS t\nSET {}\nFROM \"came\" AS n\nWHERE {} AND EXISTS (SELECT FROM \"gone\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                assignments,
                match(),
                counterpart));
        all.add(Sql.of(
                "\"deleted\" AS (\nDELETE FROM {} AS t\nUSING \"gone\" AS n\nWHERE {} AND NOT EXISTS (SELECT FROM \"came\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                match(),
                counterpart));
        all.add(Sql.of(
                "\"inserted\" AS (\nINSERT INTO {} ({})\nSELECT {}\nFROM \"came\" AS n\nWHERE NOT EXISTS (SELECT FROM \"gone\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                columns,
                of("n", columns),
                counterpart));
        return counts(Sql.of("\"updated\""));
    }

    /** How a key of the delta is found in the table. */
    private Sql match() {
        List<Identifier> key = target.keyColumns();
        if (!target.key().orElseThrow().nullable()) {
            return Keys.equal(TABLE, ROW, key);
        }
        List<Identifier> hashable =
                key.stream().filter(column -> target.type(column).hashable()).toList();
        Sql same = Keys.same(TABLE, ROW, key);
        return hashable.isEmpty() ? same : Sql.of("{} = {} AND {}", hash(TABLE, hashable), hash(ROW, hashable), same);
    }

    /** The same key on both sides of the delta. */
    private Sql paired(Identifier left, Identifier right) {
        List<Identifier> key = target.keyColumns();
        return target.key().orElseThrow().nullable()
                ? Sql.of(
                        "{} = {} AND {}",
                        Keys.hash(left, key, target::type),
                        Keys.hash(right, key, target::type),
                        Keys.same(left, right, key))
                : Keys.equal(left, right, key);
    }

    private Sql byImage(List<Sql> all) {
        List<Identifier> columns = target.columns();
        List<Identifier> hashable = hashable(target);
        Sql image = Sql.of("ROW({}) *= ROW({})", of("t", columns), of("n", columns));
        Sql found = hashable.isEmpty()
                ? image
                : Sql.of("{} = {} AND {}", hash(TABLE, hashable), hash(ROW, hashable), image);
        all.add(Sql.of(
                "\"gone\" AS MATERIALIZED (\nSELECT n.*, row_number() OVER () AS \"gone number\"\nFROM {} AS n\nWHERE n.weight < 0\n)",
                NET));
        all.add(Sql.of("""
                "deleted" AS (
                DELETE FROM {} AS t
                USING (
                  SELECT t.ctid AS place, n.weight,
                    row_number() OVER (PARTITION BY n."gone number" ORDER BY t.ctid) AS duplicate
                  FROM "gone" AS n
                  JOIN {} AS t ON {}
                ) AS n
                WHERE t.ctid = n.place AND n.duplicate <= -n.weight
                RETURNING 1
                )""", target.table(), target.table(), found));
        all.add(Sql.of("\"came\" AS MATERIALIZED (\nSELECT n.*\nFROM {} AS n\nWHERE n.weight > 0\n)", NET));
        all.add(Sql.of(
                "\"inserted\" AS (\nINSERT INTO {} ({})\nSELECT {}\nFROM \"came\" AS n, generate_series(1, n.weight)\nRETURNING 1\n)",
                target.table(),
                columns,
                of("n", columns)));
        return counts(Sql.of("(SELECT 1 WHERE false) AS none"));
    }

    private static Sql counts(Sql updated) {
        return Sql.of("""
                SELECT (SELECT count(*) FROM "inserted") AS inserted,
                  (SELECT count(*) FROM {}) AS updated,
                  (SELECT count(*) FROM "deleted") AS deleted,
                  (SELECT coalesce(sum(weight), 0)::bigint FROM "came") AS came,
                  (SELECT coalesce(-sum(weight), 0)::bigint FROM "gone") AS gone""", updated);
    }

    private static Sql hash(Identifier relation, List<Identifier> columns) {
        return Keys.hash(relation, columns, column -> new ColumnType("", ColumnType.Equality.EXACT, true));
    }

    private static List<Sql> of(String relation, List<Identifier> columns) {
        Identifier name = Identifier.of(relation);
        return columns.stream().map(column -> Sql.of("{}.{}", name, column)).toList();
    }
}
