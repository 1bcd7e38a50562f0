package io.runnel.definition;

import io.runnel.operator.ColumnType;
import io.runnel.operator.ColumnType.Equality;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Classifies types by what their equality means, as PostgreSQL's own catalogs tell it.
 *
 * <p>A domain is what it is based on; an array, a composite or a range is what its parts are. The equality of a scalar is
 * exact if its B-tree operator class says so ({@code btequalimage}, by which PostgreSQL decides what an index may
 * deduplicate) and if its collation, should it have one, is deterministic. {@code char(n)} says so of stored values
 * and is left out, because its text shows the padding that its equality ignores. A composite type is never exact: it is
 * null in one sense of IS NULL and not in another.
 */
final class TypeClasses {

    private static final Sql LOAD = Sql.of("""
            WITH RECURSIVE part AS (
              SELECT a.number, a.type::oid AS type, a.collated::oid AS collated
              FROM unnest($1::text::bigint[], $2::text::bigint[]) WITH ORDINALITY AS a(type, collated, number)
              UNION
              SELECT p.number, s.type, s.collated
              FROM part AS p
              JOIN pg_type AS t ON t.oid = p.type
              CROSS JOIN LATERAL (
                SELECT t.typbasetype AS type, p.collated AS collated WHERE t.typtype = 'd'
                UNION ALL
                SELECT t.typelem, p.collated
                WHERE t.typtype = 'b' AND t.typsubscript = 'array_subscript_handler'::regproc
                UNION ALL
                SELECT a.atttypid, a.attcollation FROM pg_attribute AS a
                WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                UNION ALL
                SELECT r.rngsubtype, r.rngcollation FROM pg_range AS r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
              ) AS s
              WHERE t.typtype = 'd' OR NOT EXISTS (
                SELECT FROM pg_opclass AS o WHERE o.opcintype = t.oid AND o.opcdefault)
            ), class AS (
              SELECT p.number, m.amname, o.opcfamily, o.opcintype,
                row_number() OVER (PARTITION BY p.number, p.type, p.collated, m.oid ORDER BY i.oid = p.type DESC) AS choice,
                p.type, p.collated
              FROM part AS p
              JOIN pg_opclass AS o ON o.opcdefault
              JOIN pg_am AS m ON m.oid = o.opcmethod AND m.amname IN ('btree', 'hash')
              JOIN pg_type AS i ON i.oid = o.opcintype
              WHERE i.oid = p.type OR (i.typispreferred AND EXISTS (
                SELECT FROM pg_cast AS c
                WHERE c.castsource = p.type AND c.casttarget = i.oid AND c.castmethod = 'b' AND c.castcontext = 'i'))
            ), scalar AS (
              SELECT p.number, t.typtype = 'e' AS enumeration, b.opcfamily IS NOT NULL AS ordered,
                EXISTS (SELECT FROM pg_amproc AS f
                  WHERE f.amprocfamily = h.opcfamily AND f.amproclefttype = h.opcintype AND f.amprocnum = 2) AS hashed,
                t.typname <> 'bpchar' AND EXISTS (SELECT FROM pg_amproc AS f
                  WHERE f.amprocfamily = b.opcfamily AND f.amproclefttype = b.opcintype AND f.amprocnum = 4)
                AND (t.typcollation = 0 OR EXISTS (
                  SELECT FROM pg_collation AS l WHERE l.oid = p.collated AND l.collisdeterministic)) AS exact
              FROM part AS p
              JOIN pg_type AS t ON t.oid = p.type
              LEFT JOIN class AS b ON b.choice = 1 AND b.amname = 'btree'
                AND (b.number, b.type, b.collated) = (p.number, p.type, p.collated)
              LEFT JOIN class AS h ON h.choice = 1 AND h.amname = 'hash'
                AND (h.number, h.type, h.collated) = (p.number, p.type, p.collated)
              WHERE b.opcfamily IS NOT NULL OR t.typtype IN ('e', 'p')
                OR (t.typtype = 'b' AND t.typsubscript <> 'array_subscript_handler'::regproc)
            ), base AS (
              SELECT a.number, a.type::oid AS oid FROM unnest($1::text::bigint[]) WITH ORDINALITY AS a(type, number)
              UNION
              SELECT b.number, t.typbasetype FROM base AS b JOIN pg_type AS t ON t.oid = b.oid WHERE t.typtype = 'd'
            )
            SELECT b.number, format_type(b.oid, -1) AS name, b.oid <> ($1::text::oid[])[b.number] AS domain,
              coalesce(bool_and(s.enumeration OR s.ordered), true) AS ordered,
              coalesce(bool_and(s.enumeration OR s.hashed), true) AS hashed,
              coalesce(bool_and(s.enumeration OR s.exact), true) AND t.typtype <> 'c' AS exact
            FROM base AS b
            JOIN pg_type AS t ON t.oid = b.oid AND t.typtype <> 'd'
            LEFT JOIN scalar AS s ON s.number = b.number
            GROUP BY b.number, b.oid, t.typtype
            ORDER BY b.number""");

    private TypeClasses() {}

    /** A type and the collation of what has it, both as OIDs; 0 if it has none. */
    record Declared(long type, long collation) {}

    static Uni<Map<Declared, ColumnType>> load(Session session, Collection<Declared> types) {
        List<Declared> distinct = types.stream().distinct().toList();
        return session.query(LOAD, array(distinct, Declared::type), array(distinct, Declared::collation))
                .map(rows -> {
                    Map<Declared, ColumnType> classes = new HashMap<>();
                    rows.forEach(row -> {
                        Declared declared = distinct.get((int) row.number("number") - 1);
                        classes.put(declared, classify(row, declared.collation()));
                    });
                    return classes;
                });
    }

    private static String array(List<Declared> types, Function<Declared, Long> part) {
        return types.stream().map(part).map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
    }

    private static ColumnType classify(Row row, long collation) {
        String name = row.text("name");
        boolean domain = row.truth("domain");
        if (!row.truth("ordered")) {
            return new ColumnType(name, Equality.NONE, false, domain, collation);
        }
        Equality equality = row.truth("exact") ? Equality.EXACT : Equality.INEXACT;
        return new ColumnType(name, equality, row.truth("hashed"), domain, collation);
    }
}
