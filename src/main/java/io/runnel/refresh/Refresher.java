package io.runnel.refresh;

import io.opentelemetry.instrumentation.annotations.SpanAttribute;
import io.opentelemetry.instrumentation.annotations.WithSpan;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Row;
import io.runnel.postgres.Session;
import io.runnel.refresh.MaintenancePlan.SourceTable;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Refreshes stream tables: one refresh is one REPEATABLE READ transaction, whose snapshot is the new frontier.
 *
 * <p>Before the snapshot is taken the stream table's advisory lock excludes other refreshes of it, and ACCESS SHARE locks
 * keep its sources from being truncated or rewritten, which is not MVCC-safe. The query runs with the owner's rights and
 * under the settings of the session that defined it.
 *
 * <p>While refreshes compute everything anew because that is cheaper, all but the first leave the auxiliary tables alone.
 */
@ApplicationScoped
public class Refresher {

    /** How often a refresh that finds another one running, or its definition changed, is tried again. */
    public static final int ATTEMPTS_MAX = 30;

    private static final String AGAIN = "the auxiliary tables are computed again: ";
    private static final Logger LOG = Logger.getLogger(Refresher.class);

    /** Whether every refresh is compared with the query before it commits; costs a recomputation. */
    private final boolean verified;

    private final Database database;
    private final Plans plans;
    private final RefreshCosts costs;
    private final Event<RefreshCompleted> completed;
    private final Event<RefreshFailed> failed;

    Refresher(
            Database database,
            Plans plans,
            RefreshCosts costs,
            Event<RefreshCompleted> completed,
            Event<RefreshFailed> failed,
            @ConfigProperty(name = "runnel.refresh.verify", defaultValue = "false") boolean verified) {
        this.verified = verified;
        this.database = database;
        this.plans = plans;
        this.costs = costs;
        this.completed = completed;
        this.failed = failed;
    }

    private record Outcome(RefreshReport report, Situation situation) {}

    /** Brings the stream table up to date now; a failure is recorded and passed on. */
    @WithSpan("refresh")
    public Uni<RefreshReport> refresh(@SpanAttribute("runnel.stream_table.id") long id) {
        return Uni.createFrom()
                .deferred(() -> attempt(id, Optional.empty()))
                .onFailure(Refresher::outlived)
                .recoverWithUni(failure -> {
                    plans.forget(id);
                    return attempt(id, Optional.empty());
                })
                .onFailure(NotApplicable.class)
                .recoverWithUni(failure -> attempt(id, Optional.of(reason(id, failure))))
                .onFailure(Refresher::passing)
                .retry()
                .withBackOff(Duration.ofMillis(10), Duration.ofMillis(200))
                .atMost(ATTEMPTS_MAX)
                .onFailure()
                .recoverWithUni(failure -> record(id, failure)
                        .flatMap(known -> Uni.createFrom().failure(known ? failure : RefreshFailures.dropped())));
    }

    private Uni<RefreshReport> attempt(long id, Optional<String> fullReason) {
        return plans.plan(id).flatMap(plan -> refresh(plan, fullReason));
    }

    private static String reason(long id, Throwable failure) {
        String code = failure.getCause() instanceof Failure known ? known.code() : "";
        LOG.warnf("stream_table=%d is refreshed in full, because its changes could not be applied: code=%s", id, code);
        return String.valueOf(failure.getMessage());
    }

    /** Whether names in the plan may be of yesterday: of relations, columns, functions, schemas, or labels of an enum. */
    private static boolean outlived(Throwable thrown) {
        Throwable told = thrown instanceof NotApplicable ? thrown.getCause() : thrown;
        return told instanceof Failure failure
                && (failure.code().startsWith("postgres-42")
                        || failure.code().equals("postgres-3f000")
                        || failure.code().equals("postgres-22023")
                        || failure.code().equals("postgres-22p02"));
    }

    private static boolean passing(Throwable thrown) {
        return thrown instanceof Failure failure
                && (failure.code().equals(RefreshFailures.BUSY)
                        || failure.code().equals(RefreshFailures.ALTERED));
    }

    private Uni<RefreshReport> refresh(MaintenancePlan plan, Optional<String> fullReason) {
        String table = plan.target().table().display();
        return database.session(session -> excluded(session, plan, fullReason))
                .onFailure(failure -> Plans.tooWide(plan.target(), failure))
                .recoverWithUni(failure ->
                        plans.widen(plan).flatMap(done -> Uni.createFrom().failure(RefreshFailures.widened(plan))))
                .invoke(report -> {
                    if (!report.mode().equals("NONE")) {
                        completed.fire(new RefreshCompleted(table, report));
                    }
                });
    }

