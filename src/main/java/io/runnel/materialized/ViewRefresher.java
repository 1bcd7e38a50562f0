package io.runnel.materialized;

import com.google.errorprone.annotations.CompileTimeConstant;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Refreshes one view: has its sources watched, then, in one REPEATABLE READ transaction, finds out whether it must be
 * refreshed and how, and does it with the rights of its owner.
 *
 * <p>The sources are locked before the snapshot is taken, as far as the owner may, because TRUNCATE shows itself to older
 * snapshots. A plain refresh needs a lock for which new readers queue up while it waits; it gives up after
 * {@code 100ms}. A concurrent one makes no reader wait.
 */
@ApplicationScoped
class ViewRefresher {

    /** How many errors in a row suspend a view. */
    static final long CONSECUTIVE_ERRORS_MAX = 5;

    /** How many refreshes the history of a view has. */
    static final long HISTORY_ROWS_MAX = 1_000;

    /** The class of the advisory locks by which refreshes of one view exclude each other. */
    private static final int LOCK_CLASS = 0x525657;

    private static final Sql EXCLUDE = Sql.of("SELECT pg_try_advisory_lock({}, $1::text::int) AS locked", LOCK_CLASS);
    private static final Sql ADMIT = Sql.of("SELECT pg_advisory_unlock({}, $1::text::int)", LOCK_CLASS);
    private static final Sql WATCH = Sql.of("SELECT FROM runnel_internal.watch_sources($1)");
    private static final Sql SETTINGS_OF = Sql.of("""
            SELECT v.time_zone, concat_ws(', ', nullif(v.search_path, ''), 'pg_temp') AS search_path,
              pg_get_userbyid(c.relowner)::text AS owner,
              ARRAY(SELECT n.nspname::text FROM runnel_internal.view_sources(v.relation) AS source
                JOIN pg_class AS r ON r.oid = source AND r.relkind IN ('r', 'p') JOIN pg_namespace AS n ON n.oid = r.relnamespace
                WHERE has_table_privilege(c.relowner, r.oid, 'SELECT') AND has_schema_privilege(c.relowner, r.relnamespace, 'USAGE')
                ORDER BY r.oid) AS schemas,
              ARRAY(SELECT r.relname::text FROM runnel_internal.view_sources(v.relation) AS source
                JOIN pg_class AS r ON r.oid = source AND r.relkind IN ('r', 'p')
                WHERE has_table_privilege(c.relowner, r.oid, 'SELECT') AND has_schema_privilege(c.relowner, r.relnamespace, 'USAGE')
                ORDER BY r.oid) AS tables
            FROM runnel_internal.materialized_view AS v
            JOIN pg_class AS c ON c.oid = v.relation
            WHERE v.id = $1""");
    private static final String OPENING = """
            SET LOCAL search_path = {};
            SET LOCAL TimeZone = {};
            SET LOCAL DateStyle = 'ISO, MDY';
            SET LOCAL IntervalStyle = 'postgres';
            SET LOCAL extra_float_digits = 1;
            SET LOCAL lock_timeout = '10s';
            SET LOCAL statement_timeout = '6h';
            SET LOCAL idle_in_transaction_session_timeout = '10min';
            SET LOCAL synchronous_commit = off;
            SET LOCAL ROLE {}{};
            SET LOCAL ROLE NONE""";
    private static final String LOCK = ";\nLOCK TABLE {} IN ACCESS SHARE MODE";
    private static final Sql SITUATION = Sql.of("SELECT * FROM runnel_internal.view_situation($1)");
    private static final String REFRESH_PLAIN = """
            SET LOCAL ROLE {};
            SET LOCAL lock_timeout = '100ms';
            REFRESH MATERIALIZED VIEW {};
            SET LOCAL ROLE NONE""";
    private static final String REFRESH_CONCURRENTLY = """
            SET LOCAL ROLE {};
            REFRESH MATERIALIZED VIEW CONCURRENTLY {};
            SET LOCAL ROLE NONE""";
    private static final Sql SKIPPED =
            Sql.of("SELECT runnel_internal.view_skipped($1, $2::text::pg_snapshot) AS checked_at");
    private static final Sql REFRESHED = Sql.of("""
            SELECT checked_at, seconds
            FROM runnel_internal.view_refreshed($1, $2::text::pg_snapshot, $3, $4, $5, $6)""");

    private final Database database;

    ViewRefresher(Database database) {
        this.database = database;
    }

