package io.runnel.refresh;

import io.runnel.postgres.Session;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import java.util.Optional;

/**
 * How much of a stream table one refresh may change before a person has to approve: its circuit breaker.
 *
 * @param share of the rows that were there before; empty for no limit
 * @param approvals how often a person has approved, as the refresh sees it
 * @param approved whether no refresh that succeeded has used the last approval
 */
record ChangeLimit(Optional<Double> share, long approvals, boolean approved) {

    /** With fewer rows than this a stream table has no limit: a few rows would be a large share. */
    static final long ROWS_MIN = 100;

    /** Compares what a refresh has written, in its own transaction, with what was there before, and fails if that is too much. */
    Uni<Void> check(Session session, MaintenancePlan plan, Written written) {
        long enough = enough(written);
        if (enough <= 0) {
            return Uni.createFrom().voidItem();
        }
        Sql count = Sql.of(
                "SELECT count(*) AS n FROM (SELECT FROM {} LIMIT {}) AS present",
                plan.target().table(),
                enough);
        return plan.confined(session)
                .planned(count, Sql.of("n bigint"))
                .map(rows -> rows.get(0).number("n"))
                .flatMap(after -> tooMuchOf(written, after)
                        .map(before -> Uni.createFrom()
                                .<Void>failure(
                                        RefreshFailures.changeTooLarge(plan, written, before, share.orElseThrow())))
                        .orElseGet(() -> Uni.createFrom().voidItem()));
    }

    /**
     * With how many rows in the stream table afterwards what was written is not too much, whatever their number: they need not be
     * counted any further, so that counting costs what the change does, not what the table does. Not positive if nothing need be
     * counted.
     */
    long enough(Written written) {
        if (share.isEmpty() || approved || !exceeds(written, ROWS_MIN)) {
            return 0;
        }
        return (long) Math.ceil((double) written.rows() / share.get()) + written.inserted() - written.deleted();
    }

    /**
     * How many rows there were before, if what was written is too much of them.
     *
     * @param after rows in the stream table now, counted up to {@link #enough}
     */
    Optional<Long> tooMuchOf(Written written, long after) {
        long before = after - written.inserted() + written.deleted();
        return before >= ROWS_MIN && exceeds(written, before) ? Optional.of(before) : Optional.empty();
    }

    private boolean exceeds(Written written, long before) {
        return (double) written.rows() > share.orElseThrow() * (double) before;
    }
}
