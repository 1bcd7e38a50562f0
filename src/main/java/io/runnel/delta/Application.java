package io.runnel.delta;

import io.runnel.operator.Cancellation;
import io.runnel.operator.ColumnType;
import io.runnel.operator.Keys;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * Writes a delta to the visible table with the fewest row changes: an UPDATE where a key keeps existing, nothing where a
 * row is the same as before.
 *
 * <p>With a key, rows are found by it. Without one they are found by a hash of the row, compared by image,
 * and duplicates are told apart by their place ({@code ctid}). Either way the statement counts what it
 * meant to change and what it did; the caller treats a difference as a broken invariant.
 */
public final class Application {

    /** The columns of the statement's one result row. */
    public static final List<String> COUNTS = List.of("inserted", "updated", "deleted", "came", "gone");

    private static final Identifier NET = Identifier.of("net");
    private static final Identifier TABLE = Identifier.of("t");
    private static final Identifier ROW = Identifier.of("n");

    private static final String LOOKED_UP = """
            SELECT t.place
            FROM "gone" AS n
            CROSS JOIN LATERAL (SELECT t.ctid AS place FROM {} AS t WHERE {} LIMIT -n.weight) AS t""";
    private static final String JOINED = """
            SELECT n.place
            FROM (
              SELECT t.ctid AS place, n.weight,
                row_number() OVER (PARTITION BY n."gone number" ORDER BY t.ctid) AS duplicate
              FROM "gone" AS n
              JOIN {} AS t ON {}
            ) AS n
            WHERE n.duplicate <= -n.weight""";

    private final Target target;
    private final boolean few;

    /** The delta's own names for the target's columns, which no name of a user can collide with. */
    private final List<Identifier> columns;

    private Application(Target target, boolean few) {
        this.target = target;
        this.few = few;
        this.columns = IntStream.range(0, target.columns().size())
                .mapToObj(i -> Identifier.of("c" + i))
                .toList();
    }

