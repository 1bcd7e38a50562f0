package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;

/**
 * A bound on staleness: a change is being applied at the latest {@code staleness} after it was heard of.
 *
 * @param staleness between {@link #MIN} and {@link #MAX}
 */
public record Every(Duration staleness) implements Schedule {
    /** Below this a refresh costs more than the time between two of them. */
    public static final Duration MIN = Duration.ofMillis(10);

    public static final Duration MAX = Duration.ofDays(366);

    public Every {
        if (staleness.compareTo(MIN) < 0 || staleness.compareTo(MAX) > 0) {
            throw new IllegalArgumentException(
                    "a duration must lie between 10ms and 366d; for refreshes at once write on-change");
        }
    }

    @Override
    public String text() {
        return DurationText.of(staleness);
    }

    @Override
    public Optional<Instant> dueWhenDirty(LastRun last, Instant dirtySince, ZoneId zone) {
        Instant afterLast = last.finishedAt().plus(staleness);
        Instant afterWakeUp = dirtySince.plus(staleness);
        return Optional.of(afterLast.isBefore(afterWakeUp) ? afterLast : afterWakeUp);
    }

    /** Counted from the start of the last refresh, because what came later in it was not seen by it. */
    @Override
    public Optional<Instant> dueWhenPolled(LastRun last, Duration pause, ZoneId zone) {
        return Optional.of(last.startedAt().plus(DurationText.longer(staleness, pause)));
    }

    @Override
    public Optional<Instant> dueWhenCovered(LastRun last, Duration fallbackPoll, ZoneId zone) {
        return Optional.of(last.finishedAt().plus(DurationText.longer(staleness, fallbackPoll)));
    }
}
