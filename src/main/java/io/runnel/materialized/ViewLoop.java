package io.runnel.materialized;

import io.runnel.postgres.Coalesced;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Notification;
import io.runnel.replica.ReadModelKey.Kind;
import io.runnel.replica.Share;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Refreshes the managed views that are this process's: each at its times, after what it reads has been made fresh ({@link
 * Upstream}), when somebody asks, and after those that it reads if they are due too. A view is never refreshed twice at once, and one that fails delays no other. All state is touched on
 * the event loop only.
 */
@ApplicationScoped
class ViewLoop {

    /** How often all views are read again. */
    static final Duration RELOAD_INTERVAL = Duration.ofSeconds(5);

    /** How many views are refreshed at once; each takes a connection. */
    static final int CONCURRENT_MAX = 4;

    /** How many views wait at once until what they read is fresh; each looks for it again and again. */
    static final int WAITING_MAX = 50;

    /** The first pause after a failure; it doubles with each. */
    static final Duration BACK_OFF_MIN = Duration.ofMillis(250);

    static final Duration BACK_OFF_MAX = Duration.ofSeconds(60);

    private static final Logger LOG = Logger.getLogger(ViewLoop.class);
    private static final String CHANNEL = "runnel_materialized_view";
    private static final int DOUBLINGS_MAX = 8;

    /** So that a clock that is set back does not keep a timer for long. */
    private static final Duration SLEEP_MAX = Duration.ofSeconds(30);

    private final EventLoop loop;
    private final ViewRefresher refresher;
    private final Upstream upstream;
    private final ViewRows rows;
    private final Coalesced<List<ManagedView>> reading;
    private final Event<ViewRefresh> refreshed;
    private final Event<ViewRefreshFailed> failures;
    private final Random random = new Random();

    private Share share = Share.NOTHING;
    private long term;
    private final Map<Long, Pipeline> pipelines = new HashMap<>();
    private int running;
    private int waiting;
    private Optional<Long> timer = Optional.empty();

    ViewLoop(
            EventLoop loop,
            ViewRefresher refresher,
            Upstream upstream,
            ViewRows rows,
            Event<ViewRefresh> refreshed,
            Event<ViewRefreshFailed> failures) {
        this.loop = loop;
        this.refresher = refresher;
        this.upstream = upstream;
        this.rows = rows;
        this.reading = new Coalesced<>(loop, rows::active);
        this.refreshed = refreshed;
        this.failures = failures;
    }

    void onShare(@Observes Share event) {
        boolean served = share.serves();
        share = event;
        if (served && event.serves()) {
            read();
        } else if (served || event.serves()) {
            term++;
            pipelines.clear();
            begin(term);
        }
    }

    private void begin(long inTerm) {
        if (share.serves()) {
            loop.repeat(
                    RELOAD_INTERVAL,
                    () -> inTerm == term,
                    () -> share.leads() ? rows.maintain().flatMap(done -> rows.active()) : rows.active(),
                    found -> defined(inTerm, found),
                    thrown -> LOG.warnf("the materialized views cannot be read: %s", thrown.getMessage()));
        }
    }

    void onNotification(@Observes Notification event) {
        if (share.serves() && event.channel().equals(CHANNEL)) {
            Optional.ofNullable(pipelines.get(event.id())).ifPresent(Pipeline::forgive);
            read();
        }
    }

    /** Reads all definitions now; what is announced meanwhile is read by the next reading. */
    private void read() {
        long inTerm = term;
        reading.run(found -> defined(inTerm, found));
    }

    private void defined(long inTerm, List<ManagedView> found) {
        if (inTerm != term || !share.serves()) {
            return;
        }
        List<ManagedView> mine = found.stream()
                .filter(view -> share.has(Kind.MATERIALIZED_VIEW, view.id()))
                .toList();
        pipelines.keySet().retainAll(mine.stream().map(ManagedView::id).collect(Collectors.toSet()));
        mine.forEach(view ->
                pipelines.computeIfAbsent(view.id(), id -> new Pipeline(view)).define(view));
        startDue();
    }

    /** Starts what is due, unless something that it reads is, and sleeps until the next time. */
    private void startDue() {
        Instant now = Instant.now();
        Set<Long> pending = new HashSet<>();
        Optional<Instant> next = Optional.empty();
        for (Pipeline pipeline : pipelines.values()) {
            Optional<Instant> due = pipeline.due(now);
            if (pipeline.running || due.filter(time -> !time.isAfter(now)).isPresent()) {
                pending.add(pipeline.view.id());
            } else if (due.isPresent() && (next.isEmpty() || due.get().isBefore(next.get()))) {
                next = due;
            }
        }
        List<Pipeline> ready = pending.stream()
                .map(pipelines::get)
                .filter(pipeline ->
                        !pipeline.running && pipeline.view.upstream().stream().noneMatch(pending::contains))
                .sorted((one, other) -> Long.compare(one.view.id(), other.view.id()))
                .toList();
        ready.stream()
                .filter(pipeline -> pipeline.waits() && !pipeline.waiting)
                .limit(Math.max(0, WAITING_MAX - waiting))
                .forEach(this::await);
        ready.stream()
                .filter(pipeline -> !pipeline.waits())
                .limit(Math.max(0, CONCURRENT_MAX - running))
                .forEach(this::start);
        sleep(now, next);
    }

    private void sleep(Instant now, Optional<Instant> next) {
        timer.ifPresent(loop::cancel);
        timer = next.map(time -> {
            Duration pause = Duration.between(now, time);
            return loop.after(pause.compareTo(SLEEP_MAX) > 0 ? SLEEP_MAX : pause, this::startDue);
        });
    }

