package io.runnel.definition;

import io.runnel.cdc.Source;
import io.runnel.definition.RelationFacts.Column;
import io.runnel.definition.RelationFacts.Table;
import io.runnel.definition.TypeClasses.Declared;
import io.runnel.operator.ColumnType;
import io.runnel.parse.Relation;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** Reads what the catalogs say about every relation below a definition view. Needs an empty search path. */
final class RelationReader {

    private static final Sql RELATIONS = Sql.of(
            """
            WITH RECURSIVE used AS (
              SELECT m[1]::oid AS oid FROM pg_rewrite AS r, regexp_matches(r.ev_action::text, ':relid (\\d+)', 'g') AS m
              WHERE r.ev_class = $1::text::regclass AND m[1]::oid <> r.ev_class
              UNION
              SELECT m[1]::oid
              FROM used AS u
              JOIN pg_class AS c ON c.oid = u.oid AND c.relkind = 'v'
              JOIN pg_rewrite AS r ON r.ev_class = c.oid,
              regexp_matches(r.ev_action::text, ':relid (\\d+)', 'g') AS m
              WHERE m[1]::oid <> c.oid
            )
            SELECT c.oid::bigint AS oid, {} AS guard, n.nspname::text AS schema_name, c.relname::text AS table_name,
              c.relkind::text AS kind, c.relpersistence::text AS persistence, c.relrowsecurity AND EXISTS (
                SELECT FROM (SELECT $2::text AS name UNION
                             SELECT pg_get_userbyid(v.relowner) FROM used JOIN pg_class AS v ON v.oid = used.oid AND v.relkind = 'v') AS reader
                JOIN pg_roles AS r ON r.rolname = reader.name
                WHERE NOT (r.rolsuper OR r.rolbypassrls
                  OR (pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity))) AS row_security,
              EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid) AS inherited,
              (SELECT concat(CASE WHEN d.relkind = 'f' THEN 'foreign table ' ELSE 'unlogged table ' END, d.oid::regclass)
               FROM pg_class AS d WHERE d.oid IN ({}) AND (d.relkind = 'f' OR d.relpersistence <> 'p') LIMIT 1) AS alien,
              (SELECT d.oid::regclass::text FROM pg_class AS d
               WHERE d.oid IN ({}) AND NOT has_table_privilege(d.oid, 'TRIGGER') LIMIT 1) AS closed,
              n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast') AS "system",
              n.nspname = 'runnel_internal' AS own,
              has_table_privilege(c.oid, 'SELECT') AS may_select, has_table_privilege(c.oid, 'TRIGGER') AS may_trigger,
              has_any_column_privilege($2, c.oid, 'SELECT') AS owner_may_select, current_user::text AS service,
              CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid) END AS text
            FROM used AS u
            JOIN pg_class AS c ON c.oid = u.oid
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            ORDER BY c.oid""",
            Shape.guard(),
            Sql.of(Source.DESCENDANTS, Sql.of("c.oid")),
            Sql.of(Source.DESCENDANTS, Sql.of("c.oid")));
    private static final Sql COLUMNS = Sql.of("""
            SELECT a.attrelid::bigint AS relation, a.attnum::bigint AS number, a.attname::text AS name,
              a.atttypid::bigint AS type, a.attcollation::bigint AS collation,
              a.attnotnull AND NOT EXISTS (
                SELECT FROM pg_constraint AS k
                WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND NOT k.convalidated
              ) AS not_null, a.xmin::text AS version, a.attgenerated = 'v' AS virtual,
              a.atttypid || ' ' || a.atttypmod || ' ' || a.attcollation AS declared
            FROM pg_attribute AS a
            WHERE a.attrelid = ANY ($1::text::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY a.attrelid, a.attnum""");
    private static final Sql KEYS = Sql.of("""
            SELECT i.indrelid::bigint AS relation,
              ARRAY(SELECT k.number::bigint FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
                    WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
            FROM pg_index AS i
            WHERE i.indrelid = ANY ($1::text::oid[]) AND i.indisunique AND i.indimmediate AND i.indisvalid
              AND i.indpred IS NULL AND i.indexprs IS NULL AND {}
            ORDER BY i.indrelid, i.indisprimary DESC, i.indexrelid""", Sql.of(Shape.IN_ITS_COLLATIONS));
    private static final String DRAFT = "draft_";

    private final Session session;
    private final RelationFacts facts = new RelationFacts();

    private RelationReader(Session session) {
        this.session = session;
    }

    /** The facts of the relations below {@code view}, for a query that runs with the rights of {@code owner}. */
    static Uni<RelationFacts> read(Session session, QualifiedName view, String owner) {
        RelationReader reader = new RelationReader(session);
        return session.query(RELATIONS, view.sql().text(), owner).flatMap(reader::read);
    }

    private Uni<RelationFacts> read(List<Row> relations) {
        relations.forEach(row -> facts.guard(row.number("oid"), row.text("guard")));
        String oids = relations.stream()
                .map(row -> String.valueOf(row.number("oid")))
                .collect(java.util.stream.Collectors.joining(",", "{", "}"));
        return session.query(COLUMNS, oids)
                .flatMap(columns -> session.query(KEYS, oids)
                        .flatMap(keys -> types(columns)
                                .invoke(types -> relations.stream()
                                        .filter(row -> !row.text("kind").equals("v"))
                                        .forEach(row -> facts.add(table(row, columns, keys, types))))
                                .flatMap(types -> views(relations, columns))));
    }

