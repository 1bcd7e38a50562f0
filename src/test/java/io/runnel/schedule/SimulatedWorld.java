package io.runnel.schedule;

import io.runnel.schedule.ScheduledTable.Notice;
import io.runnel.schedule.ScheduledTable.Reads;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;

/**
 * A database and a shell made of numbers: each source has a version and a lock, each table the versions that it has
 * applied. Ids of sources that capture stream tables are 100 plus the table's.
 */
final class SimulatedWorld {
    private static final int BASE_SOURCES = 4;
    private static final int TABLES = 8;
    private static final int ERRORS_MAX = 3;
    private static final String[] SCHEDULES = {
        "on-change", "on-change", "on-change 50ms", "100ms", "2s", "downstream", "downstream", "manual", "* * * * * *"
    };

    private final Random random;
    private final Scheduler scheduler;
    private final PriorityQueue<Task> tasks =
            new PriorityQueue<>(Comparator.comparing(Task::at).thenComparing(Task::order));
    private final Map<Integer, Log> logs = new HashMap<>();
    private final Map<Long, ScheduledTable> tables = new TreeMap<>();
    private final Map<Long, Map<Integer, Integer>> applied = new HashMap<>();
    private final Set<Long> running = new HashSet<>();
    private final Set<Long> paused = new HashSet<>();
    private final Map<Long, Integer> errors = new HashMap<>();
    private final Map<Long, Long> startedOrder = new HashMap<>();
    private final Map<Long, Long> finishedOrder = new HashMap<>();
    private final List<String> violations = new ArrayList<>();
    private final int refreshesMax;
    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private int session;
    private long order;
    private boolean calm;

    SimulatedWorld(long seed) {
        random = new Random(seed);
        refreshesMax = 1 + random.nextInt(4);
        int locksMax = random.nextInt(3) == 0 ? 2 : 100;
        scheduler = new Scheduler(
                new SchedulerSettings(
                        refreshesMax, ERRORS_MAX, locksMax, Duration.ofMillis(20), Duration.ofDays(100), Duration.ZERO),
                random);
        for (int source = 0; source < BASE_SOURCES; source++) {
            logs.put(source, new Log());
        }
        for (long id = 1; id <= TABLES; id++) {
            logs.put(100 + (int) id, new Log());
            define(id);
        }
    }

    void run(int steps) {
        calm = false;
        for (int step = 0; step < steps; step++) {
            disturb();
            passUntil(now.plusMillis(random.nextInt(random.nextInt(10) == 0 ? 400 : 15)));
        }
    }

    /** Writers stop and nothing fails; there is time for everything but the fallback. */
    void comeToRest() {
        calm = true;
        passUntil(now.plusSeconds(20));
    }

    List<String> violations() {
        return violations;
    }

    List<String> forgotten() {
        List<String> forgotten = new ArrayList<>();
        tables.forEach((id, table) -> {
            if (wantsFreshness(table, new HashSet<>())) {
                for (int source : table.reads().sources()) {
                    if (appliedVersion(id, source) != log(source).version) {
                        forgotten.add(id + " " + table.schedule().text() + " lacks " + source);
                    }
                }
            }
        });
        return forgotten;
    }

    private boolean wantsFreshness(ScheduledTable table, Set<Long> seen) {
        if (table.schedule() instanceof Manual || paused.contains(table.id())) {
            return false;
        }
        if (!(table.schedule() instanceof Downstream)) {
            return true;
        }
        return tables.values().stream()
                .filter(reader -> reader.reads().upstream().contains(table.id()) && seen.add(reader.id()))
                .anyMatch(reader -> wantsFreshness(reader, seen));
    }

    private void disturb() {
        long id = random.nextLong(1, TABLES + 1L);
        switch (random.nextInt(60)) {
            case 0 -> define(id);
            case 1 -> {
                tables.remove(id);
                paused.remove(id);
                tell(new Event.TableRemoved(id));
            }
            case 2 -> {
                if (tables.containsKey(id)) {
                    paused.add(id);
                }
                tell(new Event.Paused(id));
            }
            case 3, 4 -> {
                if (paused.remove(id)) {
                    errors.remove(id);
                }
                tell(new Event.Resumed(id));
            }
            case 5 -> tell(new Event.RefreshRequested(id));
            case 6 -> {
                session++;
                logs.values().forEach(log -> log.held = false);
                tell(new Event.WakeUpsLost());
            }
            case 7 -> tell(new Event.WokenUp(random.nextInt(BASE_SOURCES)));
            case 8 -> tell(new Event.Tick());
            default -> {
                if (random.nextInt(3) == 0) {
                    write(random.nextInt(BASE_SOURCES));
                }
            }
        }
    }

    private void define(long id) {
        Set<Integer> sources = new LinkedHashSet<>();
        Set<Long> upstream = new LinkedHashSet<>();
        Map<Integer, Long> sourceOf = new HashMap<>();
        for (int source = 0; source < BASE_SOURCES; source++) {
            if (random.nextInt(3) == 0) {
                sources.add(source);
            }
        }
        for (long other = 1; other < id; other++) {
            if (random.nextInt(3) == 0) {
                upstream.add(other);
                sources.add(100 + (int) other);
                if (random.nextBoolean()) {
                    sourceOf.put(100 + (int) other, other);
                }
            }
        }
        ScheduledTable table = new ScheduledTable(
                id,
                Schedule.parse(SCHEDULES[random.nextInt(SCHEDULES.length)]),
                ZoneOffset.UTC,
                new Reads(sources, upstream, sourceOf),
                random.nextInt(10) == 0 ? Notice.POLLED_ALWAYS : Notice.WAKE_UPS);
        if (table.equals(tables.put(id, table))) {
            return;
        }
        applied.put(id, new HashMap<>());
        errors.remove(id);
        startedOrder.put(id, order++);
        tell(new Event.TableDefined(table));
    }

