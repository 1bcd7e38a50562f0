package io.runnel.definition;

import io.runnel.catalog.StreamTable;
import io.runnel.cdc.Source;
import io.runnel.delta.Application;
import io.runnel.delta.DeltaPlan;
import io.runnel.delta.Target;
import io.runnel.postgres.Confined;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Builds, in one transaction, everything in the database that a definition stands for: its view, its dependencies, the
 * columns of the visible table, the auxiliary tables, the index. Leaves the frontier empty, so that the next refresh
 * fills the table.
 */
final class Construction {

    private static final Sql VERSION = Sql.of("""
            SELECT version, definition_view::text AS view FROM runnel_internal.stream_table WHERE id = $1 FOR UPDATE""");
    // Of two definitions that come to read each other at once, one waits here, or ends in a deadlock and is tried
    // again;
    // then it sees the other.
    private static final Sql LOCK_READ = Sql.of("""
            SELECT id FROM runnel_internal.stream_table
            WHERE relation IN (SELECT runnel_internal.reads($1::text::regclass)) AND id <> $2
            ORDER BY id FOR KEY SHARE""");
    private static final Sql CHECK_VIEW =
            Sql.of("SELECT FROM runnel_internal.check_view($1::text::regclass, $2::bigint::oid)");
    private static final Sql DEPENDENCIES = Sql.of("DELETE FROM runnel_internal.dependency WHERE stream_table_id = $1");
    private static final Sql DEPENDENCY = Sql.of("""
            INSERT INTO runnel_internal.dependency (stream_table_id, relation, source_id)
            VALUES ($1, $2::bigint::oid, nullif($3::text, '')::integer)""");
    // Two definitions over one source would otherwise update the rights of its buffer at once, which PostgreSQL
    // refuses.
    private static final Sql LOCK_SOURCES =
            Sql.of("SELECT id FROM runnel_internal.source WHERE id = ANY ($1::text::integer[]) ORDER BY id FOR UPDATE");
    private static final Sql SHAPE = Sql.of("""
            SELECT a.attname::text AS name, a.atttypid || ' ' || a.atttypmod || ' ' || a.attcollation AS declared
            FROM pg_attribute AS a
            WHERE a.attrelid = $1::bigint::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""");
    private static final Sql FORMER_KEY = Sql.of("""
            SELECT a.attname::text AS name
            FROM pg_index AS i
            JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indexrelid = to_regclass($1::text) AND i.indisunique""");
    private static final Sql STATES = Sql.of("""
            SELECT c.relname::text AS name FROM pg_class AS c
            WHERE c.relnamespace = 'runnel_internal'::regnamespace AND c.relkind = 'r'
              AND c.relname LIKE 'state\\_' || $1 || '\\_%'""");
    private static final Sql FRONTIER = Sql.of("""
            INSERT INTO runnel_internal.frontier (stream_table_id) VALUES ($1)
            ON CONFLICT (stream_table_id) DO UPDATE
            SET snapshot = NULL, consecutive_errors = 0, last_error = NULL, last_error_code = NULL,
              last_error_hint = NULL, last_error_at = NULL""");
    private static final Sql RECORD = Sql.of("""
            UPDATE runnel_internal.stream_table
            SET definition_view = $2, effective_mode = $3, full_reason = $4, reconciled_version = version,
              reconciled_query = query, reconciled_mode = refresh_mode, reconciled_shape = $5, waits_for = NULL,
              status = CASE WHEN wanted = 'ACTIVE' THEN 'INITIALIZING' ELSE wanted END
            WHERE id = $1""");
    private static final Sql SETTINGS =
            Sql.of("SET LOCAL lock_timeout = '5s'; SET LOCAL client_min_messages = warning");
    private static final String LOCK =
            "{}; SET LOCAL ROLE {}; LOCK TABLE ONLY {} IN SHARE ROW EXCLUSIVE MODE; SET LOCAL ROLE NONE";

    private final Session session;
    private final Runner runner;
    private final StreamTable table;
    private final Compilation compilation;
    private final Map<QualifiedName, Source> captures;
    private final boolean differential;
    private final QualifiedName view;

    Construction(
            Session session,
            Runner runner,
            StreamTable table,
            Compilation compilation,
            Map<QualifiedName, Source> captures,
            boolean differential) {
        this.session = session;
        this.runner = runner;
        this.table = table;
        this.compilation = compilation;
        this.captures = captures;
        this.differential = differential;
        this.view = QualifiedName.of("runnel_internal", "definition_" + table.id() + "_" + table.version());
    }

