package io.runnel.definition;

import io.runnel.definition.Compilation.ResultColumn;
import io.runnel.definition.FunctionReader.Functions;
import io.runnel.definition.RelationFacts.Column;
import io.runnel.definition.RelationFacts.Table;
import io.runnel.definition.TypeClasses.Declared;
import io.runnel.delta.Results;
import io.runnel.delta.TreeTypes;
import io.runnel.operator.ColumnType;
import io.runnel.operator.Operator;
import io.runnel.operator.Scan;
import io.runnel.operator.Unsupported;
import io.runnel.parse.ParsedQuery;
import io.runnel.parse.Parser;
import io.runnel.parse.SourcePosition;
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
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * From a definition view to an operator tree with types: reads the canonical text, what the catalogs say about it, and
 * checks that it was not misread. Works in a transaction that its caller rolls back, because it leaves draft views.
 */
final class Compiler {

    static final Sql NO_PATH = Sql.of("SET LOCAL search_path = ''");
    private static final Sql COLUMNS = Sql.of("""
            SELECT a.attname::text AS name, a.atttypid::bigint AS type, a.attcollation::bigint AS collation,
              format_type(a.atttypid, a.atttypmod) AS printed,
              CASE WHEN a.attcollation <> t.typcollation THEN a.attcollation::regcollation::text END AS collated,
              a.atttypid || ' ' || a.atttypmod || ' ' || a.attcollation AS declared
            FROM pg_attribute AS a
            JOIN pg_type AS t ON t.oid = a.atttypid
            WHERE a.attrelid = $1::text::regclass AND a.attnum > 0
            ORDER BY a.attnum""");

    // An error of PostgreSQL while a delta is derived must not end the transaction, in which the caller reads on.
    private static final Sql SAVE = Sql.of("SAVEPOINT derivation");
    private static final Sql GO_BACK = Sql.of("ROLLBACK TO SAVEPOINT derivation");

    private static final Sql WHOLE_ROWS = Sql.of("""
            SELECT coalesce(bool_or(t.typtype = 'p' OR t.typrelid = ANY ($2::text::oid[]) OR e.typrelid = ANY ($2::text::oid[])), false)
              AS found
            FROM pg_type AS t
            LEFT JOIN pg_type AS e ON e.oid = t.typelem
            WHERE t.oid = ANY ($1::text::oid[])""");
    private static final Sql TYPES_OF = Sql.of("""
            SELECT ARRAY(
              SELECT a.atttypid::bigint FROM pg_attribute AS a
              WHERE a.attrelid = $1::text::regclass AND a.attnum > 0) AS types""");
    private static final Pattern WRAPPER =
            Pattern.compile("\\s*SELECT.*?\\n\\s*FROM \\((.*)\\)\\s*(?:AS )?q\\s*;?\\s*", Pattern.DOTALL);

    private final Session session;
    private final Runner runner;
    private final QualifiedName view;
    private final String query;

    private Compiler(Session session, Runner runner, QualifiedName view, String query) {
        this.session = session;
        this.runner = runner;
        this.view = view;
        this.query = query;
    }

    /**
     * Compiles a stored definition.
     *
     * @param query the text as the user wrote it, for positions
     * @param owner the role whose rights count
     * @param runner how it uses them
     */
    static Uni<Compilation> compile(Session session, QualifiedName view, String query, String owner, Runner runner) {
        Compiler compiler = new Compiler(session, runner, view, query);
        return session.execute(NO_PATH)
                .flatMap(set -> RelationReader.text(session, view))
                .flatMap(text -> RelationReader.read(session, view, owner)
                        .flatMap(facts -> FunctionReader.read(session, view)
                                .invoke(functions -> facts.add(functions.typeSchemas()))
                                .flatMap(functions -> compiler.read(text, facts, functions))));
    }

