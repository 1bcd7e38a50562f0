package io.runnel.schedule;

/** How a refresh that the scheduler started has ended, as far as the next one depends on it. */
public enum RunResult {
    CHANGED,
    NOTHING_TO_DO,
    /** Tried again after a back-off; enough of them in a row suspend the table. */
    FAILED,
    /** An invariant is broken and another attempt would not mend it: the table is suspended at once. */
    FAILED_FOR_GOOD,
    /** Somebody else was refreshing the table: tried again soon, and no error; a request is not repeated. */
    BUSY
}
