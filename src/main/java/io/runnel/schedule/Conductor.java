package io.runnel.schedule;

import io.runnel.catalog.StreamTable;
import io.runnel.cdc.Arming;
import io.runnel.cdc.Cleanup;
import io.runnel.cdc.WokenUp;
import io.runnel.postgres.Coalesced;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Failure;
import io.runnel.postgres.Notification;
import io.runnel.refresh.Plans;
import io.runnel.refresh.RefreshReport;
import io.runnel.refresh.Refresher;
import io.runnel.replica.ReadModelKey.Kind;
import io.runnel.replica.Share;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
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
import java.util.function.BooleanSupplier;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Carries out what the {@link Scheduler} decides, for the stream tables that are this process's. All of its state is touched
 * on the event loop only; what it knows of stream tables it reads from the catalog.
 */
@ApplicationScoped
public class Conductor {

    /** How often all stream tables are read again, because an announcement may be lost. */
    public static final Duration RELOAD_INTERVAL = Duration.ofSeconds(30);

    /** How often change buffers and the refresh history are pruned. */
    public static final Duration PRUNE_INTERVAL = Duration.ofSeconds(1);

    /** How often it is looked whether a source was dropped: no trigger tells, and no change will ever come. */
    public static final Duration LOST_INTERVAL = Duration.ofSeconds(5);

    /** How soon a stream table that could not be read is read again. */
    public static final Duration RETRY_INTERVAL = Duration.ofSeconds(5);

    private static final Logger LOG = Logger.getLogger(Conductor.class);

    private final EventLoop loop;
    private final Refresher refresher;
    private final Arming arming;
    private final Cleanup cleanup;
    private final ScheduleRows rows;
    private final jakarta.enterprise.event.Event<WokenUp> wakeUps;
    private final SchedulerSettings settings;

    private Share share = Share.NOTHING;
    private final Coalesced<Map<Long, String>> reading;
    private Optional<Scheduler> scheduler = Optional.empty();
    private long term;
    private Optional<Long> timer = Optional.empty();
    private final Map<Long, Set<Integer>> sources = new HashMap<>();
    private final Set<Integer> prunable = new HashSet<>();

    /** What the last reading found of those that are this process's; one that looks the same is not read again. */
    private Map<Long, String> marks = new HashMap<>();

    Conductor(
            EventLoop loop,
            Refresher refresher,
            Arming arming,
            Cleanup cleanup,
            ScheduleRows rows,
            jakarta.enterprise.event.Event<WokenUp> wakeUps,
            @ConfigProperty(name = "runnel.refresh.concurrent-max", defaultValue = "8") int concurrentRefreshesMax) {
        this.loop = loop;
        this.refresher = refresher;
        this.arming = arming;
        this.cleanup = cleanup;
        this.rows = rows;
        this.reading = new Coalesced<>(loop, rows::marks);
        this.wakeUps = wakeUps;
        this.settings = SchedulerSettings.defaults(concurrentRefreshesMax);
    }

    void onShare(@Observes Share event) {
        boolean served = share.serves();
        share = event;
        if (event.serves()) {
            arming.locks().shared(event.shared());
        }
        if (served && event.serves()) {
            read(term);
        } else if (served || event.serves()) {
            term++;
            sources.clear();
            marks.clear();
            scheduler = event.serves() ? Optional.of(new Scheduler(settings, new Random())) : Optional.empty();
            begin(term);
        }
    }

    /** Also the last time, when there is nothing to do any more but to let writers be. */
    private void begin(long inTerm) {
        if (!share.serves()) {
            loop.start(arming.locks().releaseAll(), done -> {}, thrown -> {});
            return;
        }
        read(inTerm);
        BooleanSupplier serving = () -> inTerm == term;
        loop.repeat(
                RELOAD_INTERVAL,
                serving,
                () -> share.leads() ? rows.prune().flatMap(done -> rows.marks()) : rows.marks(),
                found -> reload(inTerm, found),
                thrown -> LOG.warnf("the stream tables cannot be read: %s", thrown));
        loop.repeat(
                LOST_INTERVAL,
                serving,
                () -> rows.lost(marks.keySet()),
                ids -> lost(inTerm, ids),
                thrown -> LOG.debugf("dropped sources cannot be looked for: %s", thrown.getMessage()));
        arming.locks().watch(loop, () -> inTerm == term, id -> tell(inTerm, new Event.WokenUp(id)));
        prune(inTerm);
    }

