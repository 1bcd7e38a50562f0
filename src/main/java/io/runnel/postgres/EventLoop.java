package io.runnel.postgres;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.quarkus.vertx.core.runtime.context.VertxContextSafetyToggle;
import io.smallrye.common.vertx.VertxContext;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The one event loop on which background work is decided. Everything started here runs on that loop, each piece in a
 * context of its own, so state that only such pieces touch needs no lock.
 */
@ApplicationScoped
public class EventLoop {

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

    /** Runs work on the loop after a while; returns what {@link #cancel} takes. */
    @CanIgnoreReturnValue
    public long after(Duration delay, Runnable work) {
        return vertx.setTimer(Math.max(1, delay.toMillis()), fired -> run(work));
    }

    public void cancel(long timer) {
        vertx.cancelTimer(timer);
    }
}
