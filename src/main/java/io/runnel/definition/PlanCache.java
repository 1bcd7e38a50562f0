package io.runnel.definition;

import io.runnel.catalog.Moves;
import io.runnel.catalog.StreamTable;
import io.runnel.catalog.StreamTables;
import io.runnel.cdc.Capture;
import io.runnel.delta.DeltaPlan;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Runners;
import io.runnel.postgres.Session;
import io.runnel.refresh.MaintenancePlan;
import io.runnel.refresh.MaintenancePlan.SourceTable;
import io.runnel.refresh.Plans;
import io.runnel.refresh.Timeouts;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** The plans of reconciled stream tables, computed when first needed. */
@ApplicationScoped
public class PlanCache implements Plans {

    private static final Sql SOURCES = Sql.of("""
            SELECT d.relation::bigint AS relation, d.source_id::bigint AS source
            FROM runnel_internal.dependency AS d WHERE d.stream_table_id = $1""");

    private static final Sql REBUILD = Sql.of("""
            WITH outdated AS (
              UPDATE runnel_internal.stream_table
              SET version = version + 1, reconciled_query = NULL, query = coalesce(nullif($3::text, ''), query),
                wide_key = wide_key OR $4
              WHERE id = $1 AND version = $2
              RETURNING id
            )
            SELECT pg_notify('runnel_definition', id::text)::text FROM outdated""");
    private static final String SHAPES = """
            SELECT coalesce(reconciled_shape, '') AS before, {} AS now FROM runnel_internal.stream_table WHERE id = $1""";
    // A rule writes "=" and means the operator by which PostgreSQL groups. That of an extension's type need not be in
    // the path of the session that defined the query, and then "=" would silently be that of a type it converts to.
    private static final Sql OPERATOR_SCHEMAS = Sql.of("""
            SELECT ARRAY(SELECT DISTINCT n.nspname::text FROM pg_opclass AS o
              JOIN pg_namespace AS n ON n.oid = o.opcnamespace WHERE o.opcdefault ORDER BY 1) AS names""");

    private final Database database;
    private final Runners runners;
    private final StreamTables streamTables;
    private final Capture capture;
    private final Moves moves;
    private final Timeouts timeouts;
    private final Map<Long, MaintenancePlan> plans = new ConcurrentHashMap<>();

    PlanCache(
            Database database,
            Runners runners,
            StreamTables streamTables,
            Capture capture,
            Moves moves,
            @ConfigProperty(name = "runnel.refresh.statement-timeout", defaultValue = "6h") Duration statementTimeout,
            @ConfigProperty(name = "runnel.refresh.lock-timeout", defaultValue = "10s") Duration lockTimeout) {
        this.timeouts = new Timeouts(statementTimeout, lockTimeout);
        this.database = database;
        this.runners = runners;
        this.streamTables = streamTables;
        this.capture = capture;
        this.moves = moves;
    }

    @Override
    public Uni<MaintenancePlan> plan(long id) {
        MaintenancePlan known = plans.get(id);
        return known != null ? Uni.createFrom().item(known) : compute(id).invoke(plan -> plans.put(id, plan));
    }

    @Override
    public void forget(long id) {
        plans.remove(id);
    }

    @Override
    public Uni<Void> outdated(MaintenancePlan plan) {
        forget(plan.id());
        return database.transaction(session -> session.execute(Compiler.NO_PATH)
                        .flatMap(set -> session.one(Sql.of(SHAPES, plan.shape()), plan.id()))
                        .flatMap(row -> row.map(shapes -> current(session, plan, shapes))
                                .orElse(Uni.createFrom().item("")))
                        .flatMap(query -> session.query(REBUILD, plan.id(), plan.version(), query, false)))
                .replaceWithVoid();
    }

    /** The query as PostgreSQL prints it, if columns were renamed and the text no longer means what it did; or empty. */
    private static Uni<String> current(Session session, MaintenancePlan plan, Row shapes) {
        boolean renamed = !Shape.names(shapes.text("before")).equals(Shape.names(shapes.text("now")));
        return renamed
                ? RelationReader.text(session, plan.view()).map(Compiler::inner)
                : Uni.createFrom().item("");
    }

    @Override
    public Uni<Void> widen(MaintenancePlan plan) {
        return widen(plan.id(), plan.version());
    }

    /** Has the stream table built anew with an index over a hash of its key. */
    Uni<Void> widen(long id, long version) {
        forget(id);
        return database.session(session -> session.query(REBUILD, id, version, "", true))
                .replaceWithVoid();
    }

