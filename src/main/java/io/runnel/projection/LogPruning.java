package io.runnel.projection;

import io.runnel.postgres.EventLoop;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import java.util.function.BooleanSupplier;

/** Deletes what is kept of appended positions once no projection needs it. Touched on the event loop only. */
final class LogPruning {

    private static final Duration INTERVAL = Duration.ofSeconds(1);

    private final EventLoop loop;
    private final ProjectionRows rows;
    private final Set<Integer> logs = new HashSet<>();

    LogPruning(EventLoop loop, ProjectionRows rows) {
        this.loop = loop;
        this.rows = rows;
    }

    /** Some of its events were handled. */
    void add(int log) {
        logs.add(log);
    }

    void begin(BooleanSupplier wanted) {
        if (!wanted.getAsBoolean()) {
            return;
        }
        Set<Integer> now = Set.copyOf(logs);
        logs.clear();
        now.forEach(log -> loop.start(rows.prune(log), done -> {}, thrown -> logs.add(log)));
        loop.after(INTERVAL, () -> begin(wanted));
    }
}
