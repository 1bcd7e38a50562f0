package io.runnel.refresh;

import io.runnel.postgres.Failure;

/** What a refresh may fail with by itself, apart from what PostgreSQL says. */
final class RefreshFailures {

    static final String BUSY = "refresh-running";
    static final String DIFFERENT = "contents-differ";
    static final String ALTERED = "definition-changed";

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
