package io.runnel.refresh;

import io.runnel.catalog.StreamTableStatus;
import io.runnel.postgres.Failure;
import java.time.Duration;
import java.util.Locale;

/** What a refresh may fail with by itself, apart from what PostgreSQL says. */
final class RefreshFailures {

    static final String BUSY = "refresh-running";
    static final String DIFFERENT = "contents-differ";
    static final String ALTERED = "definition-changed";

    /** Stops the stream table until a person approves. */
    static final String TOO_LARGE = StreamTableStatus.CHANGE_TOO_LARGE;

    /** Told, but no error: what another session does is no fault of the stream table's. */
    static final String LOCK_TIMEOUT = "lock-timeout";

    private RefreshFailures() {}

    static Failure busy(MaintenancePlan plan) {
        return new Failure.Unavailable(
                BUSY,
                "another refresh of " + plan.target().table().display() + " is running",
                "",
                new IllegalStateException("locked"));
    }

    static Failure altered(MaintenancePlan plan) {
        return new Failure.Unavailable(
                ALTERED,
                "the definition of " + plan.target().table().display() + " has just been changed",
                "",
                new IllegalStateException("altered"));
    }

    static Failure outdated(MaintenancePlan plan) {
        return new Failure.Unavailable(
                "sources-changed",
                "stream table " + plan.target().table().display() + " is built anew, because its sources have changed",
                "",
                new IllegalStateException("outdated"));
    }

    static Failure widened(MaintenancePlan plan) {
        return new Failure.Unavailable(
                "key-too-long",
                "stream table " + plan.target().table().display()
                        + " is built anew, because a value of its key is too long for a unique index",
                "",
                new IllegalStateException("widened"));
    }

    static Failure dropped() {
        return new Failure.NotFound(
                "stream-table-not-found", "the stream table does not exist", "it may just have been dropped");
    }

    static Failure forbidden(MaintenancePlan plan) {
        return new Failure.Forbidden(
                "missing-right",
                "role " + plan.owner() + " may no longer read a source of stream table "
                        + plan.target().table().display(),
                "",
                "grant it SELECT, then resume the stream table");
    }

    static Failure changeTooLarge(MaintenancePlan plan, Written written, long before, double share) {
        String table = plan.target().table().display();
        return new Failure.Conflict(
                TOO_LARGE,
                String.format(
                        Locale.ROOT,
                        "a refresh of %s would change %,d of %,d rows, more than its largest share of %s",
                        table,
                        written.rows(),
                        before,
                        share),
                String.format(
                        Locale.ROOT,
                        "it would insert %,d, update %,d and delete %,d rows; it was rolled back, and the changes are kept",
                        written.inserted(),
                        written.updated(),
                        written.deleted()),
                "see what has changed in its sources; then let the next refresh do it with POST"
                        + " /api/v1/stream-tables/" + table + "/approve or runnel.approve_refresh, or raise"
                        + " maxChangedShare and resume it");
    }

    static Failure statementTimeout(MaintenancePlan plan, Duration limit) {
        return new Failure.Conflict(
                "refresh-timeout",
                "a refresh of " + plan.target().table().display() + " took longer than " + limit.toMillis() + " ms",
                "PostgreSQL has cancelled a statement of it",
                "make its query cheaper, see diagnose and explain, or raise RUNNEL_REFRESH_STATEMENT_TIMEOUT");
    }

    static Failure lockTimeout(MaintenancePlan plan, Duration limit, Failure failure) {
        return new Failure.Unavailable(
                LOCK_TIMEOUT,
                "a refresh of " + plan.target().table().display() + " has waited for a lock longer than "
                        + limit.toMillis() + " ms: " + failure.message(),
                "it is tried again; find who holds the lock in pg_locks, or raise RUNNEL_REFRESH_LOCK_TIMEOUT");
    }

    static Failure inconsistent(MaintenancePlan plan) {
        return new Failure.Internal(
                DIFFERENT,
                "the contents of stream table " + plan.target().table().display()
                        + " are not what the last refresh left",
                "rows that should have been there were not found",
                "reinitialize the stream table; do not write to it",
                null);
    }
}
