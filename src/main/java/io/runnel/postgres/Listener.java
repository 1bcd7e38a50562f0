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
 * The one connection that listens. It also holds the locks by which writers know that they have to notify. When it is lost,
 * all of them are, which is announced as {@link Listening}.
 */
@ApplicationScoped
public class Listener {

    /** How often the listener's connection is asked for a sign of life, since a silent one looks like an idle one. */
    public static final Duration HEARTBEAT_INTERVAL = Duration.ofSeconds(5);

    /** How long the answer may take before the connection is given up. */
    public static final Duration HEARTBEAT_TIMEOUT = Duration.ofSeconds(10);

    private static final Logger LOG = Logger.getLogger(Listener.class);
    private static final Duration RECONNECT_INTERVAL = Duration.ofMillis(500);
    private static final String LISTEN = """
            SET idle_session_timeout = 0;
            SET application_name = {};
            LISTEN runnel_wakeup;
            LISTEN runnel_definition;
            LISTEN runnel_schedule;
            LISTEN runnel_events;
            LISTEN runnel_projection;
            LISTEN runnel_materialized_view;
            LISTEN runnel_disarmed_source;
            LISTEN runnel_disarmed_log;
            LISTEN runnel_replica""";

    private static final Sql ALIVE = Sql.of("SELECT 1 AS alive");

    private final Database database;
    private final EventLoop loop;
    private final Connectivity connectivity;
    private final Event<Notification> notifications;
    private final Event<Listening> listening;
    private final Sql listen;

    // Touched on the loop only.
    private Optional<Session> session = Optional.empty();
    private volatile boolean stopped;

    Listener(
            Database database,
            EventLoop loop,
            Connectivity connectivity,
            Event<Notification> notifications,
            Event<Listening> listening,
            Instance instance) {
        this.database = database;
        this.loop = loop;
        this.connectivity = connectivity;
        this.notifications = notifications;
        this.listening = listening;
        this.listen = Sql.of(LISTEN, Sql.literal(instance.applicationName("runnel listener")));
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
        loop.start(database.connect(HEARTBEAT_TIMEOUT).flatMap(this::listen), this::connected, thrown -> {
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
        return opened.execute(listen)
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
        loop.after(HEARTBEAT_INTERVAL, () -> beat(opened));
        listening.fire(new Listening(true));
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

    private void lost(Session closed) {
        if (session.isEmpty() || session.get() != closed) {
            return;
        }
        session = Optional.empty();
        connectivity.listenerConnected(false);
        listening.fire(new Listening(false));
        if (!stopped) {
            LOG.warn("the listener's connection is lost");
            connect();
        }
    }
}