    /**
     * One statement that derives and applies a change.
     *
     * @param expressions common table expressions
     * @param change a query, over them, of the target's columns by position and {@code weight}
     * @param few whether the change is small beside the table
     */
    public static Sql statement(Target target, List<Sql> expressions, Sql change, boolean few) {
        Application application = new Application(target, few);
        List<Sql> all = new ArrayList<>(expressions);
        List<Sql> names = new ArrayList<>(
                application.columns.stream().map(Identifier::sql).toList());
        names.add(Sql.of("weight"));
        all.add(Sql.of("\"change\" ({}) AS (\n{}\n)", names, change));
        all.add(Sql.of(
                "{} AS MATERIALIZED (\n{}\n)",
                NET,
                Cancellation.of(Sql.of("\"change\""), application.columns, application::type)));
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
            if (target.unique()) {
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
        List<Integer> key = target.key().orElseThrow().columns();
        List<Sql> gone = new ArrayList<>(of("n", named(columns, key)));
        gone.add(Sql.of("n.weight"));
        all.add(Sql.of("\"gone\" AS MATERIALIZED (\nSELECT {}\nFROM {} AS n\nWHERE n.weight < 0\n)", gone, NET));
        all.add(Sql.of("\"came\" AS MATERIALIZED (\nSELECT n.*\nFROM {} AS n\nWHERE n.weight > 0\n)", NET));
        Sql counterpart = paired(key);
        Sql found = match(key);
        List<Sql> assignments = IntStream.range(0, columns.size())
                .mapToObj(i -> Sql.of("{} = n.{}", target.columns().get(i), columns.get(i)))
                .toList();
        all.add(Sql.of(
                "\"updated\" AS (\nUPDATE {} AS t\nSET {}\nFROM \"came\" AS n\nWHERE {} AND EXISTS (SELECT FROM \"gone\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                assignments,
                found,
                counterpart));
        all.add(Sql.of(
                "\"deleted\" AS (\nDELETE FROM {} AS t\nUSING \"gone\" AS n\nWHERE {} AND NOT EXISTS (SELECT FROM \"came\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                found,
                counterpart));
        all.add(Sql.of(
                "\"inserted\" AS (\nINSERT INTO {} ({})\nSELECT {}\nFROM \"came\" AS n\nWHERE NOT EXISTS (SELECT FROM \"gone\" AS o WHERE {})\nRETURNING 1\n)",
                target.table(),
                target.columns(),
                of("n", columns),
                counterpart));
        return counts(Sql.of("\"updated\""));
    }

    /** How a key {@code n} of the delta is found in the table {@code t}. */
    private Sql match(List<Integer> key) {
        return same(TABLE, named(target.columns(), key), ROW, named(columns, key), hashable(key));
    }

    /** The same key on both sides {@code o} and {@code n} of the delta. */
    private Sql paired(List<Integer> key) {
        List<Identifier> names = named(columns, key);
        return same(Identifier.of("o"), names, ROW, names, hashable(key));
    }

    private Sql same(
            Identifier left,
            List<Identifier> leftKey,
            Identifier right,
            List<Identifier> rightKey,
            List<Integer> hashable) {
        if (leftKey.isEmpty()) {
            return Sql.of("true");
        }
        boolean nullable = target.key().orElseThrow().nullable();
        List<Sql> conditions = new ArrayList<>();
        if (!target.unique() && !hashable.isEmpty()) {
            boolean visible = left.equals(TABLE);
            conditions.add(Sql.of(
                    "{} = {}",
                    hash(left, named(visible ? target.columns() : columns, hashable)),
                    hash(right, named(columns, hashable))));
        }
        for (int i = 0; i < leftKey.size(); i++) {
            conditions.add(
                    nullable
                            ? Sql.of("{}.{} IS NOT DISTINCT FROM {}.{}", left, leftKey.get(i), right, rightKey.get(i))
                            : Sql.of("{}.{} = {}.{}", left, leftKey.get(i), right, rightKey.get(i)));
        }
        return Sql.join(" AND ", conditions);
    }

    private Sql byImage(List<Sql> all) {
        List<Integer> hashable =
                hashable(IntStream.range(0, columns.size()).boxed().toList());
        Sql image = Sql.of("ROW({})::record = ROW({})::record", image(TABLE, target.columns()), image(ROW, columns));
        Sql found = hashable.isEmpty()
                ? image
                : Sql.of(
                        "{} = {} AND {}",
                        hash(TABLE, named(target.columns(), hashable)),
                        hash(ROW, named(columns, hashable)),
                        image);
        all.add(Sql.of(
                "\"gone\" AS MATERIALIZED (\nSELECT n.*, row_number() OVER () AS \"gone number\"\nFROM {} AS n\nWHERE n.weight < 0\n)",
                NET));
        // Each image is looked up by itself where there are few: PostgreSQL, which cannot know, might read the whole
        // table.
        Sql places = few && !hashable.isEmpty()
                ? Sql.of(LOOKED_UP, target.table(), found)
                : Sql.of(JOINED, target.table(), found);
        all.add(Sql.of(
                "\"deleted\" AS (\nDELETE FROM {} AS t\nUSING (\n{}\n) AS n\nWHERE t.ctid = n.place\nRETURNING 1\n)",
                target.table(),
                places));
        all.add(Sql.of("\"came\" AS MATERIALIZED (\nSELECT n.*\nFROM {} AS n\nWHERE n.weight > 0\n)", NET));
        all.add(Sql.of(
                "\"inserted\" AS (\nINSERT INTO {} ({})\nSELECT {}\nFROM \"came\" AS n, generate_series(1, n.weight)\nRETURNING 1\n)",
                target.table(),
                target.columns(),
                of("n", columns)));
        return counts(Sql.of("(SELECT 1 WHERE false) AS none"));
    }

    /**
     * What rows are told apart by, as in {@link Cancellation}. Not by their bytes: NaN and an array without nulls are each
     * stored in more than one way. Records are compared with the equality of each type, for which nulls are equal. Domains
     * are compared as what they are based on, because change buffers know no domains.
     */
    private List<Sql> image(Identifier relation, List<Identifier> names) {
        List<Sql> image = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            ColumnType type = target.types().get(i);
            Sql column = Sql.of("{}.{}", relation, names.get(i));
            Sql value = type.domain() ? Sql.of("{}::{}", column, Sql.printedByPostgres(type.name())) : column;
            if (type.equality() != ColumnType.Equality.NONE) {
                image.add(value);
            }
            if (type.equality() != ColumnType.Equality.EXACT) {
                image.add(type.image(value));
            }
        }
        return image;
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

    private List<Integer> hashable(List<Integer> positions) {
        return positions.stream()
                .filter(position -> target.types().get(position).hashable())
                .toList();
    }

    private static List<Identifier> named(List<Identifier> names, List<Integer> positions) {
        return positions.stream().map(names::get).toList();
    }

    private ColumnType type(Identifier column) {
        return target.types().get(columns.indexOf(column));
    }

    private static List<Sql> of(String relation, List<Identifier> columns) {
        Identifier name = Identifier.of(relation);
        return columns.stream().map(column -> Sql.of("{}.{}", name, column)).toList();
    }
}
