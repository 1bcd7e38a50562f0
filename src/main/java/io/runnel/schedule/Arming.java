package io.runnel.schedule;

import io.runnel.schedule.SourceState.Lock;
import java.time.Instant;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Decides which sources are armed. Owned by the thread of its {@link Scheduler}.
 *
 * <p>A table is covered by a source while a change to it would be heard of: the lock is held, and the table has either
 * been looked at after the lock was obtained or been refreshed since. What is not covered is polled, so no state in
 * between can lose a change; arming only saves work.
 */
final class Arming {
    private final DependencyGraph graph;
    private final SchedulerSettings settings;
    private final Consumer<TableState> reschedule;
    private final Set<SourceState> touched = new LinkedHashSet<>();
    private int locks;

    Arming(DependencyGraph graph, SchedulerSettings settings, Consumer<TableState> reschedule) {
        this.graph = graph;
        this.settings = settings;
        this.reschedule = reschedule;
    }

    /** To be looked at when the event has been digested. */
    void touch(Set<SourceState> sources) {
        touched.addAll(sources);
    }

    void wokenUp(SourceState source) {
        if (source.lock == Lock.ASKED) {
            source.wokenWhileArming = true;
        } else {
            drop(source);
        }
        uncover(source);
        touched.add(source);
    }

    void armed(SourceState source, long position, Consumer<Decision> decisions) {
        if (source.lock != Lock.ASKED || source.wokenWhileArming) {
            drop(source);
            uncover(source);
            touched.add(source);
            decisions.accept(new Decision.Disarm(source.id));
            return;
        }
        source.lock = Lock.HELD;
        source.armedOrder = position;
        for (TableState table : source.covering) {
            if (!table.dirty() && table.uncovered.remove(source)) {
                reschedule.accept(table);
            }
        }
        source.covering = new LinkedHashSet<>();
    }

    void pending(SourceState source) {
        drop(source);
        uncover(source);
        touched.add(source);
    }

    void failed(SourceState source, Instant now) {
        drop(source);
        uncover(source);
        source.armNotBefore = now.plus(settings.pollInterval());
    }

    void lost() {
        for (SourceState source : graph.sources()) {
            drop(source);
            uncover(source);
        }
    }

    void settle(Instant now, Consumer<Decision> decisions) {
        for (SourceState source : touched) {
            if (source.listeners.isEmpty()) {
                release(source, decisions);
            } else if (source.lock == Lock.NONE && source.rushing == 0 && !now.isBefore(source.armNotBefore)) {
                arm(source, decisions);
            }
        }
        touched.clear();
    }

    private void arm(SourceState source, Consumer<Decision> decisions) {
        if (source.listeners.stream().allMatch(TableState::dirty)) {
            return;
        }
        if (locks >= settings.armedSourcesMax()) {
            if (!source.beyondLimit) {
                source.beyondLimit = true;
                source.listeners.forEach(reschedule);
            }
            return;
        }
        Set<TableState> looked = source.readers.stream()
                .filter(table -> !table.dirty() && !table.answering && table.listenedFor())
                .collect(Collectors.toCollection(LinkedHashSet::new));
        Set<Long> ids = looked.stream().map(table -> table.id).collect(Collectors.toSet());
        source.covering = Stream.concat(looked.stream(), source.listeners.stream())
                .filter(table -> looked.contains(table) || !(table.dirty() || source.readers.contains(table)))
                .filter(table -> table.pulls.stream()
                        .allMatch(
                                pull -> !source.readers.contains(pull) || looked.contains(pull) || pull.startsLater()))
                .collect(Collectors.toCollection(LinkedHashSet::new));
        source.beyondLimit = false;
        source.lock = Lock.ASKED;
        locks++;
        decisions.accept(new Decision.Arm(source.id, ids));
    }

    private void release(SourceState source, Consumer<Decision> decisions) {
        if (source.lock != Lock.NONE) {
            decisions.accept(new Decision.Disarm(source.id));
            drop(source);
            uncover(source);
        }
        if (source.readers.isEmpty()) {
            graph.forget(source);
        }
    }

    private void drop(SourceState source) {
        if (source.lock != Lock.NONE) {
            locks--;
        }
        source.lock = Lock.NONE;
        source.covering = new LinkedHashSet<>();
        source.wokenWhileArming = false;
        source.armNotBefore = Instant.MIN;
    }

    private void uncover(SourceState source) {
        for (TableState table : source.readers) {
            uncover(source, table);
            table.pullers.forEach(puller -> uncover(source, puller));
        }
    }

    private void uncover(SourceState source, TableState table) {
        if (table.uncovered.add(source)) {
            reschedule.accept(table);
        }
    }
}
