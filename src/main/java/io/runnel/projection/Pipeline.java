package io.runnel.projection;

import java.time.Instant;

/** One worker of a projection, as far as this process has got with it. Touched on the event loop only. */
final class Pipeline {
    /** After so many looks that found nothing the pause does not grow any more. */
    static final int LOOKS_MAX = 5;

    static final int GAPS_MAX = 3;

    /** After so many conflicts in a row it has no other worker of its projection beside it, so that it gets on. */
    static final int CONFLICTS_MAX = 2;

    Projection projection;
    Horizon horizon = Horizon.UNKNOWN;
    Instant startedAt = Instant.EPOCH;
    boolean running;
    boolean again;
    boolean idle;
    boolean waiting;
    boolean caughtUp;
    int failures;
    int conflicts;
    int looks;
    int gaps;

    /** The one that wakes it up next, if it waits. */
    long timer = -1;

    Pipeline(Projection projection) {
        this.projection = projection;
    }

    Key key() {
        return projection.key();
    }

    boolean alone() {
        return conflicts >= CONFLICTS_MAX;
    }

    record Key(long projection, int worker) {}
}