    private Uni<Compilation> read(String canonical, RelationFacts facts, Functions functions) {
        ParsedQuery parsed =
                Parser.parse(canonical, facts.relations(), functions.aggregates(), functions.setReturning());
        List<Explanation.Refusal> refusals = refusals(canonical, parsed, facts, functions);
        boolean timeDependent = functions.timed() || !functions.refusals().isEmpty();
        return columns()
                .flatMap(columns -> refusals.isEmpty()
                        ? typed(canonical, parsed, columns, facts, timeDependent)
                        : Uni.createFrom()
                                .item(new Compilation(
                                        canonical,
                                        parsed.root(),
                                        refusals,
                                        columns,
                                        facts,
                                        Optional.empty(),
                                        timeDependent)));
    }

    private List<Explanation.Refusal> refusals(
            String canonical, ParsedQuery parsed, RelationFacts facts, Functions functions) {
        List<Explanation.Refusal> refusals = new ArrayList<>();
        for (Unsupported unsupported : parsed.unsupported()) {
            refusals.add(new Explanation.Refusal(
                    unsupported.reason(), SourcePosition.locate(canonical, unsupported, query)));
        }
        functions.refusals().forEach(reason -> refusals.add(refusal(reason)));
        if (parsed.isSupported()
                && (parsed.counts().aggregates() != functions.aggregateCalls()
                        || parsed.counts().sublinks() != functions.sublinks()
                        || parsed.counts().windowCalls() != functions.windowCalls()
                        || parsed.counts().times() != functions.times())) {
            refusals.add(refusal("the query was not understood completely"));
        }
        parsed.root()
                .walk()
                .filter(Scan.class::isInstance)
                .map(Scan.class::cast)
                .forEach(scan -> {
                    Table table = facts.table(scan.table());
                    for (Scan.Read read : scan.reads()) {
                        Column column = table.column(read.column());
                        if (column.virtual()) {
                            refusals.add(refusal("column " + column.name() + " of "
                                    + table.name().display()
                                    + " is generated when it is read, which change capture cannot see"));
                        }
                    }
                });
        return refusals;
    }

    private static Explanation.Refusal refusal(String reason) {
        return new Explanation.Refusal(reason, OptionalInt.empty());
    }

    private Uni<List<ResultColumn>> columns() {
        return session.query(COLUMNS, view.sql().text())
                .flatMap(rows -> TypeClasses.load(
                                session, rows.stream().map(Compiler::declared).toList())
                        .map(types ->
                                rows.stream().map(row -> column(row, types)).toList()))
                .invoke(columns -> {
                    if (columns.isEmpty()) {
                        throw new Failure.Invalid(
                                "no-columns", "the query has no columns", "select at least one column");
                    }
                });
    }

    private static Declared declared(Row column) {
        return new Declared(column.number("type"), column.number("collation"));
    }

    private static ResultColumn column(Row row, Map<Declared, ColumnType> types) {
        return new ResultColumn(
                Identifier.of(row.text("name")),
                row.text("printed"),
                row.optionalText("collated").map(Sql::printedByPostgres),
                row.text("declared"),
                java.util.Objects.requireNonNull(types.get(declared(row))));
    }

    /** To plan the query computes what is constant in it, perhaps by functions of the owner's. */
    private Uni<List<Row>> probe(ParsedQuery parsed) {
        return confined().planned(TreeTypes.probe(parsed.root()), TreeTypes.PROBE_COLUMNS);
    }

    private Confined confined() {
        return new Confined(session, runner, SearchPath.EMPTY, NO_PATH);
    }

