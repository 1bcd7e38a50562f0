package io.runnel.postgres;

import io.smallrye.mutiny.Uni;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Work that never runs twice at once: however often it is asked for while it runs, it is done once more afterwards. To be
 * used on the event loop only.
 */
public final class Coalesced<T> {

    private final EventLoop loop;
    private final Supplier<Uni<T>> work;
    private boolean running;
    private Optional<Consumer<? super T>> next = Optional.empty();

    public Coalesced(EventLoop loop, Supplier<Uni<T>> work) {
        this.loop = loop;
        this.work = work;
    }

    /** Does the work now, or again; what fails is left to whoever asks next. */
    public void run(Consumer<? super T> success) {
        if (running) {
            next = Optional.of(success);
            return;
        }
        running = true;
        loop.start(
                work.get(),
                result -> {
                    success.accept(result);
                    ended();
                },
                thrown -> ended());
    }

    private void ended() {
        running = false;
        Optional<Consumer<? super T>> asked = next;
        next = Optional.empty();
        asked.ifPresent(this::run);
    }
}
