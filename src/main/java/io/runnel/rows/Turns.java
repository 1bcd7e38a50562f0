package io.runnel.rows;

import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.UniEmitter;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Keeps readers from taking all connections, which refreshes need. Any thread may call it. */
@ApplicationScoped
class Turns {

    /** How many pages are read at once; each takes a connection. */
    static final int READING_MAX = 8;

    /** How many wait for their turn. */
    static final int WAITING_MAX = 200;

    private final Deque<Turn> waiting = new ArrayDeque<>();
    private int reading;

    /** Does the work when it is its turn; fails when too many wait already. */
    <T> Uni<T> take(Supplier<Uni<T>> work) {
        return Uni.createFrom()
                .<Void>emitter(this::enter)
                .flatMap(entered -> Uni.createFrom().deferred(work::get).eventually(this::leave));
    }

    private void enter(UniEmitter<? super Void> emitter) {
        Turn turn = new Turn(emitter, Vertx.currentContext());
        synchronized (this) {
            if (reading >= READING_MAX && waiting.size() >= WAITING_MAX) {
                emitter.fail(new Failure.Unavailable(
                        "too-many-readers",
                        "more than " + WAITING_MAX + " requests wait for rows",
                        "try again, less often"));
                return;
            } else if (reading >= READING_MAX) {
                waiting.add(turn);
                return;
            }
            reading++;
        }
        emitter.complete(null);
    }

    private void leave() {
        Turn next;
        synchronized (this) {
            next = waiting.poll();
            if (next == null) {
                reading--;
            }
        }
        if (next != null) {
            next.begin();
        }
    }

    /** @param context of the request that waits, to which it returns; null outside of the event loops */
    private record Turn(
            UniEmitter<? super Void> emitter, @Nullable Context context) {
        void begin() {
            if (context == null) {
                emitter.complete(null);
            } else {
                context.runOnContext(now -> emitter.complete(null));
            }
        }
    }
}
