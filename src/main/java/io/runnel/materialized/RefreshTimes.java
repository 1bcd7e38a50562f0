package io.runnel.materialized;

import io.runnel.schedule.Schedule;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;

/**
 * When a view is refreshed: at the earliest time that one of its schedules names.
 *
 * @param schedules durations, counted from the start of the last look, and cron expressions; nothing else names a time
 * @param zone in which cron expressions are read
 */
record RefreshTimes(List<Schedule> schedules, ZoneId zone) {

    RefreshTimes {
        schedules = List.copyOf(schedules);
    }

    /**
     * Reads what is stored.
     *
     * @throws IllegalArgumentException if a text is no schedule
     * @throws java.time.DateTimeException if Java knows no such time zone
     */
    static RefreshTimes of(List<String> schedules, String zone) {
        return new RefreshTimes(schedules.stream().map(Schedule::parse).toList(), ZoneId.of(zone));
    }

    /** The first time after the last look; several that have passed since count as one. Empty for never. */
    Optional<Instant> next(Instant last) {
        return schedules.stream()
                .flatMap(schedule -> schedule.dueWhenDirty(new Schedule.LastRun(last, last), last, zone).stream())
                .min(Instant::compareTo);
    }
}
