package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;

/**
 * As soon as a wake-up arrives.
 *
 * @param atMostEvery the least time between the starts of two refreshes; zero for none, at most {@link Every#MAX}
 */
public record OnChange(Duration atMostEvery) implements Schedule {
    static final String WORD = "on-change";

    public OnChange {
        if (atMostEvery.isNegative() || atMostEvery.compareTo(Every.MAX) > 0) {
            throw new IllegalArgumentException("the pause after on-change must lie between 0s and 366d");
        }
    }

    @Override
    public String text() {
        return atMostEvery.isZero() ? WORD : WORD + " " + DurationText.of(atMostEvery);
    }

    @Override
    public Optional<Instant> dueWhenDirty(LastRun last, Instant dirtySince, ZoneId zone) {
        return Optional.of(last.startedAt().plus(atMostEvery));
    }

    @Override
    public Optional<Instant> dueWhenPolled(LastRun last, Duration pause, ZoneId zone) {
        return Optional.of(last.finishedAt().plus(DurationText.longer(atMostEvery, pause)));
    }

    @Override
    public Optional<Instant> dueWhenCovered(LastRun last, Duration fallbackPoll, ZoneId zone) {
        return Optional.of(last.finishedAt().plus(DurationText.longer(atMostEvery, fallbackPoll)));
    }
}