    private Uni<Compilation> typed(
            String canonical,
            ParsedQuery parsed,
            List<ResultColumn> columns,
            RelationFacts facts,
            boolean timeDependent) {
        return session.execute(SAVE)
                .flatMap(saved -> matches(canonical, parsed))
                .flatMap(same -> same ? probe(parsed) : misread())
                .map(rows -> probed(rows.get(0)))
                .flatMap(probed -> TypeClasses.load(session, probed)
                        .map(types -> probed.stream()
                                .map(type -> java.util.Objects.requireNonNull(types.get(type)))
                                .toList())
                        .map(answer -> TreeTypes.of(parsed.root(), facts, answer))
                        .call(types -> refuseStoredRows(
                                parsed.root(),
                                types,
                                probed.stream().map(Declared::type).toList(),
                                facts)))
                .map(types -> new Compilation(
                        canonical, parsed.root(), List.of(), columns, facts, Optional.of(types), timeDependent))
                .onFailure(Failure.class)
                .recoverWithUni(failure -> session.execute(GO_BACK)
                        .flatMap(back -> confined().restore())
                        .replaceWith(new Compilation(
                                canonical,
                                parsed.root(),
                                List.of(refusal("no delta could be derived: " + failure.getMessage())),
                                columns,
                                facts,
                                Optional.empty(),
                                timeDependent)));
    }

    private static List<Declared> probed(Row row) {
        List<Long> types = row.numbers("types");
        List<Long> collations = row.numbers("collations");
        return IntStream.range(0, types.size())
                .mapToObj(i -> new Declared(types.get(i), collations.get(i)))
                .toList();
    }

    /** Whole rows may be computed, but not stored: a column of such a type would keep the relation from being altered. */
    private Uni<Void> refuseStoredRows(Operator root, TreeTypes types, List<Long> computed, RelationFacts facts) {
        return wholeRows(computed, facts)
                .flatMap(found -> found
                        ? Multi.createFrom()
                                .iterable(Results.auxiliaryTables(root, types))
                                .onItem()
                                .transformToUniAndConcatenate(contents -> refuseStoredRows(contents, facts))
                                .collect()
                                .asList()
                                .replaceWithVoid()
                        : Uni.createFrom().voidItem());
    }

    private Uni<Void> refuseStoredRows(Sql contents, RelationFacts facts) {
        QualifiedName draft = RelationReader.draft();
        return session.execute(Sql.of("CREATE VIEW {} AS {}", draft, contents))
                .flatMap(created -> session.one(TYPES_OF, draft.sql().text()))
                .flatMap(row -> wholeRows(row.orElseThrow().numbers("types"), facts))
                .flatMap(found -> found
                        ? Uni.createFrom()
                                .failure(new Failure.Invalid(
                                        "whole-row-stored",
                                        "a whole row would have to be stored, and its table could not be altered then",
                                        "use its columns, or a function of the row such as to_jsonb"))
                        : Uni.createFrom().voidItem());
    }

    private Uni<Boolean> wholeRows(List<Long> types, RelationFacts facts) {
        return session.one(WHOLE_ROWS, array(types.stream()), array(facts.guards().keySet().stream()))
                .map(row -> row.orElseThrow().truth("found"));
    }

    private static String array(Stream<Long> numbers) {
        return numbers.map(String::valueOf).collect(Collectors.joining(",", "{", "}"));
    }

    private static Uni<List<Row>> misread() {
        return Uni.createFrom()
                .failure(new Failure.Internal(
                        "query-misread",
                        "the query was not understood as PostgreSQL understands it",
                        "",
                        "use refresh mode FULL, and please report the query",
                        null));
    }

    /** Whether PostgreSQL reads the tree's own print as it reads its own; both printed twice, because only then stable. */
    private Uni<Boolean> matches(String canonical, ParsedQuery parsed) {
        return again(parsed.printedBack())
                .flatMap(printed -> again(inner(canonical)).map(printed::equals));
    }

    /** The query that a definition view wraps, from the view's text. */
    static String inner(String canonical) {
        Matcher wrapper = WRAPPER.matcher(canonical);
        return wrapper.matches() ? wrapper.group(1).strip() : canonical;
    }

    private Uni<String> again(String text) {
        QualifiedName draft = RelationReader.draft();
        return session.createView(draft, text).flatMap(created -> RelationReader.text(session, draft));
    }
}
