package io.runnel.fault;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/** Waits for what another process does and tells nobody. */
public final class Await {

    static final Duration WAIT_MAX = Duration.ofSeconds(60);

    private static final Duration PAUSE = Duration.ofMillis(20);

    private Await() {}

    /** Looks again and again; an exception means "not yet". Returns how long it took. */
    public static Duration until(Supplier<String> what, Callable<Boolean> condition) {
        long begun = System.nanoTime();
        Exception last = null;
        while (System.nanoTime() - begun < WAIT_MAX.toNanos()) {
            try {
                if (condition.call()) {
                    return Duration.ofNanos(System.nanoTime() - begun);
                }
            } catch (Exception e) {
                last = e;
            }
            LockSupport.parkNanos(PAUSE.toNanos());
        }
        throw new AssertionError("not in time: " + what.get(), last);
    }
}
