package io.runnel.materialized;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A managed materialized view as it stands.
 *
 * @param status INITIALIZING, ACTIVE, PAUSED or SUSPENDED
 * @param query as PostgreSQL prints it; empty in a summary
 * @param adopted whether it was there before and stays when it is dropped here
 */
public record MaterializedViewStatus(
        long id,
        QualifiedName name,
        String status,
        String owner,
        Optional<String> query,
        boolean adopted,
        boolean populated,
        Settings settings,
        Progress progress,
        List<String> warnings,
        Optional<LastError> lastError) {

    public MaterializedViewStatus {
        warnings = List.copyOf(warnings);
    }

    /**
     * How it is refreshed; see the SQL function that creates it.
     *
     * @param refreshKind AUTO, CONCURRENTLY or PLAIN
     * @param neverSkippedBecause why it cannot be known that nothing has changed; absent if it can, or if nobody wants to know
     */
    public record Settings(
            List<String> schedules,
            String timeZone,
            String refreshKind,
            boolean skipUnchanged,
            Optional<String> neverSkippedBecause) {

        public Settings {
            schedules = List.copyOf(schedules);
        }
    }

    /**
     * What was done.
     *
     * @param frontier the snapshot as of which the contents are the result
     * @param checkedAt when it was last refreshed or found unchanged
     * @param kind CONCURRENTLY or PLAIN, of the last refresh
     * @param requested the number of the last request
     * @param answered the number of the last request that a refresh has answered
     */
    public record Progress(
            Optional<String> frontier,
            Optional<Instant> refreshedAt,
            Optional<Instant> checkedAt,
            Optional<Double> durationSeconds,
            Optional<String> kind,
            long refreshes,
            long skipped,
            long requested,
            long answered,
            Optional<String> waitsFor,
            long consecutiveErrors) {}

    /** @param code stable, in lower case with hyphens */
    public record LastError(String message, Optional<String> code, Optional<String> hint, Optional<Instant> at) {}

    /** Whether nothing will happen before somebody acts, and nobody wanted that. */
    public boolean failed() {
        return status.equals("SUSPENDED");
    }
}
