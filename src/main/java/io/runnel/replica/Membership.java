package io.runnel.replica;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.runnel.postgres.Database;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Instance;
import io.runnel.postgres.Listening;
import io.runnel.postgres.Notification;
import io.runnel.postgres.Session;
import io.runnel.replica.ReplicaRows.Renewal;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;

/**
 * The lease of this process, and what follows from it. All state is touched on the event loop only.
 *
 * <p>The lease is renewed in a session of its own, which also holds the lock of whoever leads. Counted from when a renewal was
 * sent, by this process's own clock, it is over here before it is over for the others; without it nothing is begun.
 */
@ApplicationScoped
public class Membership {

    /** How long a lease lasts: a service that does not renew it is taken for dead. */
    public static final Duration LEASE = Duration.ofMillis(2500);

    /** How often it is renewed, and looked whether another one has run out. */
    public static final Duration RENEWAL_INTERVAL = Duration.ofMillis(500);

    /** How often the leading service looks for read models that nobody was given yet. */
    public static final Duration ALLOCATION_INTERVAL = Duration.ofSeconds(5);

    /** How long that may take before it is tried again. */
    public static final Duration ALLOCATION_MAX = Duration.ofSeconds(30);

    /** How long a service that is stopped lets go on what is under way; then it is rolled back. */
    public static final Duration DRAIN_MAX = Duration.ofSeconds(5);

    private static final Logger LOG = Logger.getLogger(Membership.class);
    private static final Duration RECONNECT_INTERVAL = Duration.ofMillis(500);
    private static final Duration QUIET_LOOK = Duration.ofMillis(20);
    private static final int QUIET_LOOKS = 5;
    private static final Sql SETTINGS =
            Sql.of("SET idle_session_timeout = 0; SET synchronous_commit = off; SET lock_timeout = '1s'");

    private final Database database;
    private final EventLoop loop;
    private final ReplicaRows rows;
    private final String instance;
    private final String host;
    private final Event<Share> changes;

    private Optional<Session> session = Optional.empty();
    private boolean listening;
    private boolean stopped;
    private boolean renewing;
    private long renewal = -1;

    /** Whether the session has the lock of whoever leads. */
    private boolean led;

    /** The same as of the last renewal, so that a session that is lost and replaced within the lease changes nothing. */
    private boolean leads;

    private boolean allowed;
    private long leaseUntil = System.nanoTime();
    private List<String> members = List.of();
    private Optional<Long> version = Optional.empty();
    private Set<ReadModelKey> mine = Set.of();
    private Set<ReadModelKey> others = Set.of();
    private Share share = Share.NOTHING;

    private boolean allocating;
    private List<String> allocatedTo = List.of();
    private long allocateAgainAt = System.nanoTime();

    Membership(Database database, EventLoop loop, ReplicaRows rows, Instance instance, Event<Share> changes) {
        this.database = database;
        this.loop = loop;
        this.rows = rows;
        this.instance = instance.id();
        this.host = Optional.ofNullable(System.getenv("HOSTNAME")).orElse("localhost");
        this.changes = changes;
    }

    /** All services on this database, the oldest first. */
    public Uni<List<Replica>> replicas() {
        return rows.replicas(instance);
    }

    void start(@Observes @Priority(3000) StartupEvent event) {
        loop.run(this::connect);
        loop.run(this::watch);
    }

    void onListening(@Observes Listening event) {
        listening = event.connected();
        announce();
    }

    void onNotification(@Observes Notification event) {
        if (event.channel().equals("runnel_replica")) {
            session.ifPresent(this::renew);
        }
    }

