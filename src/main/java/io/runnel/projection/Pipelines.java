package io.runnel.projection;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** All workers of all projections, and those that are to be started. Touched on the event loop only. */
final class Pipelines {

    /** How many batches run at once, of all projections and workers; each takes a connection. */
    static final int CONCURRENT_MAX = 4;

    private final Map<Pipeline.Key, Pipeline> all = new HashMap<>();
    private final Set<Pipeline.Key> ready = new LinkedHashSet<>();
    private int running;

    void clear() {
        all.clear();
        ready.clear();
    }

    Optional<Pipeline> get(Pipeline.Key key) {
        return Optional.ofNullable(all.get(key));
    }

    /** Whether it has not been given up meanwhile. */
    boolean has(Pipeline pipeline) {
        return all.get(pipeline.key()) == pipeline;
    }

    void add(Pipeline pipeline) {
        all.put(pipeline.key(), pipeline);
    }

    void remove(Pipeline pipeline) {
        all.remove(pipeline.key(), pipeline);
    }

    void removeProjection(long id) {
        all.keySet().removeIf(key -> key.projection() == id);
    }

    void retain(Set<Pipeline.Key> present) {
        all.keySet().retainAll(present);
    }

    /** The workers of a projection. */
    List<Pipeline> of(long projection) {
        return all.values().stream()
                .filter(pipeline -> pipeline.key().projection() == projection)
                .toList();
    }

    /** Those that are woken up by a log. */
    List<Pipeline> wokenUpBy(int log) {
        return all.values().stream()
                .filter(pipeline -> pipeline.projection.log() == log)
                .filter(pipeline -> pipeline.projection.times().wokenUp())
                .toList();
    }

    /** Whether all workers of its projection have handled what they could see. */
    boolean caughtUp(long projection) {
        return of(projection).stream().allMatch(pipeline -> pipeline.caughtUp && !pipeline.running);
    }

    void ready(Pipeline pipeline) {
        ready.add(pipeline.key());
    }

    /** Takes one out that may start now. */
    Optional<Pipeline> next() {
        for (Pipeline.Key key : new ArrayList<>(ready)) {
            Pipeline pipeline = all.get(key);
            if (pipeline == null || pipeline.running) {
                ready.remove(key);
            } else if (running < CONCURRENT_MAX && mayStart(pipeline)) {
                ready.remove(key);
                return Optional.of(pipeline);
            }
        }
        return Optional.empty();
    }

    /** One that must be alone waits for the others to end, and the others wait for it to have its turn. */
    private boolean mayStart(Pipeline pipeline) {
        return of(pipeline.key().projection()).stream()
                .filter(other -> other != pipeline)
                .noneMatch(other -> pipeline.alone()
                        ? other.running
                        : other.alone() && (other.running || ready.contains(other.key())));
    }

    void began(Pipeline pipeline) {
        pipeline.running = true;
        running++;
    }

    void ended(Pipeline pipeline) {
        pipeline.running = false;
        running--;
    }
}
