package io.runnel.projection;

import java.time.Instant;

/** One projection, as far as this process has got with it. Touched on the event loop only. */
final class Pipeline {
    /** After so many looks that found nothing the pause does not grow any more. */
    static final int LOOKS_MAX = 5;

    static final int GAPS_MAX = 3;

    Projection projection;
    Horizon horizon = Horizon.UNKNOWN;
    Instant startedAt = Instant.EPOCH;
    boolean running;
    boolean again;
    boolean idle;
    boolean waiting;
    int failures;
    int looks;
    int gaps;

    /** The one that wakes it up next, if it waits. */
    long timer = -1;

    Pipeline(Projection projection) {
        this.projection = projection;
    }
}