    void onNotification(@Observes Notification event) {
        if (scheduler.isEmpty()) {
            return;
        }
        switch (event.channel()) {
            case "runnel_wakeup" -> {
                int source = (int) event.id();
                wakeUps.fire(new WokenUp(source));
                long inTerm = term;
                loop.start(
                        arming.disarm(source),
                        done -> tell(inTerm, new Event.WokenUp(source)),
                        thrown -> tell(inTerm, new Event.WokenUp(source)));
            }
            case "runnel_disarmed_source" -> {
                if (arming.locks().told((int) event.id())) {
                    tell(term, new Event.WokenUp((int) event.id()));
                }
            }
            case "runnel_definition", "runnel_schedule" -> settle(term, event.id());
            default -> LOG.debugf("unknown channel=%s", event.channel());
        }
    }

    private void read(long inTerm) {
        reading.run(found -> reload(inTerm, found));
    }

    private void reload(long inTerm, Map<Long, String> found) {
        if (inTerm != term) {
            return;
        }
        Map<Long, String> mine = new HashMap<>(found);
        mine.keySet().removeIf(id -> !share.has(Kind.STREAM_TABLE, id));
        mine.forEach((id, mark) -> {
            if (!mark.equals(marks.get(id))) {
                settle(inTerm, id);
            }
        });
        Set.copyOf(sources.keySet()).stream()
                .filter(id -> !mine.containsKey(id))
                .forEach(id -> settle(inTerm, id));
        marks = mine;
    }

    private void lost(long inTerm, List<Long> ids) {
        ids.forEach(id -> {
            LOG.warnf("stream_table=%d stopped: something that its query reads was dropped", id);
            settle(inTerm, id);
        });
    }

    /** Tells the scheduler what the catalog says of a stream table now, or that it is not this process's any more. */
    private void settle(long inTerm, long id) {
        if (inTerm != term) {
            return;
        }
        if (!share.has(Kind.STREAM_TABLE, id)) {
            forget(inTerm, id);
            return;
        }
        loop.start(
                rows.read(id),
                found -> {
                    if (inTerm != term) {
                        return;
                    }
                    if (!share.has(Kind.STREAM_TABLE, id)) {
                        forget(inTerm, id);
                    } else if (found.isEmpty() || found.get().row().status().equals("ERROR")) {
                        sources.remove(id);
                        tell(inTerm, new Event.TableRemoved(id));
                    } else if (!found.get().row().unreconciled()) {
                        defined(inTerm, found.get());
                    }
                },
                thrown -> {
                    LOG.debugf("stream_table=%d cannot be read: %s", id, thrown.getMessage());
                    loop.after(RETRY_INTERVAL, () -> settle(inTerm, id));
                });
    }

    /** It is not this process's any more; should it be again, it is read again. */
    private void forget(long inTerm, long id) {
        marks.remove(id);
        sources.remove(id);
        tell(inTerm, new Event.TableRemoved(id));
    }

    private void defined(long inTerm, ScheduleRows.Entry entry) {
        StreamTable row = entry.row();
        ScheduledTable table;
        try {
            table = entry.table();
        } catch (IllegalArgumentException invalid) {
            loop.start(rows.refuse(row.id(), String.valueOf(invalid.getMessage())), done -> {}, thrown -> {});
            return;
        }
        sources.put(row.id(), table.reads().sources());
        tell(inTerm, new Event.TableDefined(table));
        tell(
                inTerm,
                switch (row.status()) {
                    case "PAUSED" -> new Event.Paused(row.id());
                    case "SUSPENDED" -> new Event.Suspended(row.id());
                    default -> new Event.Resumed(row.id());
                });
        if (entry.requested()) {
            tell(inTerm, new Event.RefreshRequested(row.id()));
        }
    }

