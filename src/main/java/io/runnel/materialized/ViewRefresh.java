package io.runnel.materialized;

import io.runnel.sql.QualifiedName;
import java.time.Duration;
import java.time.Instant;

/**
 * Event: a view was refreshed, or need not be.
 *
 * @param action CONCURRENTLY, PLAIN, SKIP, or GONE if it is not refreshed any more
 * @param at when the look began
 */
public record ViewRefresh(QualifiedName view, String action, Instant at, Duration duration) {

    static final String SKIP = "SKIP";
    static final String GONE = "GONE";

    /** Whether anything was computed. */
    public boolean refreshed() {
        return !action.equals(SKIP) && !action.equals(GONE);
    }
}
