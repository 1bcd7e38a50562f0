package io.runnel.projection;

import java.time.Instant;
import java.util.Optional;

/**
 * How far a projection is behind its log, measured in the log.
 *
 * @param frontier a snapshot up to which it has dealt with what it was given; as a token, it includes all that the targets
 *     show
 * @param lagSeconds no event older than this is missing; empty if that is not known
 * @param positionsBehind how many positions are after the last one that was handled in order; some may be gaps
 * @param eventsLate events that came at positions before that, and are not handled yet
 * @param deadLetters events that were put aside: they are not applied, and nothing waits for them
 */
public record ProjectionFreshness(
        String name,
        String status,
        String mode,
        String frontier,
        Optional<Double> lagSeconds,
        long positionsBehind,
        long eventsLate,
        long deadLetters,
        Optional<Long> lastProcessedPosition,
        Optional<Instant> lastEventAt,
        Optional<Instant> updatedAt) {}
