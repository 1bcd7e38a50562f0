package io.runnel.schedule;

import java.time.Duration;

/**
 * @param concurrentRefreshesMax how many tables are refreshed at once
 * @param consecutiveErrorsMax after how many failures in a row a table is suspended
 * @param armedSourcesMax how many advisory locks may be held; sources beyond it are polled
 * @param pollInterval the first pause of a table that nobody would wake up; doubles up to {@link #POLL_INTERVAL_MAX},
 *     and is never shorter than the last refresh took, so that a busy table leaves half of the time to others
 * @param fallbackPoll after how long a table is looked at although no wake-up came, if there are few of them
 * @param fallbackPause the pause between two such looks, whichever the tables, so that many idle ones cost little
 */
public record SchedulerSettings(
        int concurrentRefreshesMax,
        int consecutiveErrorsMax,
        int armedSourcesMax,
        Duration pollInterval,
        Duration fallbackPoll,
        Duration fallbackPause) {
    /** Also the pause of an on-change table with a dependency that cannot be captured. */
    public static final Duration POLL_INTERVAL_MAX = Duration.ofSeconds(1);

    public static final Duration BACK_OFF_MIN = Duration.ofMillis(250);
    public static final Duration BACK_OFF_MAX = Duration.ofSeconds(60);

    public SchedulerSettings {
        if (concurrentRefreshesMax < 1 || consecutiveErrorsMax < 1 || armedSourcesMax < 0) {
            throw new IllegalArgumentException("the scheduler needs at least one refresh and one error");
        }
        if (pollInterval.isNegative()
                || pollInterval.isZero()
                || pollInterval.compareTo(POLL_INTERVAL_MAX) > 0
                || fallbackPoll.compareTo(POLL_INTERVAL_MAX) < 0) {
            throw new IllegalArgumentException("the poll interval is at most 1s, the fallback poll at least that");
        }
    }

    public static SchedulerSettings defaults(int concurrentRefreshesMax) {
        return new SchedulerSettings(
                concurrentRefreshesMax, 5, 2000, Duration.ofMillis(5), Duration.ofSeconds(60), Duration.ofMillis(200));
    }

    /** After how long one of so many tables is looked at although no wake-up came. */
    Duration fallbackPoll(int tables) {
        return DurationText.longer(fallbackPoll, fallbackPause.multipliedBy(tables));
    }
}
