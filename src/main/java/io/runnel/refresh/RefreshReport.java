package io.runnel.refresh;

import java.time.Duration;

/**
 * What one refresh did.
 *
 * @param mode DIFFERENTIAL, FULL, or NONE if there was nothing to do
 * @param reason why in this mode, in a few words
 * @param changes change rows that it consumed
 */
public record RefreshReport(
        String mode, String reason, long changes, long inserted, long updated, long deleted, Duration duration) {

    public boolean changedRows() {
        return inserted + updated + deleted > 0;
    }
}