    /** As the trigger does: whoever finds the lock free holds it until the commit, anybody else notifies. */
    private void write(int source) {
        Log log = log(source);
        boolean notifies = log.held;
        log.writers += notifies ? 0 : 1;
        later(random.nextInt(40) == 0 ? 3_000 : 5, () -> {
            log.version++;
            log.writers -= notifies ? 0 : 1;
            if (notifies) {
                woken(source);
            }
        });
    }

    private void woken(int source) {
        int sent = session;
        later(3, () -> {
            if (sent == session) {
                log(source).held = false;
                tell(new Event.WokenUp(source));
            }
        });
    }

    private void carryOut(Decision decision) {
        if (decision instanceof Decision.StartRefresh start) {
            start(start.id());
        } else if (decision instanceof Decision.Arm arm) {
            int sent = session;
            later(5, () -> arm(arm, sent));
        } else if (decision instanceof Decision.Disarm disarm) {
            log(disarm.source()).held = false;
        } else if (decision instanceof Decision.Suspend suspend) {
            check(errors.getOrDefault(suspend.id(), 0) >= ERRORS_MAX, "suspended too early " + suspend.id());
            paused.add(suspend.id());
        }
    }

    private void arm(Decision.Arm arm, int sent) {
        if (sent != session) {
            return;
        }
        Log log = log(arm.source());
        boolean pending = arm.tables().stream().anyMatch(id -> appliedVersion(id, arm.source()) < log.version);
        log.held = log.writers == 0 && !pending;
        if (log.held) {
            tell(new Event.SourceArmed(arm.source()));
        } else {
            tell(log.writers == 0 ? new Event.ChangesPending(arm.source()) : new Event.ArmFailed(arm.source()));
        }
    }

    private void start(long id) {
        check(running.add(id), "two runs at once of " + id);
        check(running.size() <= refreshesMax, "too many runs");
        ScheduledTable table = tables.get(id);
        if (table == null) {
            violations.add("run of a removed table " + id);
            return;
        }
        for (long other : table.reads().upstream()) {
            boolean once = finishedOrder.getOrDefault(other, -1L) > startedOrder.getOrDefault(id, -1L);
            check(once || !running.contains(other) || !tables.containsKey(other), id + " did not wait for " + other);
        }
        startedOrder.put(id, order++);
        later(5, () -> {
            Map<Integer, Integer> snapshot = new HashMap<>();
            table.reads().sources().forEach(source -> snapshot.put(source, log(source).version));
            later(random.nextInt(3) == 0 ? 300 : 10, () -> finish(table, snapshot));
        });
    }

    private void finish(ScheduledTable table, Map<Integer, Integer> snapshot) {
        long id = table.id();
        running.remove(id);
        finishedOrder.put(id, order++);
        if (!calm && random.nextInt(8) == 0) {
            int count = errors.merge(id, 1, Integer::sum);
            tell(new Event.RefreshFinished(id, RunResult.FAILED));
            boolean stopped = paused.contains(id) || !table.equals(tables.get(id));
            check(count < ERRORS_MAX || stopped, "not suspended " + id);
            return;
        }
        if (random.nextInt(20) == 0) {
            tell(new Event.RefreshFinished(id, RunResult.BUSY));
            return;
        }
        errors.remove(id);
        boolean current = table.equals(tables.get(id));
        boolean changed = current && !snapshot.equals(applied.get(id));
        if (current) {
            applied.put(id, snapshot);
        }
        if (changed) {
            log(100 + (int) id).version++;
            if (log(100 + (int) id).held) {
                woken(100 + (int) id);
            }
        }
        tell(new Event.RefreshFinished(id, changed ? RunResult.CHANGED : RunResult.NOTHING_TO_DO));
    }

    private void passUntil(Instant end) {
        while (true) {
            Instant task = tasks.isEmpty() ? Instant.MAX : tasks.peek().at();
            Instant due = scheduler.nextDueAt().orElse(Instant.MAX);
            Instant next = task.isBefore(due) ? task : due;
            if (next.isAfter(end)) {
                now = end;
                return;
            }
            now = next.isAfter(now) ? next : now;
            if (task.isAfter(due)) {
                tell(new Event.Tick());
            } else {
                tasks.remove().action().run();
            }
        }
    }

    private void tell(Event event) {
        scheduler.next(event, now).forEach(this::carryOut);
    }

    private void later(int withinMillis, Runnable action) {
        tasks.add(new Task(now.plusMillis(random.nextInt(withinMillis)), order++, action));
    }

    private int appliedVersion(long id, int source) {
        return applied.getOrDefault(id, Map.of()).getOrDefault(source, -1);
    }

    private Log log(int source) {
        return logs.computeIfAbsent(source, unused -> new Log());
    }

    private void check(boolean holds, String violation) {
        if (!holds) {
            violations.add(violation);
        }
    }

    private record Task(Instant at, long order, Runnable action) {}

    private static final class Log {
        private int version;
        private int writers;
        private boolean held;
    }
}
