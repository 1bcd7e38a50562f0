package io.runnel.postgres;

import io.smallrye.mutiny.Uni;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Work that never runs twice at once: however often it is asked for while it runs, it is done once more afterwards. To be
 * used on the event loop only.
 */
public final class Coalesced<T> {

    /** How soon work that has failed is tried again. */
    public static final Duration RETRY_INTERVAL = Duration.ofSeconds(1);

    private final EventLoop loop;
    private final Supplier<Uni<T>> work;
    private boolean running;
    private Optional<Consumer<? super T>> next = Optional.empty();

    public Coalesced(EventLoop loop, Supplier<Uni<T>> work) {
        this.loop = loop;
        this.work = work;
    }

    /** Does the work now, or again; what fails is tried again after a while. */
    public void run(Consumer<? super T> success) {
        if (running) {
            next = Optional.of(success);
            return;
        }
        running = true;
        begin(success);
    }

    private void begin(Consumer<? super T> success) {
        loop.start(
                work.get(),
                result -> {
                    success.accept(result);
                    ended();
                },
                thrown -> loop.after(RETRY_INTERVAL, () -> begin(next.orElse(success))));
    }

    private void ended() {
        running = false;
        Optional<Consumer<? super T>> asked = next;
        next = Optional.empty();
        asked.ifPresent(this::run);
    }
}
