package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;

/**
 * Whenever a table that reads this one, directly or not, is due: this one is refreshed first. Without such a table it
 * behaves like {@link Manual}.
 */
public record Downstream() implements Schedule {
    static final String WORD = "downstream";

    @Override
    public String text() {
        return WORD;
    }

    @Override
    public Optional<Instant> dueWhenDirty(LastRun last, Instant dirtySince, ZoneId zone) {
        return Optional.empty();
    }

    @Override
    public Optional<Instant> dueWhenPolled(LastRun last, Duration pause, ZoneId zone) {
        return Optional.empty();
    }

    @Override
    public Optional<Instant> dueWhenCovered(LastRun last, Duration fallbackPoll, ZoneId zone) {
        return Optional.empty();
    }
}
