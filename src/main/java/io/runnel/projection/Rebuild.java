package io.runnel.projection;

import java.time.Instant;
import java.util.Optional;

/**
 * A rebuild side by side, and how far it is.
 *
 * @param status RUNNING, FAILED, EXCHANGED once it has taken its place, ROLLING_BACK or ROLLED_BACK
 * @param uptoPosition the greatest position when it began
 * @param rowsInserted into the target tables, by the last exchange
 */
public record Rebuild(
        String status,
        Optional<Long> atPosition,
        Optional<Long> uptoPosition,
        long eventsHandled,
        long deadLetters,
        Optional<Double> eventsPerSecond,
        Optional<Double> secondsRemaining,
        Optional<Instant> startedAt,
        Optional<Instant> exchangedAt,
        long rowsInserted,
        long rowsUpdated,
        long rowsDeleted,
        Optional<ProjectionStatus.LastError> lastError) {

    public boolean over() {
        return !status.equals("RUNNING") && !status.equals("ROLLING_BACK");
    }
}
