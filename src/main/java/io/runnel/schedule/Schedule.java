package io.runnel.schedule;

import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Optional;

/**
 * When a table is looked at. The three kinds of due time answer the three things that can be known about a table: that
 * something changed, that nobody would tell, and that a wake-up would have come. Empty means never by itself.
 */
public sealed interface Schedule permits Every, Cron, OnChange, Downstream, Manual {

    /**
     * Reads what a person writes: {@code 5s}, {@code 1h30m}, {@code 0 * * * *}, {@code @daily}, {@code on-change},
     * {@code on-change 20ms}, {@code downstream} (or {@code calculated}), {@code manual}. Several cron expressions are
     * separated by a semicolon or a line break.
     *
     * @throws IllegalArgumentException if the text is no schedule; the message says what would be one
     */
    static Schedule parse(String text) {
        return ScheduleReader.read(text);
    }

    /** The canonical form, which {@link #parse} reads back to an equal schedule. */
    String text();

    /** When a table with unapplied changes, the first of which was heard of at {@code dirtySince}, is due. */
    Optional<Instant> dueWhenDirty(LastRun last, Instant dirtySince, ZoneId zone);

    /**
     * When a table is due that nobody would wake up.
     *
     * @param pause the least time to leave between two looks that follow no clock of their own
     */
    Optional<Instant> dueWhenPolled(LastRun last, Duration pause, ZoneId zone);

    /** When a table is due that would be woken up, because the wake-up may have been lost. */
    Optional<Instant> dueWhenCovered(LastRun last, Duration fallbackPoll, ZoneId zone);

    /** The last refresh of a table; both times are the epoch if this process has seen none. */
    record LastRun(Instant startedAt, Instant finishedAt) {
        static final LastRun NONE = new LastRun(Instant.EPOCH, Instant.EPOCH);
    }
}