    Uni<Void> build(Optional<String> fullReason) {
        Identifier owner = Identifier.of(table.owner());
        return session.execute(Sql.of(LOCK, SETTINGS, owner, table.name()))
                .flatMap(locked -> session.one(VERSION, table.id()))
                .map(this::current)
                .call(old -> session.execute(Definitions.path(table)))
                .call(old -> Definitions.define(session, view, table.query()))
                .call(old -> session.query(LOCK_READ, view.sql().text(), table.id()))
                .call(old -> session.query(CHECK_VIEW, view.sql().text(), table.relation()))
                .call(old -> session.execute(Sql.of("GRANT SELECT ON {} TO {}", view, owner)))
                .call(old -> session.execute(
                        Sql.of("SET LOCAL search_path = {}", readingPath().sql())))
                .call(old -> dependencies())
                .call(old -> states())
                .call(old -> relax())
                .call(old -> shape())
                .call(old -> index())
                .call(old -> session.query(FRONTIER, table.id()))
                .call(old -> session.query(
                        RECORD,
                        table.id(),
                        view.name().name(),
                        differential ? "DIFFERENTIAL" : "FULL",
                        fullReason.orElse(""),
                        new Shape(compilation.root(), compilation.facts()).text()))
                .flatMap(old -> dropOld(old));
    }

    private SearchPath readingPath() {
        return SearchPath.parse(table.searchPath()).reading(compilation.facts().typeSchemas());
    }

    /** What may call functions of the owner's: those of types, of defaults, of triggers, of the query. */
    private Uni<Void> asOwner(Sql script) {
        return new Confined(session, runner, readingPath(), SETTINGS).execute(script);
    }

    private Optional<String> current(Optional<Row> row) {
        Row found = row.orElseThrow(() -> new Failure.NotFound(
                "stream-table-not-found", "stream table " + table.name().display() + " does not exist", ""));
        if (found.number("version") != table.version()) {
            throw new Failure.Unavailable(
                    "definition-changed",
                    "the definition of " + table.name().display() + " has just been changed",
                    "",
                    new IllegalStateException("altered"));
        }
        return found.optionalText("view").filter(old -> !old.equals(view.name().name()));
    }

    private Uni<Void> dependencies() {
        return session.query(DEPENDENCIES, table.id())
                .onItem()
                .transformToMulti(done -> Multi.createFrom().iterable(compilation.tables()))
                .onItem()
                .transformToUniAndConcatenate(
                        source -> session.query(DEPENDENCY, table.id(), source.relation(), captureOf(source.name())))
                .collect()
                .asList()
                .flatMap(done -> grants());
    }

    private String captureOf(QualifiedName source) {
        Source capture = captures.get(source);
        return capture == null ? "" : Integer.toString(capture.id());
    }

    private Uni<Void> grants() {
        List<Sql> grants = new ArrayList<>();
        for (Source capture : captures.values()) {
            List<Identifier> columns = new ArrayList<>(List.of(Identifier.of("xid"), Identifier.of("weight")));
            capture.columns().forEach(column -> columns.add(Source.column(column)));
            grants.add(
                    Sql.of("GRANT SELECT ({}) ON {} TO {};", columns, capture.buffer(), Identifier.of(table.owner())));
        }
        String ids = captures.values().stream()
                .map(capture -> Integer.toString(capture.id()))
                .collect(Collectors.joining(",", "{", "}"));
        return grants.isEmpty()
                ? Uni.createFrom().voidItem()
                : session.query(LOCK_SOURCES, ids).flatMap(locked -> session.execute(Sql.join("\n", grants)));
    }

    private Uni<Void> states() {
        return session.query(STATES, Long.toString(table.id())).flatMap(rows -> {
            List<Sql> statements = new ArrayList<>(List.of(Sql.of("SELECT 1")));
            rows.forEach(row ->
                    statements.add(Sql.of("DROP TABLE {}", QualifiedName.of("runnel_internal", row.text("name")))));
            plan().ifPresent(plan -> {
                plan.auxiliaryTables().forEach((name, contents) -> {
                    statements.add(Sql.of("CREATE TABLE {} WITH (fillfactor = 70) AS {} WITH NO DATA", name, contents));
                    statements.add(Sql.of("CREATE INDEX ON {} (key_hash)", name));
                    statements.add(Sql.of("GRANT ALL ON {} TO {}", name, Identifier.of(table.owner())));
                });
                plan.auxiliaryIndexes().forEach(index -> statements.add(Sql.of("CREATE INDEX {}", index)));
            });
            return session.execute(Sql.join(";\n", statements));
        });
    }

