package io.runnel.postgres;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.quarkus.vertx.core.runtime.context.VertxContextSafetyToggle;
import io.smallrye.common.vertx.VertxContext;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The one event loop on which background work is decided. Everything started here runs on that loop, each piece in a
 * context of its own, so state that only such pieces touch needs no lock.
 */
@ApplicationScoped
public class EventLoop {

    /** How many times longer than the last time what is repeated rests at least. */
    public static final int REST = 20;

    /** How many intervals it rests at most. */
    public static final int INTERVALS_MAX = 6;

    private final Vertx vertx;
    private final Context loop;

    EventLoop(Vertx vertx) {
        this.vertx = vertx;
        this.loop = vertx.getOrCreateContext();
    }

    /** Runs work on the loop, later. */
    public void run(Runnable work) {
        Context context = VertxContext.createNewDuplicatedContext(loop);
        VertxContextSafetyToggle.setContextSafe(context, true);
        context.runOnContext(now -> work.run());
    }

    /** Starts asynchronous work; its result is handed over on the loop. */
    public <T> void start(Uni<T> work, Consumer<? super T> success, Consumer<Throwable> failure) {
        run(() -> work.subscribe()
                .with(result -> run(() -> success.accept(result)), thrown -> run(() -> failure.accept(thrown))));
    }

    /**
     * Starts work again and again, never twice at once, until it is not wanted any more. What takes long rests
     * {@link #REST} times as long, so that it uses a small share of the database however much there is to look at.
     *
     * @param interval the pause; at most {@link #INTERVALS_MAX} times that after what took long
     * @param wanted asked on the loop before each time
     */
    public <T> void repeat(
            Duration interval,
            BooleanSupplier wanted,
            Supplier<Uni<T>> work,
            Consumer<? super T> success,
            Consumer<Throwable> failure) {
        if (!wanted.getAsBoolean()) {
            return;
        }
        long began = System.nanoTime();
        Runnable again = () -> repeat(interval, wanted, work, success, failure);
        start(
                work.get(),
                result -> {
                    after(pause(interval, Duration.ofNanos(System.nanoTime() - began)), again);
                    success.accept(result);
                },
                thrown -> {
                    after(interval, again);
                    failure.accept(thrown);
                });
    }

    private static Duration pause(Duration interval, Duration took) {
        Duration rest = took.multipliedBy(REST);
        Duration most = interval.multipliedBy(INTERVALS_MAX);
        Duration pause = rest.compareTo(interval) > 0 ? rest : interval;
        return pause.compareTo(most) > 0 ? most : pause;
    }

    /** Runs work on the loop after a while; returns what {@link #cancel} takes. */
    @CanIgnoreReturnValue
    public long after(Duration delay, Runnable work) {
        return vertx.setTimer(Math.max(1, delay.toMillis()), fired -> run(work));
    }

    public void cancel(long timer) {
        vertx.cancelTimer(timer);
    }
}