    @Override
    public Uni<Void> renewCapture(Collection<Long> relations) {
        return Multi.createFrom()
                .iterable(relations)
                .onItem()
                .transformToUniAndConcatenate(relation ->
                        capture.renew(relation).onFailure(Failure.class).recoverWithNull())
                .collect()
                .asList()
                .replaceWithVoid();
    }

    private Uni<MaintenancePlan> compute(long id) {
        return moves.follow(id)
                .flatMap(moved -> moved
                        ? Uni.createFrom()
                                .failure(new Failure.Unavailable(
                                        "stream-table-moved",
                                        "the stream table has just been renamed, moved or given to another owner",
                                        "",
                                        new IllegalStateException("moved")))
                        : streamTables.find(id))
                .flatMap(found -> compile(found.orElseThrow(() -> new Failure.NotFound(
                        "stream-table-not-found", "the stream table does not exist", "list the stream tables"))));
    }

    private Uni<MaintenancePlan> compile(StreamTable table) {
        if (table.version() != table.reconciledVersion()
                || table.definitionView().isEmpty()) {
            return Uni.createFrom()
                    .failure(new Failure.Conflict(
                            NOT_INITIALIZED,
                            "stream table " + table.name().display() + " is not initialized",
                            "its status is " + table.status(),
                            "wait until it is ACTIVE, or look at its last error"));
        }
        QualifiedName view = table.definitionView().get();
        return runners.of(table.owner())
                .flatMap(runner -> database.rehearsal(session -> session.execute(timeouts.impatience())
                        .flatMap(set -> session.query(SOURCES, table.id()))
                        .flatMap(sources -> Compiler.compile(session, view, table.query(), table.owner(), runner)
                                .flatMap(compilation -> path(session, table)
                                        .map(path -> plan(table, view, compilation, sources, path, runner))))));
    }

    private static Uni<SearchPath> path(Session session, StreamTable table) {
        return session.one(OPERATOR_SCHEMAS)
                .map(row -> SearchPath.parse(table.searchPath())
                        .then(row.orElseThrow().texts("names").stream()
                                .map(Identifier::of)
                                .toList()));
    }

    private MaintenancePlan plan(
            StreamTable table,
            QualifiedName view,
            Compilation compilation,
            List<Row> rows,
            SearchPath path,
            Runner runner) {
        Map<Long, Integer> sources = new HashMap<>();
        rows.forEach(row -> row.optionalNumber("source")
                .ifPresent(source -> sources.put(row.number("relation"), source.intValue())));
        Map<QualifiedName, Integer> byName = new HashMap<>();
        compilation.tables().forEach(source -> {
            Integer captured = sources.get(source.relation());
            if (captured != null) {
                byName.put(source.name(), captured);
            }
        });
        boolean differential = table.effectiveMode().equals(Optional.of("DIFFERENTIAL"));
        if (differential && compilation.types().isEmpty()) {
            throw new Failure.Conflict(
                    "not-differential",
                    "stream table " + table.name().display() + " can no longer be maintained differentially",
                    String.join(
                            "; ",
                            compilation.refusals().stream()
                                    .map(Explanation.Refusal::reason)
                                    .toList()),
                    "alter its refresh mode or the sources");
        }
        StoredAs stored = new StoredAs(table.id(), compilation.facts(), byName);
        return new MaintenancePlan(
                table.id(),
                table.version(),
                compilation.target(table),
                table.owner(),
                runner,
                path.reading(compilation.facts().typeSchemas()),
                table.timeZone(),
                view,
                compilation.columns().stream()
                        .map(Compilation.ResultColumn::name)
                        .toList(),
                compilation.tables().stream()
                        .map(source -> new SourceTable(
                                source.name(),
                                source.relation(),
                                source.columns().stream()
                                        .map(RelationFacts.Column::name)
                                        .toList(),
                                Optional.ofNullable(byName.get(source.name())),
                                source.composed(),
                                source.lockable()))
                        .toList(),
                differential
                        ? compilation
                                .types()
                                .map(types ->
                                        new DeltaPlan(compilation.root(), types, stored, compilation.target(table)))
                        : Optional.empty(),
                compilation.timeDependent(),
                differential && table.refreshMode().equals("AUTO"),
                new Shape(compilation.root(), compilation.facts()).expression(),
                timeouts);
    }
}