    private Optional<DeltaPlan> plan() {
        Map<QualifiedName, Integer> sources = new HashMap<>();
        captures.forEach((name, capture) -> sources.put(name, capture.id()));
        return differential
                ? compilation
                        .types()
                        .map(types -> new DeltaPlan(
                                compilation.root(),
                                types,
                                new StoredAs(table.id(), compilation.facts(), sources),
                                compilation.target(table)))
                : Optional.empty();
    }

    /** Columns of the former key may be null again. */
    private Uni<Void> relax() {
        Target target = compilation.target(table);
        List<Identifier> key = target.unique()
                ? target.key().orElseThrow().columns().stream()
                        .map(target.columns()::get)
                        .toList()
                : List.of();
        return session.query(FORMER_KEY, indexName().sql().text()).flatMap(rows -> {
            List<Sql> statements = new ArrayList<>(List.of(Sql.of("DROP INDEX IF EXISTS {}", indexName())));
            rows.stream()
                    .map(row -> Identifier.of(row.text("name")))
                    .filter(column -> !key.contains(column))
                    .forEach(column -> statements.add(
                            Sql.of("ALTER TABLE {} ALTER COLUMN {} DROP NOT NULL", table.name(), column)));
            return asOwner(Sql.join(";\n", statements));
        });
    }

    private QualifiedName indexName() {
        return new QualifiedName(table.name().schema(), Identifier.of("runnel_key_" + table.id()));
    }

    /** Gives the visible table the query's columns; what is replaced is filled at once, so that nobody sees it empty. */
    private Uni<Void> shape() {
        return session.query(SHAPE, table.relation()).flatMap(rows -> {
            List<Compilation.ResultColumn> wanted = compilation.columns();
            int kept = 0;
            while (kept < rows.size() && kept < wanted.size() && same(rows.get(kept), wanted.get(kept))) {
                kept++;
            }
            if (kept == rows.size() && kept == wanted.size()) {
                return Uni.createFrom().voidItem();
            }
            List<Sql> changes = new ArrayList<>();
            rows.subList(kept, rows.size())
                    .forEach(row -> changes.add(Sql.of("DROP COLUMN {}", Identifier.of(row.text("name")))));
            wanted.subList(kept, wanted.size())
                    .forEach(column -> changes.add(Sql.of("ADD COLUMN {}", column.definition())));
            List<Identifier> names =
                    wanted.stream().map(Compilation.ResultColumn::name).toList();
            return asOwner(Sql.of(
                    "SET LOCAL runnel.refresh = 'on';\nALTER TABLE {} {};\nDELETE FROM {};\nINSERT INTO {} ({}) SELECT {} FROM {}",
                    table.name(),
                    changes,
                    table.name(),
                    table.name(),
                    names,
                    names,
                    view));
        });
    }

    private static boolean same(Row row, Compilation.ResultColumn column) {
        return row.text("name").equals(column.name().name())
                && row.text("declared").equals(column.declared());
    }

    private Uni<Void> index() {
        Target target = compilation.target(table);
        Identifier name = indexName().name();
        List<Sql> statements = new ArrayList<>(List.of(Sql.of("SELECT 1")));
        if (target.unique()) {
            target.key()
                    .orElseThrow()
                    .columns()
                    .forEach(column -> statements.add(Sql.of(
                            "ALTER TABLE {} ALTER COLUMN {} SET NOT NULL",
                            table.name(),
                            target.columns().get(column))));
        }
        Application.index(target)
                .ifPresent(index -> statements.add(
                        target.unique()
                                ? Sql.of("CREATE UNIQUE INDEX {} {}", name, index)
                                : Sql.of("CREATE INDEX {} {}", name, index)));
        return asOwner(Sql.join(";\n", statements));
    }

    private Uni<Void> dropOld(Optional<String> old) {
        return old.map(name ->
                        session.execute(Sql.of("DROP VIEW IF EXISTS {}", QualifiedName.of("runnel_internal", name))))
                .orElse(Uni.createFrom().voidItem());
    }
}
