package io.runnel.delta;

import io.runnel.operator.ColumnType;
import io.runnel.operator.Operator;
import io.runnel.operator.Projection;
import io.runnel.operator.Scan;
import io.runnel.operator.Types;
import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The types of a tree's columns. Those of tables are known from the catalogs; those of expressions only PostgreSQL can
 * tell, so they are asked for with one query that reads no rows.
 */
public final class TreeTypes implements Types {

    private static final String PROBE = """
            SELECT ARRAY[{}]::bigint[] AS types, ARRAY[{}]::bigint[] AS collations
            FROM (SELECT) AS one
            {}""";
    /** What the row of {@link #probe} is declared as. */
    public static final Sql PROBE_COLUMNS = Sql.of("types bigint[], collations bigint[]");

    private static final String PROBED = "LEFT JOIN ({}) AS {} ON false";
    private static final String TYPE = "pg_typeof({}.{})::oid::bigint";

    // Asking for the collation of what can have none is an error; that of a conflict is unknown, and null.
    private static final String COLLATION = """
            CASE WHEN (SELECT t.typcollation FROM pg_type AS t WHERE t.oid = pg_typeof({}.{})) = 0 THEN 0
              ELSE coalesce(pg_collation_for({}.{})::regcollation::oid::bigint, 0) END""";

    private final SourceFacts facts;
    private final Map<Probed, ColumnType> probed;

    private record Probed(Operator operator, Identifier column) {}

    private TreeTypes(SourceFacts facts, Map<Probed, ColumnType> probed) {
        this.facts = facts;
        this.probed = Map.copyOf(probed);
    }

    /**
     * A query of one row with two arrays, {@code types} and {@code collations}: the OIDs of those of the tree's computed
     * columns, 0 for no collation.
     */
    public static Sql probe(Operator root) {
        List<Sql> types = new ArrayList<>();
        List<Sql> collations = new ArrayList<>();
        List<Sql> joins = new ArrayList<>();
        for (Operator operator : computing(root)) {
            Identifier alias = Identifier.of("o" + joins.size());
            joins.add(Sql.of(PROBED, Results.query(operator), alias));
            for (Identifier column : operator.computed()) {
                types.add(Sql.of(TYPE, alias, column));
                collations.add(Sql.of(COLLATION, alias, column, alias, column));
            }
        }
        return Sql.of(PROBE, types, collations, Sql.join("\n", joins));
    }

    /** The answer to {@link #probe}, in its order, each type already resolved. */
    public static TreeTypes of(Operator root, SourceFacts facts, List<ColumnType> answer) {
        Map<Probed, ColumnType> probed = new HashMap<>();
        int next = 0;
        for (Operator operator : computing(root)) {
            for (Identifier column : operator.computed()) {
                probed.put(new Probed(operator, column), answer.get(next++));
            }
        }
        return new TreeTypes(facts, probed);
    }

    private static List<Operator> computing(Operator root) {
        return root.walk()
                .filter(operator -> !operator.computed().isEmpty())
                .distinct()
                .toList();
    }

    @Override
    public ColumnType type(Operator operator, Identifier column) {
        ColumnType known = probed.get(new Probed(operator, column));
        if (known != null) {
            return known;
        }
        if (operator instanceof Scan scan) {
            return facts.type(scan.table(), read(scan, column));
        }
        if (operator instanceof Projection projection) {
            Identifier source = projection.outputs().stream()
                    .filter(output -> output.name().equals(column))
                    .flatMap(output -> output.expression().asColumn().stream())
                    .findFirst()
                    .orElseThrow(() -> unknown(operator, column));
            return type(projection.input(), source);
        }
        return passedThrough(operator, column);
    }

    private ColumnType passedThrough(Operator operator, Identifier column) {
        return operator.inputs().stream()
                .filter(input -> input.columns().contains(column))
                .findFirst()
                .map(input -> type(input, column))
                .orElseThrow(() -> unknown(operator, column));
    }

    private static Identifier read(Scan scan, Identifier name) {
        return scan.reads().stream()
                .filter(read -> read.name().equals(name))
                .map(Scan.Read::column)
                .findFirst()
                .orElseThrow(() -> unknown(scan, name));
    }

    private static IllegalStateException unknown(Operator operator, Identifier column) {
        return new IllegalStateException(operator.label() + " has no column " + column);
    }
}
