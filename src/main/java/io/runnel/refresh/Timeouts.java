package io.runnel.refresh;

import io.runnel.postgres.Failure;
import io.runnel.sql.Sql;
import java.time.Duration;

/**
 * How long a refresh may take.
 *
 * @param statement one statement of it, before PostgreSQL cancels it
 * @param lock waiting for one lock
 */
public record Timeouts(Duration statement, Duration lock) {

    private static final String LOCK = "SET LOCAL lock_timeout = {}";
    private static final String CANCELLED = "postgres-57014";
    private static final String NOT_LOCKED = "postgres-55p03";

    public Timeouts {
        if (statement.toMillis() < 1 || lock.toMillis() < 1) {
            throw new IllegalArgumentException("the time-outs of a refresh are at least 1ms");
        }
    }

    Sql statementMillis() {
        return Sql.literal(statement.toMillis() + "ms");
    }

    Sql lockMillis() {
        return Sql.literal(lock.toMillis() + "ms");
    }

    /** Makes a transaction that prepares refreshes wait no longer for a lock than these do. */
    public Sql impatience() {
        return Sql.of(LOCK, lockMillis());
    }

    /**
     * Says of a failure that it is a time-out of the refresh, if it is. PostgreSQL has one code for statements that were
     * cancelled for their time and by somebody, and tells them apart in the language of the server only; but the former have
     * taken their time.
     */
    Throwable explain(MaintenancePlan plan, Duration taken, Throwable thrown) {
        if (!(thrown instanceof Failure failure)) {
            return thrown;
        }
        if (failure.code().equals(NOT_LOCKED)) {
            return RefreshFailures.lockTimeout(plan, lock, failure);
        }
        return failure.code().equals(CANCELLED) && taken.compareTo(statement) >= 0
                ? RefreshFailures.statementTimeout(plan, statement)
                : thrown;
    }
}
