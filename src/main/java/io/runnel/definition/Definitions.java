package io.runnel.definition;

import io.runnel.catalog.StreamTable;
import io.runnel.catalog.StreamTables;
import io.runnel.delta.DeltaPlan;
import io.runnel.operator.Operator;
import io.runnel.operator.Types;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Runners;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** Validates queries and explains how they are maintained. */
@ApplicationScoped
public class Definitions {

    /** For how many changed rows the statement that an explanation shows is written. */
    public static final int EXPLAINED_CHANGES = 1000;

    private static final Sql ROLE = Sql.of("SELECT current_user::text AS role");
    private static final Sql CHECK_VIEW = Sql.of("SELECT FROM runnel_internal.check_view($1::text::regclass, NULL)");
    private static final String SEARCH_PATH = "SET LOCAL search_path = {}";

    private final Database database;
    private final Runners runners;
    private final StreamTables streamTables;

    Definitions(Database database, Runners runners, StreamTables streamTables) {
        this.database = database;
        this.runners = runners;
        this.streamTables = streamTables;
    }

    /** Everything that creating a stream table over {@code query} would say, without creating anything. */
    public Uni<Explanation> validate(String query) {
        String trimmed = trimmed(query);
        return database.session(session -> session.one(ROLE))
                .map(row -> row.orElseThrow().text("role"))
                .flatMap(role -> runners.of(role)
                        .flatMap(runner -> database.draft(session -> compile(session, trimmed, role, runner)
                                .map(compilation -> explanation(0, compilation)))));
    }

    /** How an existing stream table is maintained. */
    public Uni<Explanation> explain(long id) {
        return streamTables
                .find(id)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "stream-table-not-found", "the stream table does not exist", "list the stream tables")))
                .flatMap(table -> runners.of(table.owner())
                        .flatMap(runner -> database.rehearsal(session -> session.execute(path(table))
                                .flatMap(set -> compile(session, table.query(), table.owner(), runner))
                                .map(compilation -> explanation(id, compilation)))));
    }

    static Sql path(StreamTable table) {
        return Sql.of(SEARCH_PATH, SearchPath.parse(table.searchPath()).sql());
    }

    /** Without the white space and semicolons that people paste after it; before it they count for positions. */
    static String trimmed(String query) {
        return query.replaceAll("[;\\s]+$", "");
    }

    private static Uni<Compilation> compile(Session session, String query, String owner, Runner runner) {
        QualifiedName draft = RelationReader.draft();
        return define(session, draft, query)
                .flatMap(defined -> session.query(CHECK_VIEW, draft.sql().text()))
                .flatMap(checked -> Compiler.compile(session, draft, query, owner, runner));
    }

    /** Checks the text alone first, for errors at their place, then stores it as a view. */
    static Uni<Void> define(Session session, QualifiedName view, String query) {
        return session.check(query)
                .onFailure(Failure.Invalid.class)
                .transform(Definitions::notOneStatement)
                .flatMap(checked -> session.createView(view, query)
                        .onFailure(Failure.Invalid.class)
                        .transform(Definitions::notOneSelect));
    }

    /** Two statements are one syntax error, which has no place. */
    private static Throwable notOneStatement(Throwable thrown) {
        Failure failure = (Failure) thrown;
        return failure.code().equals("postgres-42601") && failure.position().isEmpty() ? notOneSelect() : failure;
    }

    /** What is one statement by itself, and none where a SELECT must stand. Places in the view's text mean nothing. */
    private static Throwable notOneSelect(Throwable thrown) {
        Failure failure = (Failure) thrown;
        return failure.code().equals("postgres-42601") || failure.code().equals("postgres-0a000")
                ? notOneSelect()
                : new Failure.Invalid(failure.code(), failure.message(), failure.detail(), failure.hint(), 0);
    }

    private static Failure notOneSelect() {
        return new Failure.Invalid(
                "not-one-select",
                "the query must be one SELECT statement",
                "SELECT, VALUES, TABLE and WITH ... SELECT will do; nothing that writes, and no second statement");
    }

    private static Explanation explanation(long id, Compilation compilation) {
        List<Explanation.Node> nodes = new ArrayList<>();
        nodes(compilation.root(), 0, compilation.types(), nodes);
        return new Explanation(
                compilation.canonical(),
                compilation.differential() ? "DIFFERENTIAL" : "FULL",
                compilation.refusals(),
                nodes,
                compilation.tables().stream()
                        .map(table -> table.name().display())
                        .sorted()
                        .toList(),
                compilation.columns().stream()
                        .map(column -> new Explanation.Column(column.name().name(), column.type()))
                        .toList(),
                compilation.differential() ? lookups(compilation.root()) : List.of(),
                statement(id, compilation));
    }

    private static List<Explanation.Lookup> lookups(Operator root) {
        return DeltaPlan.lookups(root).entrySet().stream()
                .flatMap(source -> source.getValue().stream()
                        .map(columns -> new Explanation.Lookup(
                                source.getKey().display(),
                                columns.stream().map(Identifier::name).toList())))
                .toList();
    }

    private static Optional<String> statement(long id, Compilation compilation) {
        return compilation.types().flatMap(types -> {
            DeltaPlan plan = new DeltaPlan(
                    compilation.root(),
                    types,
                    new StoredAs(id, compilation.facts(), Map.of()),
                    compilation.target(QualifiedName.of("public", "stream_table"), false));
            return plan.sources().isEmpty()
                    ? Optional.empty()
                    : Optional.of(
                            plan.refresh(plan.sources(), EXPLAINED_CHANGES).text());
        });
    }

    private static void nodes(
            Operator operator, int depth, Optional<? extends Types> types, List<Explanation.Node> nodes) {
        nodes.add(new Explanation.Node(
                depth,
                operator.label(),
                operator.maintenance(),
                types.map(known -> operator.cost(known).text()),
                operator.unsupported().isEmpty(),
                operator.columns().stream().map(column -> column.name()).collect(Collectors.toList())));
        operator.inputs().forEach(input -> nodes(input, depth + 1, types, nodes));
    }
}
