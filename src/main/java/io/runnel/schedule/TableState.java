package io.runnel.schedule;

import io.runnel.schedule.Decision.Reason;
import io.runnel.schedule.Schedule.LastRun;
import io.runnel.schedule.ScheduledTable.Notice;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One table as the scheduler sees it; owned by the thread of its {@link Scheduler}. */
final class TableState {
    private static final int QUIET_LOOKS_MAX = 20;

    final long id;
    ScheduledTable table;
    Phase phase = Phase.IDLE;

    /** Paused by a person, or suspended after errors. */
    boolean halted;

    boolean requested;

    /** A table that reads this one waits for it. */
    boolean pulled;

    /** The run under way answers a wake-up. */
    boolean answering;

    /** Counted in {@link SourceState#rushing} of its sources. */
    boolean rushing;

    @Nullable
    Instant dirtySince;

    @Nullable
    Instant retryAt;

    /** Its place in the queue of due times; null if it has none. */
    @Nullable
    Instant dueAt;

    LastRun last = LastRun.NONE;
    int failures;
    int quietLooks;

    /** Positions in the order of events, which unlike times are never equal. */
    long readyOrder;

    long startedOrder;
    long finishedOrder;

    /** The downstream tables that have to be fresh before this one is refreshed, and the reverse. */
    final Set<TableState> pulls = new LinkedHashSet<>();

    final Set<TableState> pullers = new LinkedHashSet<>();

    /** What this table reads itself and through {@link #pulls}. */
    final Set<SourceState> sources = new LinkedHashSet<>();

    /** Those of {@link #sources} that might change without a wake-up for this table. */
    final Set<SourceState> uncovered = new LinkedHashSet<>();

    /** Ready tables that wait until this one has been refreshed. */
    final Set<TableState> waiters = new LinkedHashSet<>();

    TableState(ScheduledTable table) {
        this.id = table.id();
        this.table = table;
    }

    boolean downstream() {
        return table.schedule() instanceof Downstream;
    }

    boolean dirty() {
        return dirtySince != null;
    }

    /** Whether a wake-up would make it due earlier than it is anyway. */
    boolean listens() {
        Schedule schedule = table.schedule();
        boolean byItself = !(schedule instanceof Manual) && !(schedule instanceof Downstream);
        return byItself && !halted && (schedule instanceof OnChange || !polledAlways());
    }

    /** Whether some table would refresh this one in passing as soon as it is woken up. */
    boolean listenedFor() {
        return listens() || pullers.stream().anyMatch(TableState::listens);
    }

    boolean polledAlways() {
        return table.notice() == Notice.POLLED_ALWAYS || pulls.stream().anyMatch(TableState::polledItself);
    }

    /** Whether it is to be looked at before a table that reads it and became ready at the given position. */
    boolean wantedBefore(long position) {
        boolean unsure = dirty() || !uncovered.isEmpty() || polledItself();
        return phase == Phase.IDLE && !halted && retryAt == null && unsure && finishedOrder < position;
    }

    /** Whether a failure is followed by another attempt that nobody asked for. */
    boolean retries() {
        return !halted && !(table.schedule() instanceof Manual) && (!downstream() || !pullers.isEmpty());
    }

    boolean applyingWakeUp() {
        return switch (phase) {
            case IDLE -> false;
            case READY -> dirty();
            case RUNNING -> answering || dirty();
        };
    }

    /** Counts itself at its sources; answers whether the count has changed. */
    boolean recount() {
        boolean counts = listens() && applyingWakeUp();
        if (counts == rushing) {
            return false;
        }
        rushing = counts;
        sources.forEach(source -> source.rushing += counts ? 1 : -1);
        return true;
    }

    Optional<Instant> due(SchedulerSettings settings, Duration fallbackPoll) {
        if (requested) {
            return Optional.of(Instant.EPOCH);
        }
        if (halted) {
            return Optional.empty();
        }
        Instant retry = retryAt;
        if (retry != null) {
            return Optional.of(retry);
        }
        Optional<Instant> unprompted = dueUnprompted(settings, fallbackPoll);
        Instant since = dirtySince;
        if (since == null) {
            return unprompted;
        }
        Optional<Instant> prompted = table.schedule().dueWhenDirty(last, since, table.zone());
        return prompted.filter(time -> unprompted.isEmpty() || time.isBefore(unprompted.get()))
                .or(() -> unprompted);
    }

