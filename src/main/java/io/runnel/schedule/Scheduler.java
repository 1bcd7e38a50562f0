package io.runnel.schedule;

import io.runnel.schedule.TableState.Phase;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.random.RandomGenerator;

/**
 * Decides which stream tables are refreshed, when and in which order. Pure: no clock, no I/O; the same events at the same
 * times give the same decisions. Mutable, and confined to one thread.
 *
 * <p>An event costs the logarithm of the number of tables plus what it affects; an idle table costs one entry in a
 * sorted set, and all of them together one look every {@link SchedulerSettings#fallbackPause} at most.
 */
public final class Scheduler {
    private final SchedulerSettings settings;
    private final BackOff backOff;
    private final DependencyGraph graph = new DependencyGraph();
    private final Arming arming;
    private final Event.Listener listener = new Digest();

    /** Idle tables by due time. */
    private final TreeSet<TableState> due =
            new TreeSet<>(Comparator.comparing((TableState table) -> table.dueAt == null ? Instant.MAX : table.dueAt)
                    .thenComparing(table -> table.id));

    /** Ready tables that wait for a place only, or have not been examined; those that wait for a table are with it. */
    private final TreeSet<TableState> startable =
            new TreeSet<>(Comparator.comparingLong((TableState table) -> table.readyOrder));

    /** By id, because a table may be removed and defined again while it is being refreshed. */
    private final Set<Long> running = new HashSet<>();

    private List<Decision> decisions = new ArrayList<>();
    private Instant latest = Instant.EPOCH;
    private long position;

    /** @param random where the jitter of the back-off comes from */
    public Scheduler(SchedulerSettings settings, RandomGenerator random) {
        this.settings = settings;
        this.backOff = new BackOff(random);
        this.arming = new Arming(graph, settings, this::reschedule);
    }

    /** Digests one event; the decisions are to be carried out in their order. */
    public List<Decision> next(Event event, Instant now) {
        decisions = new ArrayList<>();
        if (now.isBefore(latest)) {
            graph.tables().forEach(table -> {
                table.notAfter(now);
                reschedule(table);
            });
            graph.sources().forEach(source -> source.armNotBefore = Instant.MIN);
        }
        latest = now;
        event.tell(listener, now);
        makeReady(now);
        start(now);
        arming.settle(now, decisions::add);
        return List.copyOf(decisions);
    }

    /** When to send {@link Event.Tick}, unless another event comes first; empty if nothing waits for a time. */
    public Optional<Instant> nextDueAt() {
        return due.isEmpty() ? Optional.empty() : Optional.ofNullable(due.first().dueAt);
    }

    /** How many refreshes are under way. */
    public int running() {
        return running.size();
    }

    private void makeReady(Instant now) {
        while (!due.isEmpty()) {
            TableState first = due.first();
            if (first.dueAt != null && first.dueAt.isAfter(now)) {
                return;
            }
            ready(first);
        }
    }

    private void ready(TableState table) {
        unqueue(table);
        table.phase = Phase.READY;
        table.readyOrder = ++position;
        startable.add(table);
        recount(table);
    }

    private void start(Instant now) {
        while (running.size() < settings.concurrentRefreshesMax() && !startable.isEmpty()) {
            TableState table = startable.first();
            startable.remove(table);
            pull(table);
            Optional<TableState> blocker = blocker(table);
            if (blocker.isPresent()) {
                blocker.get().waiters.add(table);
            } else {
                decisions.add(new Decision.StartRefresh(table.id, table.reason()));
                running.add(table.id);
                table.started(now, ++position);
                recount(table);
            }
        }
    }

    /** Makes ready what has to be fresh before the table is refreshed. */
    private void pull(TableState table) {
        for (TableState upstream : table.pulls) {
            if (upstream.wantedBefore(table.readyOrder)) {
                upstream.pulled = true;
                ready(upstream);
            }
        }
    }

    /**
     * A table that this one reads and that has not been refreshed since this one became ready, but is about to. One
     * refresh is enough, however it ends; otherwise a busy or a broken table would hold up all that read it.
     */
    private Optional<TableState> blocker(TableState table) {
        Set<TableState> ancestors = graph.ancestors(table);
        if (ancestors.contains(table)) {
            return Optional.empty();
        }
        return ancestors.stream()
                .filter(ancestor -> ancestor.phase != Phase.IDLE && ancestor.finishedOrder < table.readyOrder)
                .findFirst();
    }

    private void unblock(TableState table) {
        for (TableState waiter : table.waiters) {
            if (waiter.phase == Phase.READY && graph.table(waiter.id).orElse(null) == waiter) {
                startable.add(waiter);
            }
        }
        table.waiters.clear();
    }

    private void reschedule(TableState table) {
        unqueue(table);
        if (table.phase == Phase.IDLE && graph.table(table.id).isPresent()) {
            table.dueAt = table.due(
                            settings, settings.fallbackPoll(graph.tables().size()))
                    .orElse(null);
            if (table.dueAt != null) {
                due.add(table);
            }
        }
    }

    private void unqueue(TableState table) {
        if (table.dueAt != null) {
            due.remove(table);
            table.dueAt = null;
        }
    }

    private void makeIdle(TableState table) {
        startable.remove(table);
        table.phase = Phase.IDLE;
        table.pulled = false;
        unblock(table);
    }