    private void tell(long inTerm, Event event) {
        if (inTerm != term || scheduler.isEmpty()) {
            return;
        }
        List<Decision> decisions = scheduler.get().next(event, Instant.now());
        decisions.forEach(decision -> carryOut(inTerm, decision));
        setTimer(inTerm);
    }

    private void setTimer(long inTerm) {
        timer.ifPresent(loop::cancel);
        timer = scheduler
                .flatMap(Scheduler::nextDueAt)
                .map(due -> loop.after(
                        Duration.between(Instant.now(), due).isNegative()
                                ? Duration.ZERO
                                : Duration.between(Instant.now(), due),
                        () -> tell(inTerm, new Event.Tick())));
    }

    private void carryOut(long inTerm, Decision decision) {
        if (decision instanceof Decision.StartRefresh start) {
            refresh(inTerm, start.id());
        } else if (decision instanceof Decision.Arm arm) {
            loop.start(
                    arming.arm(arm.source(), arm.tables()),
                    answer -> tell(
                            inTerm,
                            switch (answer) {
                                case ARMED -> new Event.SourceArmed(arm.source());
                                case NOT_ARMED -> new Event.ArmFailed(arm.source());
                                case CHANGES_PENDING -> new Event.ChangesPending(arm.source());
                            }),
                    thrown -> tell(inTerm, new Event.ArmFailed(arm.source())));
        } else if (decision instanceof Decision.Disarm disarm) {
            loop.start(arming.disarm(disarm.source()), done -> {}, thrown -> {});
        } else if (decision instanceof Decision.Suspend suspend) {
            LOG.warnf("stream_table=%d suspended after consecutive errors", suspend.id());
            loop.start(rows.suspend(suspend.id()), done -> {}, thrown -> {});
        }
    }

    private void refresh(long inTerm, long id) {
        loop.start(
                Uni.createFrom().deferred(() -> refresher.refresh(id)),
                report -> {
                    if (report.changes() > 0 || report.mode().equals("FULL")) {
                        prunable.addAll(sources.getOrDefault(id, Set.of()));
                    }
                    tell(inTerm, new Event.RefreshFinished(id, result(report)));
                },
                thrown -> {
                    RunResult result = result(thrown);
                    if (result == RunResult.FAILED || result == RunResult.FAILED_FOR_GOOD) {
                        LOG.warnf("stream_table=%d refresh failed: code=%s", id, Failure.inLog(thrown));
                    }
                    tell(inTerm, new Event.RefreshFinished(id, result));
                });
    }

    private static RunResult result(RefreshReport report) {
        return report.changedRows() ? RunResult.CHANGED : RunResult.NOTHING_TO_DO;
    }

    private static RunResult result(Throwable thrown) {
        if (thrown instanceof Failure.NotFound) {
            return RunResult.NOTHING_TO_DO;
        }
        if (thrown instanceof Failure.Internal failure && failure.code().equals("contents-differ")) {
            return RunResult.FAILED_FOR_GOOD;
        }
        boolean busy = thrown instanceof Failure failure
                && (failure instanceof Failure.Unavailable || failure.code().equals(Plans.NOT_INITIALIZED));
        return busy ? RunResult.BUSY : RunResult.FAILED;
    }

    private void prune(long inTerm) {
        if (inTerm != term || scheduler.isEmpty()) {
            return;
        }
        Set<Integer> now = Set.copyOf(prunable);
        prunable.clear();
        now.forEach(source -> loop.start(
                cleanup.prune(source),
                deleted -> {
                    if (deleted >= Cleanup.BATCH_ROWS_MAX) {
                        prunable.add(source);
                    }
                },
                thrown -> prunable.add(source)));
        loop.after(PRUNE_INTERVAL, () -> prune(inTerm));
    }
}
