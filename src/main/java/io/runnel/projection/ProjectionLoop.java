package io.runnel.projection;

import io.runnel.postgres.Coalesced;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Notification;
import io.runnel.projection.Batch.Outcome;
import io.runnel.projection.Projector.Run;
import io.runnel.replica.ReadModelKey.Kind;
import io.runnel.replica.Share;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * Runs the batches of projections, as far as they are this process's: when a log wakes it up, when a projection was changed, by
 * its schedule, and from time to time, because a notification may be lost. A worker of a projection is never run twice at
 * once, and one that fails delays no other. All state is touched on the event loop only.
 */
@ApplicationScoped
class ProjectionLoop {

    /** How often all projections are read again. */
    static final Duration RELOAD_INTERVAL = Duration.ofSeconds(5);

    /** How soon a gap that may still be filled is looked at again; the pause grows while it stays. */
    static final Duration GAP_INTERVAL = Duration.ofMillis(10);

    /** How soon a rebuild looks again whether it can take its place, while an open transaction holds events back. */
    static final Duration EXCHANGE_INTERVAL = Duration.ofSeconds(1);

    private static final Logger LOG = Logger.getLogger(ProjectionLoop.class);

    /** The pause after a conflict stays below a second: it is over when another batch is. */
    private static final int CONFLICT_DOUBLINGS_MAX = 5;

    private static final Duration SLEEP_MAX = Duration.ofSeconds(30);

    private final EventLoop loop;
    private final Projector projector;
    private final Exchange exchange;
    private final ProjectionRows rows;
    private final Coalesced<List<Projection>> reading;
    private final LogArming arming;
    private final LogPruning pruning;
    private final Event<EventsHandled> handled;
    private final Random random = new Random();

    private Share share = Share.NOTHING;
    private long term;
    private final Pipelines pipelines = new Pipelines();
    private final Set<Integer> arms = new HashSet<>();

    ProjectionLoop(
            EventLoop loop,
            Projector projector,
            Exchange exchange,
            ProjectionRows rows,
            LogArming arming,
            Event<EventsHandled> handled) {
        this.loop = loop;
        this.projector = projector;
        this.exchange = exchange;
        this.rows = rows;
        this.reading = new Coalesced<>(loop, rows::active);
        this.arming = arming;
        this.pruning = new LogPruning(loop, rows);
        this.handled = handled;
    }

    void onShare(@Observes Share event) {
        boolean served = share.serves();
        share = event;
        if (event.serves()) {
            arming.locks().shared(event.shared());
        }
        if (served && event.serves()) {
            read();
        } else if (served || event.serves()) {
            term++;
            pipelines.clear();
            arms.clear();
            begin(term);
        }
    }

    /** Also the last time, when there is nothing to do any more but to let writers be. */
    private void begin(long inTerm) {
        if (!share.serves()) {
            loop.start(arming.locks().releaseAll(), done -> {}, thrown -> {});
            return;
        }
        loop.repeat(
                RELOAD_INTERVAL,
                () -> inTerm == term,
                () -> share.leads() ? rows.release().flatMap(done -> rows.active()) : rows.active(),
                found -> defined(inTerm, found),
                thrown -> LOG.warnf("the projections cannot be read: %s", thrown.getMessage()));
        arming.locks().watch(loop, () -> inTerm == term, log -> wake(inTerm, log));
        pruning.begin(() -> inTerm == term);
    }

    void onNotification(@Observes Notification event) {
        if (!share.serves()) {
            return;
        }
        if (event.channel().equals("runnel_disarmed_log") && arming.locks().told((int) event.id())) {
            wake(term, (int) event.id());
        } else if (event.channel().equals("runnel_events")) {
            int log = (int) event.id();
            long inTerm = term;
            loop.start(arming.disarm(log), done -> wake(inTerm, log), thrown -> wake(inTerm, log));
        } else if (event.channel().equals("runnel_projection")) {
            pipelines.of(event.id()).forEach(this::announced);
            read();
        }
    }

    /** Something was changed or asked for, which does not wait until its time comes. */
    private void announced(Pipeline pipeline) {
        pipeline.failures = 0;
        if (!pipeline.projection.times().wokenUp()) {
            want(pipeline);
        }
    }

    /** Reads all definitions now; what is announced meanwhile is read by the next reading. */
    private void read() {
        long inTerm = term;
        reading.run(found -> defined(inTerm, found));
    }

