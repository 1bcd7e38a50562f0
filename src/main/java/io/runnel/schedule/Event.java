package io.runnel.schedule;

import java.time.Instant;

/** Something that the scheduler is told. Unknown ids are ignored: they belong to tables removed a moment ago. */
public sealed interface Event {

    void tell(Listener listener, Instant now);

    /**
     * New or changed. An equal definition of a known table is ignored; a paused or suspended one stays so. To have a table
     * filled again under the same definition, request a refresh.
     */
    record TableDefined(ScheduledTable table) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.tableDefined(table, now);
        }
    }

    /** A refresh of it that is under way still ends with {@link RefreshFinished}. */
    record TableRemoved(long id) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.tableRemoved(id, now);
        }
    }

    /** A notification arrived for the source, and the lock that asks for more of them has been released. */
    record WokenUp(int source) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.wokenUp(source, now);
        }
    }

    /**
     * The answer to {@link Decision.Arm}: the lock is held, and a look at the buffer after it was obtained found nothing
     * that the named tables have not applied.
     */
    record SourceArmed(int source) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.sourceArmed(source, now);
        }
    }

    /** Another answer: the look found changes that the named tables have not applied, and the lock was released again. */
    record ChangesPending(int source) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.changesPending(source, now);
        }
    }

    /** The last answer: the lock was not to be had. */
    record ArmFailed(int source) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.armFailed(source, now);
        }
    }

    /**
     * The session that held the locks and listened is gone; nobody would be woken up. No answer to an older
     * {@link Decision.Arm} may follow.
     */
    record WakeUpsLost() implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.wakeUpsLost(now);
        }
    }

    /** Somebody wants a refresh that starts after this moment, also of a paused or suspended table. */
    record RefreshRequested(long id) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.refreshRequested(id, now);
        }
    }

    /** Answers {@link Decision.StartRefresh}, exactly once and in bounded time: nothing else frees its place. */
    record RefreshFinished(long id, RunResult result) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.refreshFinished(id, result, now);
        }
    }

    /** {@link Scheduler#nextDueAt} has come. */
    record Tick() implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            // What is due is found after every event.
        }
    }

    /** By a person. */
    record Paused(long id) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.halted(id, now);
        }
    }

    /** After errors, as the catalog remembers them; the scheduler's own {@link Decision.Suspend} needs no echo. */
    record Suspended(long id) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.halted(id, now);
        }
    }

    /** From either, with the errors forgotten. */
    record Resumed(long id) implements Event {
        @Override
        public void tell(Listener listener, Instant now) {
            listener.resumed(id, now);
        }
    }

    /** One method for each kind of event, so that the compiler finds the missing one. */
    interface Listener {
        void tableDefined(ScheduledTable table, Instant now);

        void tableRemoved(long id, Instant now);

        void wokenUp(int source, Instant now);

        void sourceArmed(int source, Instant now);

        void changesPending(int source, Instant now);

        void armFailed(int source, Instant now);

        void wakeUpsLost(Instant now);

        void refreshRequested(long id, Instant now);

        void refreshFinished(long id, RunResult result, Instant now);

        void halted(long id, Instant now);

        void resumed(long id, Instant now);
    }
}