    /** Waits until what the view reads is fresh, without keeping a place from those that need not wait. */
    private void await(Pipeline pipeline) {
        long inTerm = term;
        long start = pipeline.starts;
        pipeline.waiting = true;
        waiting++;
        loop.start(
                upstream.freshen(pipeline.view),
                notes -> awaited(inTerm, pipeline, start, notes),
                thrown -> awaited(
                        inTerm,
                        pipeline,
                        start,
                        List.of("it is not known whether what it reads is fresh: " + thrown.getMessage())));
    }

    /** If somebody asked for a refresh meanwhile, that was long ago for the next one. */
    private void awaited(long inTerm, Pipeline pipeline, long start, List<String> notes) {
        waiting--;
        pipeline.waiting = false;
        pipeline.notes = start == pipeline.starts ? Optional.of(notes) : Optional.empty();
        if (inTerm == term) {
            startDue();
        }
    }

    private void start(Pipeline pipeline) {
        long inTerm = term;
        pipeline.running = true;
        pipeline.starts++;
        running++;
        List<String> notes = pipeline.notes.orElse(List.of());
        pipeline.notes = Optional.empty();
        loop.start(
                refresher.refresh(pipeline.view, notes),
                run -> {
                    ended(pipeline);
                    finished(inTerm, pipeline, run);
                },
                thrown -> {
                    ended(pipeline);
                    failed(inTerm, pipeline, thrown);
                });
    }

    private void ended(Pipeline pipeline) {
        pipeline.running = false;
        running--;
    }

    private void finished(long inTerm, Pipeline pipeline, ViewRefresh run) {
        if (run.refreshed()) {
            refreshed.fire(run);
        }
        if (inTerm == term) {
            pipeline.forgive();
            pipeline.lookedAt(run.at());
            if (run.action().equals(ViewRefresh.GONE)) {
                pipelines.remove(pipeline.view.id());
            }
            if (pipeline.asked) {
                pipeline.asked = false;
                read();
            }
            startDue();
        }
    }

    /** What is only in the way now is told and tried again; everything else is an error of the view. */
    private void failed(long inTerm, Pipeline pipeline, Throwable thrown) {
        Failure failure = thrown instanceof Failure known
                ? known
                : new Failure.Internal("internal", String.valueOf(thrown.getMessage()), "", "", thrown);
        boolean passing =
                failure instanceof Failure.Unavailable && !failure.code().equals("postgres-57014");
        if (inTerm != term) {
            return;
        }
        pipeline.failures++;
        pipeline.retryAt = Optional.of(Instant.now().plus(backOff(pipeline.failures)));
        if (passing) {
            LOG.debugf("materialized view=%s waits: %s", pipeline.view.name().display(), failure.message());
            loop.start(rows.waits(pipeline.view.id(), failure), done -> {}, unheard -> {});
        } else {
            failures.fire(new ViewRefreshFailed(pipeline.view.name(), failure.code()));
            loop.start(
                    rows.failed(pipeline.view.id(), failure),
                    suspended -> recorded(inTerm, pipeline, failure, suspended),
                    unheard -> LOG.warnf(
                            "materialized view=%s failed: code=%s",
                            pipeline.view.name().display(), failure.code()));
        }
        startDue();
    }

    private void recorded(long inTerm, Pipeline pipeline, Failure failure, boolean suspended) {
        if (suspended && inTerm == term) {
            LOG.warnf(
                    "materialized view=%s is suspended: code=%s",
                    pipeline.view.name().display(), failure.code());
            pipelines.remove(pipeline.view.id());
        }
    }

    private Duration backOff(int failuresSoFar) {
        long step = BACK_OFF_MIN.toMillis() << Math.min(failuresSoFar - 1, DOUBLINGS_MAX);
        long limited = Math.min(step, BACK_OFF_MAX.toMillis());
        return Duration.ofMillis(limited / 2 + random.nextLong(limited / 2 + 1));
    }

    /** One view, as far as this process has got with it. */
    private static final class Pipeline {
        ManagedView view;
        boolean running;

        /** How many refreshes were begun. */
        long starts;

        /** Whether what it reads is being made fresh; and when that was done, what there is to say about it. */
        boolean waiting;

        Optional<List<String>> notes = Optional.empty();

        /** Whether a refresh was asked for while one was under way, which may have begun before. */
        boolean asked;

        int failures;
        Optional<Instant> retryAt = Optional.empty();

        Pipeline(ManagedView view) {
            this.view = view;
        }

        /** What was read while a refresh was under way may be older than what that refresh has told. */
        void define(ManagedView found) {
            asked = running && found.requested();
            Optional<Instant> known = view.lastLook();
            boolean stale = known.isPresent()
                    && found.lastLook()
                            .filter(look -> look.isBefore(known.get()))
                            .isPresent();
            view = stale && !found.requested() ? found.lookedAt(known.get()) : found;
        }

        void lookedAt(Instant when) {
            view = view.lookedAt(when);
        }

        /** Whether what it reads is to be made fresh first. Whoever asks for a refresh has seen to that, or wants it now. */
        boolean waits() {
            return view.layered() && !view.requested() && view.lastLook().isPresent() && notes.isEmpty();
        }

        void forgive() {
            failures = 0;
            retryAt = Optional.empty();
        }

        Optional<Instant> due(Instant now) {
            return retryAt.or(() -> view.due(now));
        }
    }
}