    /**
     * Fails with {@link Failure.Unavailable} if it is worth trying again soon.
     *
     * @param notes what the history says of the refresh besides its reason
     */
    Uni<ViewRefresh> refresh(ManagedView view, List<String> notes) {
        String id = Long.toString(view.id());
        return database.session(session -> session.one(EXCLUDE, id)
                .flatMap(row -> row.orElseThrow().truth("locked")
                        ? excluded(session, view, notes)
                                .eventually(() -> session.query(ADMIT, id)
                                        .onFailure(Failure.Unavailable.class)
                                        .recoverWithNull())
                        : Uni.createFrom().failure(busy(view))));
    }

    private static Failure busy(ManagedView view) {
        return new Failure.Unavailable(
                "refresh-busy",
                "materialized view " + view.name().display() + " is being refreshed by another process",
                "",
                new IllegalStateException("the advisory lock is taken"));
    }

    private Uni<ViewRefresh> excluded(Session session, ManagedView view, List<String> notes) {
        return session.query(WATCH, view.id())
                .flatMap(watched -> session.one(SETTINGS_OF, view.id()))
                .flatMap(found -> found.isEmpty()
                        ? Uni.createFrom().item(gone(view))
                        : database.snapshot(session, opening(found.get()), snapshot -> decide(snapshot, view, notes)));
    }

    private static ViewRefresh gone(ManagedView view) {
        return new ViewRefresh(view.name(), ViewRefresh.GONE, Instant.now(), Duration.ZERO);
    }

    private static Sql opening(Row row) {
        List<String> schemas = row.texts("schemas");
        List<String> tables = row.texts("tables");
        List<Sql> locks = IntStream.range(0, tables.size())
                .mapToObj(i -> Sql.of(LOCK, QualifiedName.of(schemas.get(i), tables.get(i))))
                .toList();
        return Sql.of(
                OPENING,
                Sql.printedByPostgres(row.text("search_path")),
                Sql.literal(row.text("time_zone")),
                Identifier.of(row.text("owner")),
                Sql.join("", locks));
    }

    private Uni<ViewRefresh> decide(Session session, ManagedView view, List<String> notes) {
        return session.one(SITUATION, view.id()).flatMap(found -> {
            Row situation = found.orElseThrow();
            return switch (situation.text("action")) {
                case ViewRefresh.GONE -> Uni.createFrom().item(gone(view));
                case ViewRefresh.SKIP ->
                    session.one(SKIPPED, view.id(), situation.text("frontier"))
                            .map(row -> new ViewRefresh(
                                    view.name(), ViewRefresh.SKIP, at(row.orElseThrow()), Duration.ZERO));
                case "IMPOSSIBLE" -> Uni.createFrom().failure(impossible(view, situation.text("reason")));
                case "PLAIN" -> refresh(session, view, situation, notes, REFRESH_PLAIN);
                default -> refresh(session, view, situation, notes, REFRESH_CONCURRENTLY);
            };
        });
    }

    private static Failure impossible(ManagedView view, String obstacle) {
        return new Failure.Conflict(
                "not-concurrently",
                "materialized view " + view.name().display() + " cannot be refreshed concurrently",
                obstacle,
                "create a unique index over columns alone, or use refresh kind AUTO or PLAIN");
    }

    private static Uni<ViewRefresh> refresh(
            Session session,
            ManagedView view,
            Row situation,
            List<String> notes,
            @CompileTimeConstant final String statement) {
        QualifiedName name = QualifiedName.of(situation.text("schema_name"), situation.text("view_name"));
        return session.execute(Sql.of(statement, Identifier.of(situation.text("owner")), name))
                .flatMap(refreshed -> session.one(
                        REFRESHED,
                        view.id(),
                        situation.text("frontier"),
                        situation.text("action"),
                        reason(situation, notes),
                        situation.number("refresh_requests"),
                        HISTORY_ROWS_MAX))
                .map(found -> {
                    Row row = found.orElseThrow();
                    Duration took = Duration.ofNanos((long) (row.real("seconds") * 1e9));
                    return new ViewRefresh(name, situation.text("action"), at(row), took);
                });
    }

    private static String reason(Row situation, List<String> notes) {
        return Stream.concat(Stream.of(situation.text("reason")), notes.stream())
                .collect(Collectors.joining("; "));
    }

    private static Instant at(Row row) {
        return row.optionalTime("checked_at").orElseGet(Instant::now);
    }
}