    /** Gives the lease back, so that others go on at once, and lets what is under way come to its end. After other observers. */
    void stop(@Observes @Priority(3000) ShutdownEvent event) {
        CompletableFuture<Void> left = new CompletableFuture<>();
        loop.run(() -> {
            stopped = true;
            announce();
            loop.start(leave(), done -> left.complete(null), left::completeExceptionally);
        });
        try {
            left.get(DRAIN_MAX.plus(LEASE).plus(LEASE).toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException | TimeoutException failed) {
            LOG.warnf("something was still under way: %s", failed.getMessage());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private Uni<Void> leave() {
        Uni<Void> left = session.map(opened -> rows.leave(opened, instance, led))
                .orElse(Uni.createFrom().voidItem());
        Uni<Void> ended = Uni.createFrom()
                .deferred(() -> session.map(opened -> rows.endSessions(opened, instance))
                        .orElse(Uni.createFrom().voidItem()))
                .flatMap(done -> quiet(deadline(LEASE), 0))
                .replaceWithVoid();
        return left.onFailure()
                .invoke(thrown ->
                        LOG.warnf("the others wait until the lease of this service runs out: %s", thrown.getMessage()))
                .onFailure()
                .recoverWithNull()
                .flatMap(done -> quiet(deadline(DRAIN_MAX), 0))
                .flatMap(quiet -> quiet ? Uni.createFrom().voidItem() : ended);
    }

    private static long deadline(Duration longest) {
        return System.nanoTime() + longest.toNanos();
    }

    /** Waits until nothing is done with the database at several looks in a row: what has failed may be recorded. */
    private Uni<Boolean> quiet(long deadline, int looks) {
        if (looks == QUIET_LOOKS || System.nanoTime() > deadline) {
            return Uni.createFrom().item(looks == QUIET_LOOKS);
        }
        int next = database.working() == 0 ? looks + 1 : 0;
        return Uni.createFrom()
                .<Void>emitter(pause -> loop.after(QUIET_LOOK, () -> pause.complete(null)))
                .flatMap(looked -> quiet(deadline, next));
    }

    private void connect() {
        if (stopped) {
            return;
        }
        loop.start(
                database.connect(LEASE)
                        .call(opened -> opened.execute(SETTINGS)
                                .ifNoItem()
                                .after(LEASE)
                                .fail()
                                .onFailure()
                                .invoke(opened::cut)),
                opened -> {
                    session = Optional.of(opened);
                    led = false;
                    renewing = false;
                    renew(opened);
                },
                thrown -> {
                    LOG.debugf("no session for the lease: %s", thrown.getMessage());
                    loop.after(RECONNECT_INTERVAL, this::connect);
                });
    }

    private void renew(Session opened) {
        if (stopped || renewing || !current(opened)) {
            return;
        }
        loop.cancel(renewal);
        if (!listening) {
            // Without notifications nothing is served, so the others may have it.
            renewal = loop.after(RENEWAL_INTERVAL, () -> renew(opened));
            return;
        }
        renewing = true;
        long sentAt = System.nanoTime();
        loop.start(
                rows.renew(opened, instance, host, LEASE, led)
                        .ifNoItem()
                        .after(LEASE)
                        .fail(),
                found -> {
                    if (current(opened)) {
                        renewing = false;
                        renewal = loop.after(RENEWAL_INTERVAL, () -> renew(opened));
                        renewed(opened, found, sentAt);
                    }
                },
                thrown -> lost(opened, thrown));
    }

    private boolean current(Session opened) {
        return session.isPresent() && session.get() == opened;
    }

    private void renewed(Session opened, Renewal found, long sentAt) {
        leaseUntil = sentAt + LEASE.toNanos();
        led = found.leads();
        leads = led;
        allowed = found.serves();
        members = found.members();
        if (version.filter(known -> known == found.version()).isPresent()) {
            announce();
        } else {
            read(opened, found.version());
        }
        if (leads && (!members.equals(allocatedTo) || (members.size() > 1 && System.nanoTime() > allocateAgainAt))) {
            allocate();
        }
    }

    private void read(Session opened, long wanted) {
        loop.start(
                ReplicaRows.shares(opened).ifNoItem().after(LEASE).fail(),
                found -> {
                    version = Optional.of(wanted);
                    mine = held(found, instance::equals);
                    others = held(found, holder -> !instance.equals(holder));
                    announce();
                },
                thrown -> lost(opened, thrown));
    }

    private static Set<ReadModelKey> held(Map<ReadModelKey, String> shares, Predicate<String> who) {
        return shares.entrySet().stream()
                .filter(entry -> who.test(entry.getValue()))
                .map(Map.Entry::getKey)
                .collect(Collectors.toUnmodifiableSet());
    }

    private void allocate() {
        if (allocating) {
            return;
        }
        allocating = true;
        List<String> to = members;
        long began = System.nanoTime();
        loop.start(
                rows.allocate(to).ifNoItem().after(ALLOCATION_MAX).fail(),
                done -> {
                    allocating = false;
                    allocatedTo = to;
                    long now = System.nanoTime();
                    allocateAgainAt = now + Math.max(ALLOCATION_INTERVAL.toNanos(), (now - began) * EventLoop.REST);
                },
                thrown -> {
                    allocating = false;
                    LOG.debugf("the read models cannot be shared out: %s", thrown.getMessage());
                });
    }

    private void lost(Session opened, Throwable thrown) {
        if (current(opened)) {
            LOG.warnf("the lease cannot be renewed: %s", thrown.getMessage());
            opened.cut();
            session = Optional.empty();
            led = false;
            allocatedTo = List.of();
            loop.after(RECONNECT_INTERVAL, this::connect);
        }
    }

    /** The lease may run out while nothing happens. */
    private void watch() {
        if (!stopped) {
            announce();
            loop.after(RENEWAL_INTERVAL, this::watch);
        }
    }

    private void announce() {
        boolean leased = System.nanoTime() < leaseUntil && version.isPresent();
        Share now = leased && listening && allowed && !stopped
                ? new Share(true, leads, members.size() > 1, mine, others)
                : Share.NOTHING;
        if (now.equals(share)) {
            return;
        }
        if (now.leads() && !share.leads()) {
            LOG.info("leading: this process does what one service does for all");
        }
        LOG.debugf(
                "share: serves=%s leads=%s models=%d",
                now.serves(), now.leads(), now.mine().size());
        changes.fire(now);
        share = now;
    }
}
