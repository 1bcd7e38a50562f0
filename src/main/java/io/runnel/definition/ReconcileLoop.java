package io.runnel.definition;

import io.runnel.catalog.StreamTables;
import io.runnel.cdc.Cleanup;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Notification;
import io.runnel.replica.Share;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jboss.logging.Logger;

/**
 * Reconciles a definition when it is announced, and all of them from time to time, because an announcement may be lost.
 * Only the leading process does. Each definition is reconciled by itself, never twice at once.
 */
@ApplicationScoped
public class ReconcileLoop {

    /** How often all definitions are looked at. */
    public static final Duration INTERVAL = Duration.ofSeconds(5);

    /** How many definitions are reconciled at once; each takes a connection. */
    public static final int CONCURRENT_MAX = 4;

    private static final Logger LOG = Logger.getLogger(ReconcileLoop.class);
    private static final Duration RETRY_MIN = Duration.ofMillis(50);
    private static final Duration RETRY_MAX = Duration.ofSeconds(2);

    private final EventLoop loop;
    private final Reconciler reconciler;
    private final StreamTables streamTables;
    private final Cleanup cleanup;

    // Touched on the loop only.
    private boolean leader;
    private long term;
    private final Set<Long> running = new HashSet<>();
    private final Set<Long> wanted = new LinkedHashSet<>();
    private final Map<Long, Duration> retries = new HashMap<>();

    ReconcileLoop(EventLoop loop, Reconciler reconciler, StreamTables streamTables, Cleanup cleanup) {
        this.loop = loop;
        this.reconciler = reconciler;
        this.streamTables = streamTables;
        this.cleanup = cleanup;
    }

    void onShare(@Observes Share event) {
        boolean led = leader;
        leader = event.leads();
        if (leader == led) {
            return;
        }
        term++;
        if (leader) {
            long inTerm = term;
            loop.repeat(
                    INTERVAL,
                    () -> leader && inTerm == term,
                    () -> streamTables.unreconciled().call(ids -> cleanup.removeUnused()),
                    ids -> ids.forEach(this::reconcile),
                    thrown -> LOG.warnf("the definitions cannot be read: %s", thrown));
        }
    }

    void onNotification(@Observes Notification event) {
        if (leader && event.channel().equals("runnel_definition")) {
            reconcile(event.id());
        }
    }

    private void reconcile(long id) {
        wanted.add(id);
        startWanted();
    }

    private void startWanted() {
        if (!leader) {
            wanted.clear();
            return;
        }
        for (long id : List.copyOf(wanted)) {
            if (running.size() >= CONCURRENT_MAX) {
                return;
            }
            if (running.add(id)) {
                wanted.remove(id);
                start(id);
            }
        }
    }

    private void start(long id) {
        loop.start(
                reconciler.reconcile(id),
                table -> {
                    retries.remove(id);
                    finished(id);
                },
                thrown -> {
                    Duration delay = retries.getOrDefault(id, RETRY_MIN);
                    Duration next = delay.multipliedBy(2);
                    retries.put(id, next.compareTo(RETRY_MAX) > 0 ? RETRY_MAX : next);
                    LOG.debugf("stream_table=%d waits: %s", id, thrown.getMessage());
                    loop.after(delay, () -> reconcile(id));
                    finished(id);
                });
    }

    private void finished(long id) {
        running.remove(id);
        startWanted();
    }
}
