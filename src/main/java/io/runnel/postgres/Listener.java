package io.runnel.postgres;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * The one connection that listens. It also holds the session locks of this process: leadership, and the armed locks of
 * change capture. When it is lost, all of them are, which is announced as lost {@link Leadership}.
 */
@ApplicationScoped
public class Listener {

    /** How often a replica that does not lead tries to. */
    public static final Duration LEADERSHIP_INTERVAL = Duration.ofSeconds(1);

    /** How often the listener's connection is asked for a sign of life, since a silent one looks like an idle one. */
    public static final Duration HEARTBEAT_INTERVAL = Duration.ofSeconds(5);

    /** How long the answer may take before the connection is given up. */
    public static final Duration HEARTBEAT_TIMEOUT = Duration.ofSeconds(10);

    private static final Logger LOG = Logger.getLogger(Listener.class);
    private static final Duration RECONNECT_INTERVAL = Duration.ofMillis(500);
    private static final int LEADER_LOCK_CLASS = 0x525550;
    private static final Sql LISTEN = Sql.of("""
            SET idle_session_timeout = 0;
            SET application_name = 'runnel listener';
            LISTEN runnel_wakeup;
            LISTEN runnel_definition;
            LISTEN runnel_schedule;
            LISTEN runnel_events;
            LISTEN runnel_projection;
            LISTEN runnel_materialized_view""");
    private static final Sql LEAD = Sql.of("SELECT pg_try_advisory_lock({}, 0) AS locked", LEADER_LOCK_CLASS);

    private static final Sql ALIVE = Sql.of("SELECT 1 AS alive");

    private final Database database;
    private final EventLoop loop;
    private final Connectivity connectivity;
    private final Event<Notification> notifications;
    private final Event<Leadership> leadership;

    // Touched on the loop only.
    private Optional<Session> session = Optional.empty();
    private boolean leader;
    private volatile boolean stopped;

    Listener(
            Database database,
            EventLoop loop,
            Connectivity connectivity,
            Event<Notification> notifications,
            Event<Leadership> leadership) {
        this.database = database;
        this.loop = loop;
        this.connectivity = connectivity;
        this.notifications = notifications;
        this.leadership = leadership;
    }

    void start(@Observes @Priority(3000) StartupEvent event) {
        loop.run(this::connect);
    }

    void stop(@Observes ShutdownEvent event) {
        stopped = true;
    }

    /** The session, while there is one; on the event loop only. */
    public Optional<Session> session() {
        return session;
    }

    private void connect() {
        if (stopped) {
            return;
        }
        loop.start(database.connect().flatMap(this::listen), this::connected, thrown -> {
            LOG.warnf("the listener cannot connect: %s", thrown.getMessage());
            loop.after(RECONNECT_INTERVAL, this::connect);
        });
    }

    private Uni<Session> listen(Session opened) {
        opened.onNotification((channel, payload) -> Notification.of(channel, payload)
                .ifPresent(notification -> loop.run(() -> notifications.fire(notification))));
        opened.onClose(() -> {
            if (!stopped) {
                loop.run(() -> lost(opened));
            }
        });
        return opened.execute(LISTEN)
                .ifNoItem()
                .after(HEARTBEAT_TIMEOUT)
                .fail()
                .onFailure()
                .invoke(opened::cut)
                .replaceWith(opened);
    }

    private void connected(Session opened) {
        session = Optional.of(opened);
        connectivity.listenerConnected(true);
        lead(opened);
        loop.after(HEARTBEAT_INTERVAL, () -> beat(opened));
    }

    private void beat(Session opened) {
        if (stopped || session.isEmpty() || session.get() != opened) {
            return;
        }
        loop.start(
                opened.one(ALIVE).ifNoItem().after(HEARTBEAT_TIMEOUT).fail(),
                alive -> loop.after(HEARTBEAT_INTERVAL, () -> beat(opened)),
                thrown -> {
                    opened.cut();
                    lost(opened);
                });
    }

    private void lead(Session opened) {
        if (stopped || leader || session.isEmpty() || session.get() != opened) {
            return;
        }
        loop.start(
                opened.one(LEAD),
                row -> {
                    if (row.orElseThrow().truth("locked")) {
                        leader = true;
                        LOG.info("leading: this process schedules the refreshes");
                        leadership.fire(new Leadership(true));
                    } else {
                        loop.after(LEADERSHIP_INTERVAL, () -> lead(opened));
                    }
                },
                thrown -> loop.after(LEADERSHIP_INTERVAL, () -> lead(opened)));
    }

    private void lost(Session closed) {
        if (session.isEmpty() || session.get() != closed) {
            return;
        }
        session = Optional.empty();
        connectivity.listenerConnected(false);
        if (leader) {
            leader = false;
            leadership.fire(new Leadership(false));
        }
        if (!stopped) {
            LOG.warn("the listener's connection is lost");
            connect();
        }
    }
}