    private Uni<Map<Declared, ColumnType>> types(List<Row> columns) {
        return TypeClasses.load(
                session, columns.stream().map(RelationReader::declared).toList());
    }

    private static Declared declared(Row column) {
        return new Declared(column.number("type"), column.number("collation"));
    }

    private Uni<RelationFacts> views(List<Row> relations, List<Row> columns) {
        return Multi.createFrom()
                .items(relations.stream().filter(row -> row.text("kind").equals("v")))
                .onItem()
                .transformToUniAndConcatenate(row -> canonical(row.text("text"))
                        .invoke(text -> facts.add(
                                name(row),
                                new Relation.View(
                                        text,
                                        of(columns, row.number("oid")).stream()
                                                .map(column -> Identifier.of(column.text("name")))
                                                .toList()))))
                .collect()
                .asList()
                .replaceWith(facts);
    }

    /** The text as PostgreSQL prints it when it is wrapped; leaves a draft view, for the caller to roll back. */
    private Uni<String> canonical(String text) {
        QualifiedName draft = draft();
        String query = text.strip();
        return session.createView(draft, query.endsWith(";") ? query.substring(0, query.length() - 1) : query)
                .flatMap(created -> text(session, draft));
    }

    static QualifiedName draft() {
        return QualifiedName.of(
                "runnel_internal", DRAFT + UUID.randomUUID().toString().replace('-', '_'));
    }

    static Uni<String> text(Session session, QualifiedName view) {
        return session.one(
                        Sql.of("SELECT pg_get_viewdef($1::text::regclass) AS text"),
                        view.sql().text())
                .map(row -> row.orElseThrow().text("text"));
    }

    private static List<Row> of(List<Row> rows, long relation) {
        return rows.stream().filter(row -> row.number("relation") == relation).toList();
    }

    private static QualifiedName name(Row row) {
        return QualifiedName.of(row.text("schema_name"), row.text("table_name"));
    }

    private static Table table(Row row, List<Row> columns, List<Row> keys, Map<Declared, ColumnType> types) {
        List<Column> mine = new ArrayList<>();
        for (Row column : of(columns, row.number("oid"))) {
            mine.add(new Column(
                    column.number("number"),
                    Identifier.of(column.text("name")),
                    column.text("declared"),
                    java.util.Objects.requireNonNull(types.get(declared(column))),
                    column.truth("not_null"),
                    column.truth("virtual"),
                    column.text("version")));
        }
        List<List<Identifier>> unique = new ArrayList<>();
        for (Row key : of(keys, row.number("oid"))) {
            List<Column> parts = mine.stream()
                    .filter(column -> key.numbers("columns").contains(column.number()))
                    .toList();
            if (parts.stream().allMatch(Column::notNull)) {
                unique.add(parts.stream().map(Column::name).toList());
            }
        }
        return new Table(
                name(row),
                row.number("oid"),
                row.text("kind").equals("p"),
                row.text("kind").equals("r") && row.truth("inherited"),
                row.text("kind").equals("r") || row.text("kind").equals("p"),
                refusal(row),
                missingRight(row),
                mine,
                unique);
    }

    private static Optional<String> refusal(Row row) {
        String table = name(row).display();
        if (row.truth("system")) {
            return Optional.of("system catalog " + table + " has no change capture");
        }
        if (row.truth("own")) {
            // A refresh writes such tables itself, and would be its own reason for the next one.
            return Optional.of("table " + table + " belongs to Runnel and has no change capture");
        }
        switch (row.text("kind")) {
            case "r", "p" -> {}
            case "f" -> {
                return Optional.of("foreign table " + table + " has no change capture");
            }
            case "m" -> {
                return Optional.of("materialized view " + table + " has no change capture");
            }
            default -> {
                return Optional.of("relation " + table + " is not a table");
            }
        }
        Optional<String> alien = row.optionalText("alien");
        if (alien.isPresent()) {
            return Optional.of(alien.get() + " is a part of table " + table + " and has no change capture");
        }
        if (!row.text("persistence").equals("p")) {
            return Optional.of("unlogged table " + table + " loses its rows in a crash without a change");
        }
        if (row.truth("row_security")) {
            return Optional.of(
                    "table " + table
                            + " has row-level security, which the owner of the stream table does not bypass, and its change buffer does not follow");
        }
        return row.truth("owner_may_select")
                ? Optional.empty()
                : Optional.of("table " + table + " is behind a view and the owner of the stream table may not read it");
    }

    private static Optional<String> missingRight(Row row) {
        String table = name(row).display();
        if (!row.truth("may_select")) {
            return Optional.of("GRANT SELECT ON " + table + " TO " + row.text("service"));
        }
        return (row.truth("may_trigger") ? row.optionalText("closed") : Optional.of(table))
                .map(closed -> "GRANT TRIGGER ON " + closed + " TO " + row.text("service"));
    }
}
