package io.runnel.projection;

/**
 * What came of a batch.
 *
 * @param handled how many events were handed to handlers
 */
record Batch(Outcome outcome, long handled) {

    enum Outcome {
        /** There may be more to do at once. */
        MORE,
        /** A gap in the positions may still be filled by an open transaction. */
        WAITING,
        /** All that can be seen is handled. */
        IDLE,
        /** An event failed, and is to be tried again later. */
        FAILED,
        /** Nothing happens until somebody resumes it. */
        SUSPENDED,
        /** It does not exist any more, is paused, or runs in the writers' transactions. */
        GONE
    }
}
