package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * A bag of rows in an auxiliary table, told apart by image as in {@link Cancellation}, with the hash of each row in
 * {@code key_hash}. Duplicates are told apart by their place.
 */
record StoredRows(List<Identifier> columns, QualifiedName table, Function<Identifier, ColumnType> types) {

    /** The places, {@code place}, of the rows that are taken out. */
    static final String PLACES = "places";

    private static final Identifier NEW = Identifier.of("n");
    private static final Identifier OLD = Identifier.of("s");
    private static final String GONE = """
            SELECT n.*, row_number() OVER () AS number, {} AS {}
            FROM {} AS n
            WHERE n.weight < 0""";
    private static final String PLACED = """
            SELECT s.place
            FROM {} AS n
            CROSS JOIN LATERAL (SELECT s.ctid AS place FROM {} AS s WHERE s.{} = n.{} AND {} LIMIT -n.weight) AS s""";

    // An array, so that no estimate of how many there are makes of it a scan.
    private static final String REMOVED = """
            DELETE FROM {} AS t
            WHERE t.ctid = ANY (ARRAY(SELECT n.place FROM {} AS n))""";
    private static final String ADDED = """
            INSERT INTO {} ({})
            SELECT {}, {}
            FROM {} AS n, generate_series(1, n.weight)
            WHERE n.weight > 0""";

    /** Takes out and puts in what {@code net} says: the columns and a weight, each image once. */
    void apply(Identifier net, Deltas deltas) {
        Sql hash = Keys.hash(NEW, columns, types);
        Identifier gone = deltas.define("gone", Sql.of(GONE, hash, Aggregation.KEY_HASH, net));
        Identifier places = deltas.define(
                PLACES, Sql.of(PLACED, gone, table, Aggregation.KEY_HASH, Aggregation.KEY_HASH, sameImage()));
        deltas.write("removed", Sql.of(REMOVED, table, places));
        List<Identifier> all = new ArrayList<>();
        all.add(Aggregation.KEY_HASH);
        all.addAll(columns);
        deltas.write("added", Sql.of(ADDED, table, all, hash, GroupDelta.columns("n", columns), net));
    }

    private Sql sameImage() {
        List<Sql> stored = Cancellation.image(OLD, columns, types);
        List<Sql> given = Cancellation.image(NEW, columns, types);
        List<Sql> conditions = new ArrayList<>();
        for (int i = 0; i < stored.size(); i++) {
            conditions.add(Sql.of("{} IS NOT DISTINCT FROM {}", stored.get(i), given.get(i)));
        }
        return Sql.join(" AND ", conditions);
    }
}
