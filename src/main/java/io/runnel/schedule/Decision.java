package io.runnel.schedule;

import java.util.Set;

/** What the shell is to do, in the order given. */
public sealed interface Decision {

    /** Refresh the table now; its snapshot must be taken after this decision. */
    record StartRefresh(long id, Reason reason) implements Decision {}

    /**
     * Try, without waiting, to take the lock that makes writers notify; then look whether the buffer holds anything that
     * these tables have not applied. Tables not named are going to be refreshed anyway. Answered exactly once, in bounded
     * time, by {@link Event.SourceArmed} or {@link Event.ArmFailed}; the decisions about one source are carried out one
     * after the other.
     */
    record Arm(int source, Set<Long> tables) implements Decision {
        public Arm {
            tables = Set.copyOf(tables);
        }
    }

    /** Release the lock if it is held; nobody needs it, or it cannot be trusted. */
    record Disarm(int source) implements Decision {}

    /** Record that the table has been suspended; it already is, for the scheduler. */
    record Suspend(long id) implements Decision {}

    /** Why a refresh starts. */
    enum Reason {
        REQUESTED,
        /** After a failure. */
        RETRY,
        /** Somebody said that there may be changes. */
        WOKEN_UP,
        /** Nobody would have said. */
        POLL,
        /** A table that reads this one is due. */
        DOWNSTREAM_DUE
    }
}