    Reason reason() {
        if (requested) {
            return Reason.REQUESTED;
        }
        if (retryAt != null) {
            return Reason.RETRY;
        }
        if (pulled) {
            return Reason.DOWNSTREAM_DUE;
        }
        return dirty() ? Reason.WOKEN_UP : Reason.POLL;
    }

    void started(Instant now, long position) {
        phase = Phase.RUNNING;
        answering = dirty();
        dirtySince = pulls.stream().anyMatch(TableState::leftBehind) ? now : null;
        requested = false;
        pulled = false;
        last = new LastRun(now, last.finishedAt());
        startedOrder = position;
    }

    void finished(Instant now, long position) {
        phase = Phase.IDLE;
        answering = false;
        last = new LastRun(last.startedAt(), now);
        finishedOrder = position;
    }

    /** After a refresh that saw everything there was when it started. */
    void succeeded(RunResult result) {
        failures = 0;
        retryAt = null;
        quietLooks = result == RunResult.CHANGED ? 0 : Math.min(quietLooks + 1, QUIET_LOOKS_MAX);
        uncovered.removeIf(this::coveredByRun);
    }

    void makeDirty(Instant now) {
        quietLooks = 0;
        if (dirtySince == null) {
            dirtySince = now;
        }
    }

    /** The clock has been set back: nothing may lie in a future that will not come for hours. */
    void notAfter(Instant now) {
        last = new LastRun(earlier(last.startedAt(), now), earlier(last.finishedAt(), now));
        Instant since = dirtySince;
        dirtySince = since == null ? null : earlier(since, now);
        retryAt = retryAt == null ? null : now;
    }

    /**
     * Whether changes are going to reach this table after a lock that is being taken now: it has yet to start, or nobody
     * expects anything of it.
     */
    boolean startsLater() {
        return halted || phase == Phase.READY || (phase == Phase.IDLE && retryAt != null);
    }

    /** It has changed again since it was refreshed for a table that is starting, which therefore stays dirty. */
    private boolean leftBehind() {
        return dirty() && !halted && retryAt == null;
    }

    private boolean polledItself() {
        return table.notice() == Notice.POLLED_ALWAYS;
    }

    /** Whether the run began under the lock, and so did those of the tables that bring this source's changes here. */
    private boolean coveredByRun(SourceState source) {
        return source.lock == SourceState.Lock.HELD
                && startedOrder > source.armedOrder
                && pulls.stream().noneMatch(pull -> pull.uncovered.contains(source) && !pull.startsLater());
    }

    private Optional<Instant> dueUnprompted(SchedulerSettings settings, Duration fallbackPoll) {
        Schedule schedule = table.schedule();
        if (uncovered.isEmpty() && !polledAlways()) {
            return schedule.dueWhenCovered(last, fallbackPoll, table.zone());
        }
        return schedule.dueWhenPolled(last, pause(settings), table.zone());
    }

    private Duration pause(SchedulerSettings settings) {
        if (uncovered.isEmpty() || uncovered.stream().anyMatch(source -> source.beyondLimit)) {
            return SchedulerSettings.POLL_INTERVAL_MAX;
        }
        if (!(table.schedule() instanceof OnChange)) {
            return Duration.ZERO;
        }
        Duration grown = DurationText.longer(
                settings.pollInterval().multipliedBy(1L << quietLooks),
                Duration.between(last.startedAt(), last.finishedAt()));
        return grown.compareTo(SchedulerSettings.POLL_INTERVAL_MAX) < 0 ? grown : SchedulerSettings.POLL_INTERVAL_MAX;
    }

    private static Instant earlier(Instant one, Instant other) {
        return one.isBefore(other) ? one : other;
    }

    enum Phase {
        /** Nothing to do before its due time. */
        IDLE,
        /** Due; waits for tables that it reads, or for a place. */
        READY,
        RUNNING
    }
}
