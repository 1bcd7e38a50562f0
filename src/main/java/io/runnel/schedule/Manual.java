package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;

/**
 * Only when somebody asks for it.
 */
public record Manual() implements Schedule {
    static final String WORD = "manual";

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