    private Uni<RefreshReport> excluded(Session session, MaintenancePlan plan, Optional<String> fullReason) {
        String id = Long.toString(plan.id());
        return session.one(RefreshSql.EXCLUDE, id).flatMap(row -> {
            if (!row.orElseThrow().truth("locked")) {
                return Uni.createFrom().failure(RefreshFailures.busy(plan));
            }
            long began = System.nanoTime();
            return database.snapshot(session, opening(plan), snapshot -> transaction(snapshot, plan, fullReason))
                    .onFailure()
                    .transform(thrown ->
                            plan.timeouts().explain(plan, Duration.ofNanos(System.nanoTime() - began), thrown))
                    .eventually(() -> session.query(RefreshSql.ADMIT, id)
                            .onFailure(Failure.Unavailable.class)
                            .recoverWithNull())
                    .call(outcome -> plans.renewCapture(outcome.situation().unknown()))
                    .map(Outcome::report);
        });
    }

    private Uni<Outcome> transaction(Session session, MaintenancePlan plan, Optional<String> fullReason) {
        return session.one(Situation.query(plan), plan.id())
                .map(row -> Situation.of(plan, row.orElseThrow(RefreshFailures::dropped)))
                .flatMap(situation ->
                        decide(session, plan, situation, fullReason).map(report -> new Outcome(report, situation)));
    }

    private static Sql opening(MaintenancePlan plan) {
        List<Sql> tables = new ArrayList<>();
        for (SourceTable source :
                plan.sources().stream().filter(SourceTable::lockable).toList()) {
            tables.add(
                    source.composed()
                            ? Sql.of(";\nLOCK TABLE {} IN ACCESS SHARE MODE", source.table())
                            : Sql.of(RefreshSql.LOCK_SOURCES, source.table()));
        }
        return Sql.of(
                RefreshSql.LOCK,
                plan.settings(),
                Identifier.of(plan.owner()),
                plan.target().table(),
                Sql.join("", tables));
    }

    private Uni<RefreshReport> decide(
            Session session, MaintenancePlan plan, Situation situation, Optional<String> fullReason) {
        if (situation.version() != plan.version() || !situation.named()) {
            plans.forget(plan.id());
            return Uni.createFrom().failure(RefreshFailures.altered(plan));
        }
        if (situation.outdated()) {
            return plans.outdated(plan).flatMap(done -> Uni.createFrom().failure(RefreshFailures.outdated(plan)));
        }
        if (!situation.permitted()) {
            return Uni.createFrom().failure(RefreshFailures.forbidden(plan));
        }
        Optional<String> reason = fullReason.or(() -> situation.fullReason(plan));
        if (reason.isPresent()) {
            return full(session, plan, situation, new PlanChoice(true, reason.get()), Extent.ALL);
        }
        if (situation.changes() == 0 && !plan.timed()) {
            return nothing(session, plan, situation);
        }
        if (!plan.delta().orElseThrow().reads(situation.changed())) {
            return advance(
                    session, plan, situation, "DIFFERENTIAL", "changes", Written.NOTHING, situation.recomputedInARow());
        }
        return costs.choose(session, plan, situation).flatMap(choice -> {
            if (choice.full()) {
                Extent extent = situation.recomputedInARow() > 0 ? Extent.VISIBLE : Extent.CHOSEN;
                return full(session, plan, situation, choice, extent);
            }
            return situation.stale(plan)
                    ? full(session, plan, situation, new PlanChoice(true, AGAIN + choice.reason()), Extent.ALL)
                    : differential(session, plan, situation, choice);
        });
    }

    /** What a refresh in full computes. */
    private enum Extent {
        /** Everything, because changes cannot be applied. */
        ALL,
        /** Everything, because that is cheaper than to apply the changes. */
        CHOSEN,
        /** The visible table alone, because it has been cheaper before: nobody knows when changes will be applied again. */
        VISIBLE
    }

    private Uni<RefreshReport> differential(
            Session session, MaintenancePlan plan, Situation situation, PlanChoice choice) {
        Sql delta = plan.delta().orElseThrow().refresh(situation.changed(), situation.changes());
        long began = System.nanoTime();
        return apply(session, plan, delta, situation)
                .onFailure(failure -> NotApplicable.because(failure, verified))
                .transform(NotApplicable::new)
                .call(written -> costs.applied(session, plan, situation, PlanChoice.secondsSince(began)))
                .call(written -> situation.limit().check(session, plan, written))
                .call(written -> check(session, plan))
                .flatMap(written -> situation.changes() == 0 && written.rows() == 0
                        ? later(session, plan, situation)
                        : advance(session, plan, situation, "DIFFERENTIAL", choice.reason(), written, 0));
    }

    private Uni<Void> check(Session session, MaintenancePlan plan) {
        if (!verified) {
            return Uni.createFrom().voidItem();
        }
        return compare(session, plan, 0)
                .flatMap(found -> found.equal()
                        ? Uni.createFrom().voidItem()
                        : Uni.createFrom().failure(RefreshFailures.inconsistent(plan)));
    }

    private Uni<RefreshReport> nothing(Session session, MaintenancePlan plan, Situation situation) {
        RefreshReport report = new RefreshReport("NONE", "no changes", 0, 0, 0, 0, Duration.ZERO);
        return situation.requested()
                ? session.query(
                                RefreshSql.SERVED,
                                plan.id(),
                                situation.refreshRequests(),
                                situation.snapshot(),
                                situation.snapshotAt())
                        .replaceWith(report)
                : Uni.createFrom().item(report);
    }