    private void defined(long inTerm, List<Projection> found) {
        if (inTerm != term) {
            return;
        }
        List<Projection> mine = found.stream()
                .filter(projection -> share.has(Kind.PROJECTION, projection.id()))
                .toList();
        pipelines.retain(mine.stream().map(Projection::key).collect(Collectors.toSet()));
        for (Projection projection : mine) {
            pipelines.get(projection.key()).ifPresentOrElse(known -> altered(known, projection), () -> add(projection));
        }
    }

    private void add(Projection projection) {
        Pipeline added = new Pipeline(projection);
        pipelines.add(added);
        at(added, projection.times().first(Instant.now()));
    }

    private void altered(Pipeline pipeline, Projection projection) {
        boolean otherTimes = !projection.times().sameAs(pipeline.projection.times());
        pipeline.projection = projection;
        boolean due = projection.pending() || projection.exchanging();
        if (otherTimes || (due && !pipeline.waiting)) {
            want(pipeline);
        }
    }

    private void wake(long inTerm, int log) {
        if (inTerm == term) {
            pipelines.wokenUpBy(log).forEach(this::wokenUp);
        }
    }

    /** Starts it, or lets it rest if it has begun a moment ago. */
    private void wokenUp(Pipeline pipeline) {
        Instant restsUntil = pipeline.startedAt.plus(pipeline.projection.times().pause());
        if (pipeline.running || !restsUntil.isAfter(Instant.now())) {
            want(pipeline);
        } else if (!pipeline.waiting) {
            pipeline.idle = false;
            at(pipeline, Optional.of(restsUntil));
        }
    }

    private void want(Pipeline pipeline) {
        if (pipeline.running) {
            pipeline.again = true;
        } else {
            pipeline.idle = false;
            pipelines.ready(pipeline);
            startReady();
        }
    }

    private void startReady() {
        for (Optional<Pipeline> next = pipelines.next(); next.isPresent(); next = pipelines.next()) {
            start(next.get());
        }
    }

    private void start(Pipeline pipeline) {
        long inTerm = term;
        pipelines.began(pipeline);
        pipeline.waiting = false;
        pipeline.caughtUp = false;
        pipeline.startedAt = Instant.now();
        loop.cancel(pipeline.timer);
        loop.start(
                projector.run(pipeline.projection, pipeline.horizon),
                run -> {
                    ended(pipeline);
                    if (inTerm == term) {
                        finished(pipeline, run);
                    }
                },
                thrown -> {
                    ended(pipeline);
                    if (inTerm == term) {
                        failed(pipeline, thrown);
                    }
                });
    }

    private void ended(Pipeline pipeline) {
        pipelines.ended(pipeline);
        startReady();
    }

    private void finished(Pipeline pipeline, Run run) {
        Projection projection = pipeline.projection;
        pipeline.horizon = run.horizon();
        boolean again = pipeline.again;
        pipeline.again = false;
        pipeline.conflicts = 0;
        if (run.batch().handled() > 0) {
            handled.fire(new EventsHandled(projection.name(), run.batch().handled()));
            pruning.add(projection.log());
            pipeline.failures = 0;
            pipeline.looks = 0;
            pipeline.gaps = 0;
        }
        pipeline.caughtUp = run.batch().outcome() == Outcome.IDLE || run.batch().outcome() == Outcome.WAITING;
        if (projection.exchanging() && pipelines.caughtUp(projection.id())) {
            exchange(pipeline);
            return;
        }
        switch (run.batch().outcome()) {
            case MORE -> want(pipeline);
            case WAITING ->
                later(pipeline, GAP_INTERVAL.multipliedBy(1L << Math.min(pipeline.gaps++, Pipeline.GAPS_MAX)));
            case FAILED -> later(pipeline, backOff(++pipeline.failures));
            case SUSPENDED -> {
                if (pipelines.has(pipeline)) {
                    LOG.warnf("projection=%s is suspended after an error", projection.name());
                }
                pipelines.removeProjection(projection.id());
            }
            case GONE -> pipelines.remove(pipeline);
            case IDLE -> {
                pipeline.failures = 0;
                if (again) {
                    wokenUp(pipeline);
                } else if (!projection.times().wokenUp()) {
                    at(pipeline, projection.times().next(pipeline.startedAt, Instant.now()));
                } else {
                    pipeline.idle = true;
                    arm(projection.log());
                }
            }
        }
    }

