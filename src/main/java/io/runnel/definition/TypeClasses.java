package io.runnel.definition;

import io.runnel.operator.ColumnType;
import io.runnel.operator.ColumnType.Equality;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Classifies types by what their equality means. What is not known to be exact is taken to be inexact. */
final class TypeClasses {

    private static final Set<String> EXACT = Set.of(
            "boolean",
            "smallint",
            "integer",
            "bigint",
            "oid",
            "text",
            "character varying",
            "name",
            "\"char\"",
            "uuid",
            "bytea",
            "date",
            "time without time zone",
            "time with time zone",
            "timestamp without time zone",
            "timestamp with time zone",
            "inet",
            "cidr",
            "macaddr",
            "macaddr8",
            "xid8",
            "pg_lsn");
    private static final Set<String> INEXACT =
            Set.of("numeric", "real", "double precision", "interval", "jsonb", "character", "bpchar");

    private static final Sql LOAD = Sql.of("""
            SELECT a.oid::bigint AS oid, format_type(b.oid, NULL) AS base, b.typtype::text AS kind,
              CASE WHEN b.typcategory = 'A' THEN format_type(e.oid, NULL) END AS element, e.typtype::text AS element_kind,
              EXISTS (SELECT FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod
                WHERE o.opcintype = b.oid AND o.opcdefault AND m.amname = 'btree') AS ordered,
              EXISTS (SELECT FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod
                WHERE o.opcintype = b.oid AND o.opcdefault AND m.amname = 'hash') AS hashed
            FROM unnest($1::text::bigint[]) AS a(oid)
            CROSS JOIN LATERAL (
              WITH RECURSIVE base AS (
                SELECT t.oid, t.typtype, t.typbasetype, t.typcategory, t.typelem FROM pg_type AS t WHERE t.oid = a.oid::oid
                UNION ALL
                SELECT t.oid, t.typtype, t.typbasetype, t.typcategory, t.typelem FROM base
                JOIN pg_type AS t ON t.oid = base.typbasetype WHERE base.typtype = 'd'
              ) SELECT * FROM base WHERE base.typtype <> 'd'
            ) AS b
            LEFT JOIN pg_type AS e ON e.oid = b.typelem AND b.typcategory = 'A'""");

    private TypeClasses() {}

    /** The classes of types by OID. */
    static Uni<Map<Long, ColumnType>> load(Session session, Collection<Long> types) {
        String array = types.stream().distinct().map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
        return session.query(LOAD, array).map(rows -> {
            Map<Long, ColumnType> classes = new HashMap<>();
            rows.forEach(row -> classes.put(row.number("oid"), classify(row)));
            return classes;
        });
    }

    private static ColumnType classify(Row row) {
        String base = row.text("base");
        String kind = row.text("kind");
        boolean array = row.optionalText("element").isPresent();
        String scalar = row.optionalText("element").orElse(base);
        String scalarKind = row.optionalText("element_kind").orElse(kind);
        if (EXACT.contains(scalar) || scalarKind.equals("e")) {
            return new ColumnType(base, Equality.EXACT, true);
        }
        if (INEXACT.contains(scalar) || (!array && (kind.equals("r") || kind.equals("m")))) {
            return new ColumnType(base, Equality.INEXACT, true);
        }
        if (!array && row.truth("ordered")) {
            return new ColumnType(base, Equality.INEXACT, row.truth("hashed"));
        }
        return new ColumnType(base, Equality.NONE, false);
    }
}