    private Uni<RefreshReport> full(
            Session session, MaintenancePlan plan, Situation situation, PlanChoice choice, Extent extent) {
        boolean chosen = extent != Extent.ALL;
        long began = System.nanoTime();
        Recomputation anew = new Recomputation(session, plan);
        Uni<Written> computed =
                extent == Extent.VISIBLE ? anew.visible() : anew.auxiliaries().flatMap(done -> anew.contents());
        return computed.call(written -> costs.anew(session, plan, situation, PlanChoice.secondsSince(began), chosen))
                .call(written -> situation.limit().check(session, plan, written))
                .call(written -> anew.standings(situation))
                .call(written -> session.query(RefreshSql.ACTIVATE, plan.id()))
                .flatMap(written -> advance(
                        session,
                        plan,
                        situation,
                        "FULL",
                        choice.reason(),
                        written,
                        chosen ? situation.recomputedInARow() + 1 : 0));
    }

    private Uni<Written> apply(Session session, MaintenancePlan plan, Sql delta, Situation situation) {
        String frontier = situation.frontier().orElseThrow();
        String[] values =
                plan.timed() ? new String[] {frontier, situation.evaluatedAt().orElseThrow()} : new String[] {frontier};
        return plan.confined(session)
                .one(delta, Written.COLUMNS, values)
                .flatMap(row -> Written.of(plan, row.orElseThrow()));
    }

    /** Nothing but the time has changed, and no row with it: not worth an entry in the history. */
    private Uni<RefreshReport> later(Session session, MaintenancePlan plan, Situation situation) {
        return session.query(
                        RefreshSql.LATER,
                        plan.id(),
                        situation.refreshRequests(),
                        situation.snapshot(),
                        situation.snapshotAt(),
                        situation.limit().approvals())
                .replaceWith(new RefreshReport("NONE", "no changes", 0, 0, 0, 0, Duration.ZERO));
    }

    private Uni<RefreshReport> advance(
            Session session,
            MaintenancePlan plan,
            Situation situation,
            String mode,
            String reason,
            Written written,
            long recomputedInARow) {
        return session.one(
                        RefreshSql.ADVANCE,
                        plan.id(),
                        situation.snapshot(),
                        written.rows(),
                        situation.refreshRequests(),
                        situation.reinitializeRequests(),
                        mode,
                        reason,
                        situation.changes(),
                        written.inserted(),
                        written.updated(),
                        written.deleted(),
                        situation.snapshotAt(),
                        plan.timeDependent(),
                        recomputedInARow,
                        situation.limit().approvals())
                .map(row -> new RefreshReport(
                        mode,
                        reason,
                        situation.changes(),
                        written.inserted(),
                        written.updated(),
                        written.deleted(),
                        Duration.ofNanos((long) (row.orElseThrow().real("duration_seconds") * 1e9))));
    }

    /** Compares the stream table with its query at one snapshot. */
    public Uni<Verification> verify(long id) {
        return plans.plan(id)
                .flatMap(plan -> database.session(session -> database.snapshot(
                        session,
                        opening(plan),
                        snapshot -> snapshot.one(Situation.query(plan), plan.id())
                                .map(row -> Situation.of(plan, row.orElseThrow(RefreshFailures::dropped)))
                                .flatMap(situation -> compare(snapshot, plan, situation.changes())))));
    }

    private Uni<Verification> compare(Session session, MaintenancePlan plan, long pending) {
        return plan.confined(session)
                .one(Comparison.query(plan), Comparison.COLUMNS)
                .map(row -> {
                    Row counts = row.orElseThrow();
                    return new Verification(
                            pending, counts.number("rows"), counts.number("missing"), counts.number("surplus"));
                });
    }

    /** Returns whether the stream table still exists: what is dropped during its refresh makes that fail somehow. */
    private Uni<Boolean> record(long id, Throwable thrown) {
        if (untold(thrown)) {
            return Uni.createFrom().item(true);
        }
        String message = thrown instanceof Failure failure ? failure.message() : String.valueOf(thrown);
        String code = thrown instanceof Failure failure ? failure.code() : "internal";
        String hint = thrown instanceof Failure failure ? failure.hint() : "";
        // Who holds a lock that is waited for would keep the plan from being computed again, too.
        if (!code.equals(RefreshFailures.LOCK_TIMEOUT)) {
            plans.forget(id);
        }
        return database.session(session -> session.one(RefreshSql.FAILED, id, message, code, hint))
                .invoke(row -> row.map(Refresher::name)
                        .ifPresent(name -> failed.fire(new RefreshFailed(name.display(), code))))
                .map(Optional::isPresent)
                .onFailure()
                .recoverWithItem(true);
    }

    private static boolean untold(Throwable thrown) {
        return thrown instanceof Failure failure
                && (failure.code().equals(Plans.NOT_INITIALIZED)
                        || (failure instanceof Failure.Unavailable
                                && !failure.code().equals(RefreshFailures.LOCK_TIMEOUT)));
    }

    private static QualifiedName name(Row row) {
        return QualifiedName.of(row.text("schema_name"), row.text("table_name"));
    }
}
