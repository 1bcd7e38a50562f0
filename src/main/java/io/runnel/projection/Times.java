package io.runnel.projection;

import io.runnel.schedule.Cron;
import io.runnel.schedule.OnChange;
import io.runnel.schedule.Schedule;
import io.runnel.schedule.Schedule.LastRun;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Optional;

/**
 * When a projection is looked at.
 *
 * @param zone in which cron expressions are read
 * @param lookedAt when one with cron expressions was last found to have caught up; empty for never
 */
record Times(Schedule schedule, ZoneId zone, Optional<Instant> lookedAt) {

    /** Reads what is stored. What is no schedule, or no time zone of Java's, is better looked at than not at all. */
    static Times of(String schedule, String zone, Optional<Instant> lookedAt) {
        return new Times(schedule(schedule), zone(zone), lookedAt);
    }

    /** Whether the log wakes it up. */
    boolean wokenUp() {
        return schedule instanceof OnChange;
    }

    /** The least time between the starts of two looks of one that is woken up. */
    Duration pause() {
        return schedule instanceof OnChange onChange ? onChange.atMostEvery() : Duration.ZERO;
    }

    /** The first look by a process that has not looked yet: a restart is no time of the clock. Empty for never. */
    Optional<Instant> first(Instant now) {
        return schedule instanceof Cron && lookedAt.isPresent()
                ? next(lookedAt.get(), lookedAt.get())
                : Optional.of(now);
    }

    /**
     * The look after one that has found nothing more to do. A cron expression counts from when that began, because what came
     * later was not seen by it; several of its times that have passed since count as one. Empty for never.
     */
    Optional<Instant> next(Instant started, Instant finished) {
        Instant since = schedule instanceof Cron ? started : finished;
        return schedule.dueWhenDirty(new LastRun(started, finished), since, zone);
    }

    boolean sameAs(Times other) {
        return schedule.equals(other.schedule) && zone.equals(other.zone);
    }

    private static Schedule schedule(String text) {
        try {
            return Schedule.parse(text);
        } catch (IllegalArgumentException unknown) {
            return new OnChange(Duration.ZERO);
        }
    }

    private static ZoneId zone(String name) {
        try {
            return ZoneId.of(name);
        } catch (DateTimeException unknown) {
            return ZoneOffset.UTC;
        }
    }
}