    /** Also for the tables that this one is refreshed for: to them its sources are their own. */
    private void makeDirty(TableState table, Instant now) {
        table.makeDirty(now);
        for (TableState puller : table.pullers) {
            puller.makeDirty(now);
            recount(puller);
            reschedule(puller);
        }
        recount(table);
        reschedule(table);
    }

    private void recount(TableState table) {
        if (table.recount()) {
            arming.touch(table.sources);
        }
    }

    private void suspend(TableState table) {
        if (!table.halted) {
            decisions.add(new Decision.Suspend(table.id));
            halt(table);
        }
    }

    private void halt(TableState table) {
        table.halted = true;
        table.retryAt = null;
        if (table.phase == Phase.READY && !table.requested) {
            makeIdle(table);
        }
        derived(table);
    }

    private void derived(TableState table) {
        arming.touch(table.sources);
        graph.derive(table);
        recount(table);
        reschedule(table);
        arming.touch(table.sources);
    }

    private void fail(TableState table, Instant now) {
        table.failures++;
        table.makeDirty(now);
        if (table.failures >= settings.consecutiveErrorsMax()) {
            suspend(table);
        } else {
            retry(table, now);
        }
    }

    private void retry(TableState table, Instant now) {
        table.makeDirty(now);
        table.retryAt = table.retries() ? now.plus(backOff.after(table.failures)) : null;
    }

    /** What each event changes; what follows from it is found out afterwards, the same for all. */
    private final class Digest implements Event.Listener {
        @Override
        public void tableDefined(ScheduledTable table, Instant now) {
            Optional<TableState> known = graph.table(table.id());
            if (known.isPresent() && known.get().table.equals(table)) {
                return;
            }
            TableState state = known.orElseGet(() -> new TableState(table));
            known.ifPresent(before -> {
                arming.touch(before.sources);
                if (before.phase == Phase.READY) {
                    makeIdle(before);
                }
                unqueue(before);
                graph.remove(before);
            });
            state.table = table;
            state.failures = 0;
            state.retryAt = null;
            if (running.contains(table.id())) {
                state.phase = Phase.RUNNING;
            }
            graph.add(state);
            state.uncovered.addAll(state.sources);
            arming.touch(state.sources);
            makeDirty(state, now);
            rescheduleReaders(state);
        }

        @Override
        public void tableRemoved(long id, Instant now) {
            graph.table(id).ifPresent(table -> {
                arming.touch(table.sources);
                unqueue(table);
                Set<TableState> pullers = Set.copyOf(table.pullers);
                pullers.forEach(puller -> arming.touch(puller.sources));
                graph.remove(table);
                makeIdle(table);
                pullers.forEach(Scheduler.this::recount);
                pullers.forEach(Scheduler.this::reschedule);
            });
        }

        @Override
        public void wokenUp(int source, Instant now) {
            graph.source(source).ifPresent(woken -> {
                arming.wokenUp(woken);
                woken.readers.forEach(reader -> makeDirty(reader, now));
            });
        }

        @Override
        public void sourceArmed(int source, Instant now) {
            graph.source(source)
                    .ifPresentOrElse(
                            armed -> arming.armed(armed, ++position, decisions::add),
                            () -> decisions.add(new Decision.Disarm(source)));
        }

        @Override
        public void changesPending(int source, Instant now) {
            graph.source(source).ifPresent(pending -> {
                arming.pending(pending);
                pending.readers.forEach(reader -> makeDirty(reader, now));
            });
        }

        @Override
        public void armFailed(int source, Instant now) {
            graph.source(source).ifPresent(failed -> arming.failed(failed, now));
        }

        @Override
        public void wakeUpsLost(Instant now) {
            arming.lost();
        }

        @Override
        public void refreshRequested(long id, Instant now) {
            graph.table(id).ifPresent(table -> {
                table.requested = true;
                reschedule(table);
            });
        }

        @Override
        public void refreshFinished(long id, RunResult result, Instant now) {
            running.remove(id);
            graph.table(id)
                    .filter(table -> table.phase == Phase.RUNNING)
                    .ifPresent(table -> finished(table, result, now));
        }

        @Override
        public void halted(long id, Instant now) {
            graph.table(id).filter(table -> !table.halted).ifPresent(Scheduler.this::halt);
        }

        @Override
        public void resumed(long id, Instant now) {
            graph.table(id).filter(table -> table.halted).ifPresent(table -> {
                table.halted = false;
                table.failures = 0;
                table.retryAt = null;
                derived(table);
                makeDirty(table, now);
            });
        }

        private void finished(TableState table, RunResult result, Instant now) {
            table.finished(now, ++position);
            switch (result) {
                case CHANGED -> {
                    table.succeeded(result);
                    graph.captures(table).forEach(source -> source.readers.forEach(reader -> makeDirty(reader, now)));
                }
                case NOTHING_TO_DO -> table.succeeded(result);
                case FAILED -> fail(table, now);
                case FAILED_FOR_GOOD -> {
                    table.makeDirty(now);
                    suspend(table);
                }
                case BUSY -> retry(table, now);
            }
            unblock(table);
            recount(table);
            reschedule(table);
            arming.touch(table.sources);
        }

        private void rescheduleReaders(TableState table) {
            for (TableState puller : table.pullers) {
                arming.touch(puller.sources);
                recount(puller);
                reschedule(puller);
            }
        }
    }
}
