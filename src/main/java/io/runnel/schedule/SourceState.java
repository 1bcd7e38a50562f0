package io.runnel.schedule;

import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Set;

/** One source as the scheduler sees it; owned by the thread of its {@link Scheduler}. */
final class SourceState {
    final int id;

    /** Tables whose query reads it. */
    final Set<TableState> readers = new LinkedHashSet<>();

    /** Tables that want to be woken up by it, directly or for a downstream table that they read. */
    final Set<TableState> listeners = new LinkedHashSet<>();

    Lock lock = Lock.NONE;

    /** The tables for which the look that belongs to the lock answers. */
    Set<TableState> covering = new LinkedHashSet<>();

    /** A refresh started later than this sees everything that was written without a notification. */
    long armedOrder;

    /** How many listeners are applying a wake-up or about to; arming waits for them, so that one notification does. */
    int rushing;

    /** A wake-up came while the lock was being taken: whether the lock is held is then anybody's guess. */
    boolean wokenWhileArming;

    /** It would be armed, were there not too many others. */
    boolean beyondLimit;

    Instant armNotBefore = Instant.MIN;

    SourceState(int id) {
        this.id = id;
    }

    enum Lock {
        NONE,
        ASKED,
        HELD
    }
}
