package io.runnel.projection;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A projection as it stands.
 *
 * @param status ACTIVE, PAUSED or SUSPENDED
 * @param handlers as JSON: {@code [{"types": [...], "sql": "..."}]}, without types for the default handler
 */
public record ProjectionStatus(
        long id,
        String name,
        String status,
        String owner,
        Log log,
        String handlers,
        List<String> ignoredTypes,
        List<String> targets,
        Settings settings,
        Progress progress,
        Optional<LastError> lastError) {

    public ProjectionStatus {
        ignoredTypes = List.copyOf(ignoredTypes);
        targets = List.copyOf(targets);
    }

    /** The event log and what its columns mean. */
    public record Log(
            String table,
            String positionColumn,
            Optional<String> typeColumn,
            Optional<String> entityColumn,
            Optional<String> timeColumn) {}

    /** How it is run; see the SQL function that creates it. */
    public record Settings(
            String mode,
            String schedule,
            String scheduleTimeZone,
            long workers,
            long batchSize,
            String failurePolicy,
            Optional<Long> attemptsMax) {}

    /**
     * How far it is.
     *
     * @param latestPosition the greatest position in the log
     * @param deadLetters how many events were put aside, those that wait behind others included
     */
    public record Progress(
            Optional<Long> lastProcessedPosition,
            Optional<Long> latestPosition,
            Optional<Instant> lastEventAt,
            Optional<Instant> updatedAt,
            long eventsHandled,
            long deadLetters,
            boolean replaying,
            long consecutiveErrors) {}

    /** The last error that kept it from going on, and the position of the event. */
    public record LastError(
            String message,
            Optional<String> code,
            Optional<String> detail,
            Optional<String> hint,
            Optional<Instant> at,
            Optional<Long> position) {}

    /** Whether nothing will happen before somebody acts, and nobody wanted that. */
    public boolean failed() {
        return status.equals("SUSPENDED");
    }

    /** How many positions it is behind the log; some of them may be gaps. */
    public long lagPositions() {
        return progress.latestPosition()
                .map(latest ->
                        Math.max(0, latest - progress.lastProcessedPosition().orElse(0L)))
                .orElse(0L);
    }
}
