package io.runnel.definition;

import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Reads from the stored rules which functions a query calls, and what that means for its maintenance. */
final class FunctionReader {

    /**
     * What the stored trees say.
     *
     * @param refusals functions whose result may change although no source does
     * @param aggregates names of the aggregate functions, as PostgreSQL prints them
     * @param setReturning names of the set-returning functions, likewise
     * @param aggregateCalls number of aggregate calls in the query itself, views not expanded
     * @param sublinks number of subqueries in expressions, likewise
     * @param windowCalls number of window function calls, likewise
     * @param times number of readings of the clock, likewise
     * @param timed whether the query or a view in it reads the clock
     * @param typeSchemas schemas of the types of its values, {@code pg_catalog} excepted
     */
    record Functions(
            List<String> refusals,
            Set<String> aggregates,
            Set<String> setReturning,
            long aggregateCalls,
            long sublinks,
            long windowCalls,
            long times,
            boolean timed,
            Set<String> typeSchemas) {}

    // A delta would take the first operator of that name in its search_path, which may be another one. Whether an
    // OPEXPR
    // belongs to a CASE or a USING is not looked at: neither is common beside operators that are not PostgreSQL's own.
    //
    // Of what reads the clock, now(), CURRENT_DATE, CURRENT_TIMESTAMP and LOCALTIMESTAMP (operations 0, 3, 4, 7 and 8)
    // are
    // left to the parser, which refuses them where they are not understood.
    //
    // Stable functions of pg_catalog depend on settings, which a refresh fixes, except those that tell the time, the
    // session, or the contents of the database.
    private static final Sql READ = Sql.of("""
            WITH RECURSIVE used AS (
              SELECT $1::text::regclass::oid AS oid
              UNION
              SELECT m[1]::oid
              FROM used AS u
              JOIN pg_rewrite AS r ON r.ev_class = u.oid,
              regexp_matches(r.ev_action::text, ':relid (\\d+)', 'g') AS m
              JOIN pg_class AS c ON c.oid = m[1]::oid AND c.relkind = 'v'
            ), rules AS MATERIALIZED (
              SELECT r.ev_class, r.ev_action::text AS tree FROM used AS u JOIN pg_rewrite AS r ON r.ev_class = u.oid
            ), called AS (
              SELECT m[1]::oid AS oid
              FROM rules, regexp_matches(tree, ':(?:funcid|aggfnoid|winfnoid|opfuncid) (\\d+)', 'g') AS m
              UNION
              SELECT o.oprcode::oid
              FROM rules, regexp_matches(tree, ':opno (\\d+)', 'g') AS m
              JOIN pg_operator AS o ON o.oid = m[1]::oid
            ), times AS (
              SELECT r.ev_class
              FROM rules AS r, regexp_matches(tree, ':funcid (\\d+)', 'g') AS m
              WHERE m[1]::oid IN ('pg_catalog.now'::regproc, 'pg_catalog.transaction_timestamp'::regproc)
              UNION ALL
              SELECT r.ev_class
              FROM rules AS r, regexp_matches(tree, '\\{SQLVALUEFUNCTION :op [03478] ', 'g') AS m
            ), functions AS (
              SELECT p.*, n.nspname, CASE WHEN n.nspname = 'pg_catalog' THEN quote_ident(p.proname)
                ELSE quote_ident(n.nspname) || '.' || quote_ident(p.proname) END AS printed
              FROM called AS c
              JOIN pg_proc AS p ON p.oid = c.oid
              JOIN pg_namespace AS n ON n.oid = p.pronamespace
            ), refusals AS (
              SELECT 'function ' || printed || ' is volatile' AS reason FROM functions WHERE provolatile = 'v'
              UNION
              SELECT 'function ' || printed || ' is stable: its result may change although no source does'
              FROM functions
              WHERE provolatile = 's' AND (nspname <> 'pg_catalog'
                OR proname IN ('statement_timestamp', 'timenow', 'getdatabaseencoding',
                  'row_security_active', 'version', 'lastval', 'currval', 'ts_stat', 'col_description',
                  'obj_description', 'shobj_description', 'getpgusername', 'session_user', 'acldefault')
                OR proname ~ '^(pg_|has_|txid_|inet_(client|server)|current_|query_to_|table_to_|cursor_to_|schema_to_|database_to_|to_reg|binary_upgrade)'
                OR (proname = 'age' AND pronargs = 1))
              UNION
              SELECT CASE WHEN m[1]::int < 9
                THEN 'the time of day is part of the query, which begins anew at midnight: use now() or LOCALTIMESTAMP'
                ELSE 'the current role, catalog or schema is part of the query' END
              FROM rules, regexp_matches(tree, '\\{SQLVALUEFUNCTION :op (\\d+)', 'g') AS m
              WHERE m[1]::int NOT IN (0, 3, 4, 7, 8)
              UNION
              SELECT 'operator ' || quote_ident(n.nspname) || '.' || o.oprname
                || ' is meant where PostgreSQL prints no schema: in IS DISTINCT FROM, NULLIF, CASE or USING'
              FROM rules, regexp_matches(tree, '\\{(DISTINCTEXPR|NULLIFEXPR|OPEXPR) :opno (\\d+)', 'g') AS m
              JOIN pg_operator AS o ON o.oid = m[2]::oid
              JOIN pg_namespace AS n ON n.oid = o.oprnamespace AND n.nspname <> 'pg_catalog'
              WHERE m[1] <> 'OPEXPR' OR tree LIKE '%{CASETESTEXPR %' OR tree ~ ':joinmergedcols [1-9]'
            )
            SELECT ARRAY(SELECT reason FROM refusals ORDER BY reason) AS refusals,
              ARRAY(SELECT printed FROM functions WHERE prokind = 'a') AS aggregates,
              ARRAY(SELECT printed FROM functions WHERE proretset) AS set_returning,
              (SELECT count(*) FROM rules, regexp_matches(tree, '\\{AGGREF ', 'g')
               WHERE ev_class = $1::text::regclass) AS aggregate_calls,
              (SELECT count(*) FROM rules, regexp_matches(tree, '\\{SUBLINK ', 'g')
               WHERE ev_class = $1::text::regclass) AS sublinks,
              (SELECT count(*) FROM rules, regexp_matches(tree, '\\{WINDOWFUNC ', 'g')
               WHERE ev_class = $1::text::regclass) AS window_calls,
              (SELECT count(*) FROM times WHERE ev_class = $1::text::regclass) AS times,
              EXISTS (SELECT FROM times) AS timed,
              ARRAY(SELECT DISTINCT n.nspname::text
                FROM rules, regexp_matches(tree, ':\\w*type (\\d+)', 'g') AS m
                JOIN pg_type AS t ON t.oid = m[1]::oid
                JOIN pg_namespace AS n ON n.oid = t.typnamespace
                WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
                ORDER BY 1) AS type_schemas""");

    private FunctionReader() {}

    static Uni<Functions> read(Session session, QualifiedName view) {
        return session.one(READ, view.sql().text()).map(row -> functions(row.orElseThrow()));
    }

    private static Functions functions(Row row) {
        return new Functions(
                row.texts("refusals"),
                row.texts("aggregates").stream().collect(Collectors.toUnmodifiableSet()),
                row.texts("set_returning").stream().collect(Collectors.toUnmodifiableSet()),
                row.number("aggregate_calls"),
                row.number("sublinks"),
                row.number("window_calls"),
                row.number("times"),
                row.truth("timed"),
                row.texts("type_schemas").stream().collect(Collectors.toUnmodifiableSet()));
    }
}
