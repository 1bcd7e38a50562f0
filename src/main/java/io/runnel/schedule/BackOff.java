package io.runnel.schedule;

import java.time.Duration;
import java.util.random.RandomGenerator;

/** Exponential, with between half and all of the step, so that tables that failed together do not return together. */
record BackOff(RandomGenerator random) {
    private static final int DOUBLINGS_MAX = 20;

    Duration after(int failures) {
        long step = SchedulerSettings.BACK_OFF_MIN.toMillis() << Math.min(Math.max(failures - 1, 0), DOUBLINGS_MAX);
        long limited = Math.min(step, SchedulerSettings.BACK_OFF_MAX.toMillis());
        return Duration.ofMillis(limited / 2 + random.nextLong(limited / 2 + 1));
    }
}
