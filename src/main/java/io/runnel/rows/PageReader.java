package io.runnel.rows;

import io.runnel.postgres.Confined;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Runners;
import io.runnel.postgres.Session;
import io.runnel.rows.Pages.Origin;
import io.runnel.rows.Requirement.Freshness;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.function.BiFunction;

/** Reads pages, each in one REPEATABLE READ transaction that writes nothing, with the rights of the owner or of whoever asks. */
@ApplicationScoped
public class PageReader {

    /** How long a page may take before PostgreSQL cancels it. */
    static final String STATEMENT_TIMEOUT = "30s";

    /**
     * The table is locked before the snapshot, because to a snapshot that is older than a TRUNCATE the table would be
     * empty. Plans are made for the values, because how many rows are wanted decides whether an index is worth it.
     */
    private static final String SETTINGS = """
        SET LOCAL TimeZone = {};
        SET LOCAL DateStyle = 'ISO, MDY';
        SET LOCAL IntervalStyle = 'postgres';
        SET LOCAL extra_float_digits = 1;
        SET LOCAL bytea_output = 'hex';
        SET LOCAL lock_timeout = '2s';
        SET LOCAL statement_timeout = {};
        SET LOCAL idle_in_transaction_session_timeout = '1min';
        SET LOCAL plan_cache_mode = force_custom_plan;
        SET LOCAL max_parallel_workers_per_gather = 0;
        SET LOCAL jit = off;
        SET LOCAL random_page_cost = 1.1\
        """;

    private static final String OPENING = "SET TRANSACTION READ ONLY;\n{}{}";

    /** Nothing of the owner's runs here, so that the role can be given back. */
    private static final String LOCKED = ";\nSET LOCAL ROLE {};\n{};\nSET LOCAL ROLE NONE";

    private static final String LOCK_TABLE = "LOCK TABLE {} IN ACCESS SHARE MODE";

    /** LOCK TABLE does not take materialized views. This takes the same lock and reads nothing, but takes the snapshot first. */
    private static final String LOCK_VIEW = "SELECT FROM {} WHERE false";

    /**
     * What a plain refresh has written is visible to older snapshots too. Once the view is locked there are no more, so if its
     * file is the one that the snapshot knows, its contents are those that the snapshot knows.
     */
    private static final Sql UNMOVED = Sql.of("""
        SELECT coalesce(bool_and(relfilenode = pg_relation_filenode(oid)), false) AS unmoved
        FROM pg_class
        WHERE oid = to_regclass($1::text)\
        """);

    /** How often a view is read again that was exchanged between snapshot and lock. */
    static final int EXCHANGES_MAX = 5;

    private static final Sql SCHEMAS =
            Sql.of("SELECT schemas::text[] AS schemas FROM runnel_internal.live_schemas($1)");
    private static final Sql PRINT =
            Sql.of("SELECT runnel_internal.live_definition($1::bigint::oid, $2::text::name, $3::text) AS query");
    private static final Sql UNALTERED = Sql.of("""
        SELECT coalesce(
            runnel_internal.live_definition($1::bigint::oid, $2::text::name, $3::text) = $4::text, false)
          AND NOT runnel_internal.sources_moved($1::bigint::oid) AS unaltered\
        """);
    private static final String QUERY = "(\n{}\n)";
    private static final Identifier TEMPORARY = Identifier.of("pg_temp");

    private static final String DEFINITION = "(SELECT {} FROM {} AS v)";

    private static final String EXCHANGED = "view-exchanged";
    private static final String ALTERED = "view-altered";
    private final Database database;
    private final Runners runners;
    private final Turns turns;

    PageReader(Database database, Runners runners, Turns turns) {
        this.database = database;
        this.runners = runners;
        this.turns = turns;
    }

    /** Reads the table, if it is as fresh as it must be. */
    public Uni<Reading> stored(Served served, PageRequest request, Requirement requirement) {
        Sql table = Sql.of("{}", served.table());
        Sql lock = served.exchanged() ? Sql.of(LOCK_VIEW, table) : Sql.of(LOCK_TABLE, table);
        Sql opening = opening(served, Sql.of(LOCKED, served.reader(), lock));
        return reading(
                        served.stored(),
                        (session, runner) -> database.snapshot(
                                session,
                                opening,
                                opened -> unmoved(opened, served)
                                        .flatMap(unmoved -> Measurement.measure(opened, served, requirement))
                                        .flatMap(measured -> requirement.met(measured) && measured.populated()
                                                ? Pages.page(
                                                        served,
                                                        request,
                                                        new Origin(
                                                                table, confined(opened, runner, served, served.path())),
                                                        measured)
                                                : Uni.createFrom().item(new Reading.TooOld(measured)))))
                .onFailure(PageReader::exchanged)
                .retry()
                .atMost(EXCHANGES_MAX);
    }

    private static boolean exchanged(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals(EXCHANGED);
    }

