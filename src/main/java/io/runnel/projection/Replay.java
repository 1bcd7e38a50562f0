package io.runnel.projection;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Events that are handled once more, and how far that is.
 *
 * @param status WAITING, RUNNING, FINISHED or CANCELLED
 * @param types only these types of events; empty for all
 */
public record Replay(
        long id,
        String status,
        List<String> types,
        Optional<String> entity,
        Optional<Long> fromPosition,
        Optional<Instant> fromTime,
        Optional<Long> atPosition,
        Optional<Long> uptoPosition,
        long eventsHandled,
        Optional<Double> eventsPerSecond,
        Optional<Double> secondsRemaining,
        Optional<Instant> startedAt,
        Optional<Instant> finishedAt) {

    public Replay {
        types = List.copyOf(types);
    }

    public boolean over() {
        return status.equals("FINISHED") || status.equals("CANCELLED");
    }
}