    /** Puts a rebuild in the place of what it rebuilds; if that has gone on meanwhile, catches up again first. */
    private void exchange(Pipeline pipeline) {
        long inTerm = term;
        pipelines.began(pipeline);
        loop.start(
                exchange.attempt(pipeline.projection),
                outcome -> {
                    ended(pipeline);
                    if (inTerm == term) {
                        exchanged(pipeline, outcome);
                    }
                },
                thrown -> {
                    ended(pipeline);
                    if (inTerm == term) {
                        failed(pipeline, thrown);
                    }
                });
    }

    private void exchanged(Pipeline pipeline, Exchange.Outcome outcome) {
        switch (outcome) {
            case AGAIN -> pipelines.of(pipeline.projection.id()).forEach(this::want);
            case LATER -> later(pipeline, EXCHANGE_INTERVAL);
            case DONE -> {
                pipeline.idle = true;
                arm(pipeline.projection.log());
                read();
            }
        }
    }

    /** What failed says nothing about an event: the database is away or busy, or another worker or replica was faster. */
    private void failed(Pipeline pipeline, Throwable thrown) {
        if (thrown instanceof Failure failure && Exchange.PASSING.contains(failure.code())) {
            // What was known about writers still holds.
            pipeline.conflicts++;
            LOG.debugf("projection=%s gives way: %s", pipeline.projection.name(), thrown.getMessage());
            later(pipeline, backOff(Math.min(pipeline.conflicts, CONFLICT_DOUBLINGS_MAX)));
            return;
        }
        pipeline.horizon = Horizon.UNKNOWN;
        pipeline.failures++;
        if (thrown instanceof Failure.Unavailable) {
            LOG.debugf("projection=%s waits: %s", pipeline.projection.name(), thrown.getMessage());
        } else {
            LOG.warnf("projection=%s batch failed: code=%s", pipeline.projection.name(), Failure.inLog(thrown));
        }
        later(pipeline, backOff(pipeline.failures));
    }

    private Duration backOff(int failures) {
        long step = 20L << Math.min(failures, 11);
        return Duration.ofMillis(step / 2 + random.nextLong(step / 2 + 1));
    }

    private void later(Pipeline pipeline, Duration pause) {
        long inTerm = term;
        pipeline.waiting = true;
        pipeline.timer = loop.after(pause, () -> {
            if (inTerm == term && pipelines.has(pipeline) && pipeline.waiting) {
                want(pipeline);
            }
        });
    }

    /**
     * Wants it at a time, at once if that has passed. The timer is set anew from time to time, so that a clock that is set back
     * does not keep it for long. What is never due waits all the same, so that it is not taken for one that was forgotten.
     */
    private void at(Pipeline pipeline, Optional<Instant> due) {
        long inTerm = term;
        Instant now = Instant.now();
        pipeline.waiting = true;
        if (due.isEmpty()) {
            return;
        } else if (!due.get().isAfter(now)) {
            want(pipeline);
            return;
        }
        Duration pause = Duration.between(now, due.get()).plusMillis(1);
        pipeline.timer = loop.after(pause.compareTo(SLEEP_MAX) > 0 ? SLEEP_MAX : pause, () -> {
            if (inTerm == term && pipelines.has(pipeline) && pipeline.waiting) {
                at(pipeline, due);
            }
        });
    }

    /** When all projections of a log are idle, asks its writers to notify; while they write all the same, looks again. */
    private void arm(int log) {
        List<Pipeline> readers = pipelines.wokenUpBy(log);
        if (arming.armed(log) || readers.stream().anyMatch(reader -> !reader.idle) || !arms.add(log)) {
            return;
        }
        long inTerm = term;
        loop.start(
                arming.arm(
                        log,
                        readers.stream()
                                .map(reader -> reader.projection.id())
                                .distinct()
                                .toList()),
                answer -> answered(inTerm, log, readers, answer),
                thrown -> answered(inTerm, log, readers, LogArming.Answer.NOT_ARMED));
    }

    private void answered(long inTerm, int log, List<Pipeline> readers, LogArming.Answer answer) {
        if (inTerm != term) {
            return;
        }
        arms.remove(log);
        switch (answer) {
            case ARMED -> {}
            case PENDING -> readers.forEach(this::wokenUp);
            case NOT_ARMED ->
                readers.forEach(reader -> {
                    Duration look = Duration.ofMillis(20L << Math.min(reader.looks++, Pipeline.LOOKS_MAX));
                    Duration pause = reader.projection.times().pause();
                    later(reader, pause.compareTo(look) > 0 ? pause : look);
                });
        }
    }
}