    /** Fails if the view was exchanged after the snapshot was taken. */
    private static Uni<Void> unmoved(Session session, Served served) {
        if (!served.exchanged()) {
            return Uni.createFrom().voidItem();
        }
        String name = served.table().sql().text();
        return session.one(UNMOVED, name)
                .invoke(row -> {
                    if (!row.orElseThrow().truth("unmoved")) {
                        throw new Failure.Unavailable(
                                EXCHANGED,
                                "materialized view " + served.table().display()
                                        + " was refreshed before it could be read",
                                "try again; refreshes that are CONCURRENTLY do not get in the way of readers");
                    }
                })
                .replaceWithVoid();
    }

    /** Runs the query instead; fails if there is none. */
    public Uni<Reading> live(Served served, PageRequest request, Requirement requirement) {
        if (served.exchanged()) {
            return reading(
                            served,
                            (session, runner) -> viewPath(session, served)
                                    .flatMap(path -> liveView(session, runner, path, served, request, requirement)))
                    .onFailure(PageReader::altered)
                    .retry()
                    .atMost(EXCHANGES_MAX);
        }
        QualifiedName view = served.definition()
                .orElseThrow(() -> new Failure.Invalid(
                        "no-definition",
                        served.table().display() + " has no query that could be run instead",
                        "use fallback=stale or fallback=error"));
        List<Sql> columns = served.columns().stream()
                .map(column -> Sql.of("v.{} AS {}", column.inDefinition().orElseThrow(), column.name()))
                .toList();
        Sql rows = Sql.of(DEFINITION, columns, view);
        Sql opening = opening(served, Sql.of(LOCKED, served.owner(), Sql.of(LOCK_TABLE, view)));
        return reading(
                served,
                (session, runner) -> database.snapshot(
                        session,
                        opening,
                        opened -> Measurement.measureLive(opened, served, requirement)
                                .flatMap(measured -> requirement.met(measured)
                                        ? Pages.page(
                                                served,
                                                request,
                                                new Origin(rows, confined(opened, runner, served, served.path())),
                                                measured)
                                        : Uni.createFrom().item(new Reading.TooOld(measured)))));
    }

    /** On which the operators of a view's query are found. */
    private static Uni<SearchPath> viewPath(Session session, Served served) {
        return session.one(SCHEMAS, served.models().get(0).id())
                .map(found -> found.orElseThrow(() -> changed(served)))
                .map(row -> served.path()
                        .then(row.texts("schemas").stream().map(Identifier::of).toList())
                        .then(List.of(TEMPORARY)));
    }

    private Uni<Reading> liveView(
            Session session,
            Runner runner,
            SearchPath path,
            Served served,
            PageRequest request,
            Requirement requirement) {
        return database.snapshot(
                session,
                opening(served, Sql.of("")),
                opened -> Measurement.measureLive(opened, served, requirement)
                        .flatMap(measured -> requirement.met(measured)
                                ? computed(opened, runner, path, served, request, measured)
                                : Uni.createFrom().item(new Reading.TooOld(measured))));
    }

    /**
     * The page, from the query of the view, which is printed once more when it has been run and all that it reads is locked: if
     * the text is still the same, its names meant what they mean in the view.
     */
    private static Uni<Reading> computed(
            Session session, Runner runner, SearchPath path, Served served, PageRequest request, Freshness measured) {
        String owner = served.owner().name();
        String printedFor = path.sql().text();
        return session.one(PRINT, served.relation(), owner, printedFor)
                .map(found -> found.flatMap(row -> row.optionalText("query")).orElseThrow(() -> changed(served)))
                .flatMap(query -> Pages.page(
                                served,
                                request,
                                new Origin(
                                        Sql.of(QUERY, Sql.printedByPostgres(query)),
                                        confined(session, runner, served, path)),
                                measured)
                        .call(read -> session.one(UNALTERED, served.relation(), owner, printedFor, query)
                                .invoke(row -> {
                                    if (!row.orElseThrow().truth("unaltered")) {
                                        throw changed(served);
                                    }
                                })));
    }

    private static Failure changed(Served served) {
        return new Failure.Unavailable(
                ALTERED,
                "materialized view " + served.table().display()
                        + ", or what it reads, was altered, truncated or refreshed before it could be read",
                "try again");
    }

    private static boolean altered(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals(ALTERED);
    }

    /** Takes a turn, and a connection. */
    private <T> Uni<T> reading(Served served, BiFunction<Session, Runner, Uni<T>> work) {
        return turns.take(() -> runners.with(
                        served.owner().name(), runner -> database.session(session -> work.apply(session, runner))))
                .onFailure(Failure.Unavailable.class)
                .transform(PageReader::slow);
    }

    private static Sql opening(Served served, Sql locked) {
        return Sql.of(OPENING, settings(served), locked);
    }

    private static Sql settings(Served served) {
        return Sql.of(SETTINGS, Sql.literal(served.timeZone()), Sql.literal(STATEMENT_TIMEOUT));
    }

    private static Confined confined(Session session, Runner runner, Served served, SearchPath path) {
        return new Confined(session, runner, path, settings(served));
    }

    private static Throwable slow(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals("postgres-57014")
                ? new Failure.Unavailable(
                        "rows-timeout",
                        "reading the rows took longer than " + STATEMENT_TIMEOUT,
                        "create an index for the filters and the order, or ask for less")
                : thrown;
    }
}
