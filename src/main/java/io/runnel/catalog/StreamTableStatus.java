package io.runnel.catalog;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.Optional;

/**
 * A stream table as it stands: its definition and what its last refreshes left.
 *
 * @param name the table's present name, also when it was renamed
 * @param refreshMode AUTO, DIFFERENTIAL or FULL, as it was asked for
 * @param effectiveMode DIFFERENTIAL or FULL, once the definition was looked at
 * @param fullReason why not differentially
 * @param populated whether it was ever filled
 * @param waitsFor what keeps it from being initialised
 * @param maxChangedShare of its rows, more of which no refresh changes without approval
 * @param settled whether everything that was asked for so far was carried out or has failed
 */
public record StreamTableStatus(
        long id,
        QualifiedName name,
        String owner,
        String query,
        String schedule,
        String refreshMode,
        Optional<String> effectiveMode,
        Optional<String> fullReason,
        String status,
        boolean populated,
        Optional<Instant> refreshedAt,
        Optional<Long> rowsInLastRefresh,
        long consecutiveErrors,
        Optional<LastError> lastError,
        Optional<String> waitsFor,
        Optional<Double> maxChangedShare,
        boolean settled) {

    /** The code of the error of a refresh that would have changed too much, and waits for approval. */
    public static final String CHANGE_TOO_LARGE = "change-too-large";

    /** @param code stable, in lower case with hyphens */
    public record LastError(String message, Optional<String> code, Optional<String> hint, Optional<Instant> at) {}

    /** Whether a refresh would have changed too much, and a person is to approve. */
    public boolean awaitsApproval() {
        return status.equals("SUSPENDED")
                && lastError
                        .flatMap(LastError::code)
                        .filter(CHANGE_TOO_LARGE::equals)
                        .isPresent();
    }

    /** Whether it will not be refreshed before somebody acts, and nobody wanted that. */
    public boolean failed() {
        return status.equals("ERROR") || status.equals("SUSPENDED");
    }
}
