package io.runnel.rows;

import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Finds the table that a read model's name means. */
@ApplicationScoped
public class ServedTables {

    private static final Sql BY_TABLE = Sql.of("""
            SELECT DISTINCT c.oid::bigint AS relation, n.nspname::text AS schema_name, c.relname::text AS table_name
            FROM runnel_internal.model_written AS w
            JOIN pg_class AS c ON c.oid = w.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE w.relation = to_regclass($1::text)::oid""");
    private static final Sql BY_PROJECTION = Sql.of("""
            SELECT c.oid::bigint AS relation, n.nspname::text AS schema_name, c.relname::text AS table_name
            FROM runnel_internal.projection AS p
            CROSS JOIN unnest(p.targets) AS target (relation)
            JOIN pg_class AS c ON c.oid = target.relation
            JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE p.name = $1 AND p.rebuild_of IS NULL
            ORDER BY 2, 3""");
    private static final Sql MODELS = Sql.of("""
            SELECT kind, id, owner::text AS owner, time_zone, search_path, definition_view::text AS definition_view
            FROM runnel_internal.model_written
            WHERE relation = $1::bigint::oid
            ORDER BY kind DESC, id""");
    private static final Sql COLUMNS = Sql.of("""
            WITH attribute AS (
              SELECT a.attrelid, a.attname, a.atttypid, a.attnotnull,
                row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS place
              FROM pg_attribute AS a
              WHERE a.attrelid IN ($1::bigint::oid, to_regclass($2::text)::oid) AND a.attnum > 0 AND NOT a.attisdropped
            )
            SELECT a.attname::text AS name, n.nspname::text AS type_schema, t.typname::text AS type_name,
              NOT a.attnotnull AS nullable, coalesce(bn.nspname, n.nspname)::text AS operator_schema,
              v.attname::text AS in_definition
            FROM attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            JOIN pg_namespace AS n ON n.oid = t.typnamespace
            LEFT JOIN pg_type AS b ON b.oid = t.typbasetype
            LEFT JOIN pg_namespace AS bn ON bn.oid = b.typnamespace
            LEFT JOIN attribute AS v ON v.attrelid = to_regclass($2::text)::oid AND v.place = a.place
            WHERE a.attrelid = $1::bigint::oid
            ORDER BY a.place""");
    private static final Sql KEY = Sql.of("""
            SELECT k.columns, i.indnullsnotdistinct OR NOT k.nullable AS exact
            FROM pg_index AS i
            CROSS JOIN LATERAL (
              SELECT array_agg(a.attname::text ORDER BY p.place) AS columns, bool_or(NOT a.attnotnull) AS nullable
              FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS p (attnum, place)
              JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = p.attnum
              WHERE p.place <= i.indnkeyatts) AS k
            WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND i.indisvalid AND i.indimmediate
              AND i.indpred IS NULL AND i.indexprs IS NULL
            ORDER BY 2 DESC, i.indisprimary DESC, i.indnkeyatts, i.indexrelid
            LIMIT 1""");

    private final Database database;

    ServedTables(Database database) {
        this.database = database;
    }

    /**
     * A stream table, a managed materialized view or a projection's target by its name, or the only target of the projection of that name.
     *
     * @param table the name as that of a table, if it is one
     */
    public Uni<Served> find(String name, Optional<QualifiedName> table) {
        return database.session(session ->
                tables(session, name, table).map(found -> only(name, found)).flatMap(found -> served(session, found)));
    }

    private static Uni<List<Row>> tables(Session session, String name, Optional<QualifiedName> table) {
        Uni<List<Row>> byTable = table.map(
                        qualified -> session.query(BY_TABLE, qualified.sql().text()))
                .orElse(Uni.createFrom().item(List.of()));
        return byTable.flatMap(found -> found.isEmpty()
                ? session.query(BY_PROJECTION, name)
                : Uni.createFrom().item(found));
    }

    private static Row only(String name, List<Row> found) {
        if (found.isEmpty()) {
            throw new Failure.NotFound(
                    "no-read-model",
                    "there is no read model " + name + " with a table to read",
                    "GET /api/v1/read-models lists them; a projection is read by its target table");
        } else if (found.size() > 1) {
            throw new Failure.Invalid(
                    "several-targets",
                    "projection " + name + " has several target tables",
                    "name one of them: "
                            + found.stream().map(row -> name(row).display()).collect(Collectors.joining(", ")));
        }
        return found.get(0);
    }

    private static QualifiedName name(Row row) {
        return QualifiedName.of(row.text("schema_name"), row.text("table_name"));
    }

    private static Uni<Served> served(Session session, Row table) {
        long relation = table.number("relation");
        return session.query(MODELS, relation).flatMap(models -> {
            if (models.isEmpty()) {
                return Uni.createFrom()
                        .failure(new Failure.NotFound(
                                "no-read-model", name(table).display() + " is no read model any more", ""));
            }
            Optional<QualifiedName> definition = models.get(0)
                    .optionalText("definition_view")
                    .map(view -> QualifiedName.of("runnel_internal", view));
            String view = definition.map(found -> found.sql().text()).orElse("");
            return session.query(COLUMNS, relation, view.isEmpty() ? null : view)
                    .flatMap(columns ->
                            session.one(KEY, relation).map(key -> served(table, models, columns, key, definition)));
        });
    }

    private static Served served(
            Row table, List<Row> models, List<Row> attributes, Optional<Row> key, Optional<QualifiedName> definition) {
        Row first = models.get(0);
        List<Column> columns = attributes.stream().map(ServedTables::column).toList();
        List<Identifier> schemas = attributes.stream()
                .flatMap(row -> Stream.of(row.text("type_schema"), row.text("operator_schema")))
                .filter(schema -> !schema.equals("pg_catalog"))
                .distinct()
                .map(Identifier::of)
                .toList();
        List<Column> unique = key.map(row -> row.texts("columns").stream()
                        .map(name -> columns.stream()
                                .filter(column -> column.name().name().equals(name))
                                .findFirst()
                                .orElseThrow())
                        .toList())
                .orElse(List.of());
        return new Served(
                table.number("relation"),
                name(table),
                models.stream()
                        .map(row -> new Served.Model(row.text("kind"), row.number("id")))
                        .toList(),
                Identifier.of(first.text("owner")),
                first.text("time_zone"),
                SearchPath.parse(first.text("search_path")).reading(schemas),
                columns,
                unique,
                key.map(row -> row.truth("exact")).orElse(false),
                definition.filter(view -> columns.stream()
                        .allMatch(column -> column.inDefinition().isPresent())),
                Identifier.of(first.text("owner")));
    }

    private static Column column(Row row) {
        return new Column(
                Identifier.of(row.text("name")),
                QualifiedName.of(row.text("type_schema"), row.text("type_name")),
                row.truth("nullable"),
                row.optionalText("in_definition").map(Identifier::of));
    }
}
