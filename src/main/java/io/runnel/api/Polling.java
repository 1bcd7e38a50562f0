package io.runnel.api;

import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.function.Predicate;
import java.util.function.Supplier;

/** Looks again and again, less and less often, until something has happened or the time is over. */
@ApplicationScoped
class Polling {

    private static final Duration FIRST = Duration.ofMillis(5);
    private static final Duration LONGEST = Duration.ofMillis(200);

    private final Vertx vertx;

    Polling(Vertx vertx) {
        this.vertx = vertx;
    }

    /** The first look that is {@code settled}, or the last one within the time. Looks at least once. */
    <T> Uni<T> until(Predicate<T> settled, Duration limit, Supplier<Uni<T>> look) {
        return Uni.createFrom().deferred(() -> again(settled, System.nanoTime() + limit.toNanos(), FIRST, look));
    }

    private <T> Uni<T> again(Predicate<T> settled, long deadline, Duration pause, Supplier<Uni<T>> look) {
        return look.get().flatMap(seen -> {
            long left = deadline - System.nanoTime();
            if (settled.test(seen) || left <= 0) {
                return Uni.createFrom().item(seen);
            }
            Duration next = pause.multipliedBy(3).dividedBy(2);
            return sleep(Math.min(left, pause.toNanos()))
                    .flatMap(slept -> again(settled, deadline, next.compareTo(LONGEST) > 0 ? LONGEST : next, look));
        });
    }

    /** By a timer of the event loop, so that what follows stays on it. */
    private Uni<Long> sleep(long nanos) {
        long millis = Math.max(1, Duration.ofNanos(nanos).toMillis());
        return Uni.createFrom().emitter(emitter -> vertx.setTimer(millis, emitter::complete));
    }
}
