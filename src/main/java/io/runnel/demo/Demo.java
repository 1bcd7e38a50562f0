package io.runnel.demo;

import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.annotations.CommandLineArguments;
import io.runnel.postgres.Database;
import io.runnel.postgres.EventLoop;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Loads the order domain and keeps events coming, where the service was asked to. */
@ApplicationScoped
class Demo {

    /** Between two events, on average. */
    static final Duration EVENT_INTERVAL = Duration.ofMillis(500);

    /** How many orders the shop has when it opens. */
    static final int FIRST_ORDERS = 20;

    private static final String ARGUMENT = "--demo";
    private static final double NEW_ORDER_SHARE = 0.3;
    private static final Logger LOG = Logger.getLogger(Demo.class);

    private final Database database;
    private final EventLoop loop;
    private final boolean wanted;

    Demo(
            Database database,
            EventLoop loop,
            @CommandLineArguments String[] arguments,
            @ConfigProperty(name = "runnel.demo", defaultValue = "false") boolean configured) {
        this.database = database;
        this.loop = loop;
        this.wanted = configured || Set.of(arguments).contains(ARGUMENT);
    }

    void started(@Observes StartupEvent event) {
        if (!wanted) {
            return;
        }
        loop.start(
                load(),
                loaded -> {
                    LOG.info("demo:     SELECT * FROM demo.current_order_state ORDER BY placed_at DESC LIMIT 10");
                    trickle();
                },
                thrown -> LOG.errorf("the demo cannot be loaded: %s", thrown.getMessage()));
    }

    /** Creates what is missing of the order domain. */
    Uni<Void> load() {
        return database.transaction(session -> session.query(OrderDomain.LOCK)
                .flatMap(locked -> session.execute(OrderDomain.EVENT_LOG))
                .flatMap(created -> session.one(OrderDomain.FIRST_EVENT))
                .flatMap(first -> first.isPresent()
                        ? Uni.createFrom().voidItem()
                        : session.execute(OrderDomain.placeOrders(FIRST_ORDERS)))
                .flatMap(filled -> session.execute(OrderDomain.READ_MODELS)));
    }

    /** Something happens in the shop. */
    Uni<Void> happen() {
        boolean order = ThreadLocalRandom.current().nextDouble() < NEW_ORDER_SHARE;
        return database.session(
                session -> session.execute(order ? OrderDomain.placeOrders(1) : OrderDomain.NEXT_EVENT));
    }

    private void trickle() {
        loop.after(
                EVENT_INTERVAL,
                () -> loop.start(happen(), happened -> trickle(), thrown -> {
                    LOG.warnf("the demo goes on, but an event failed: %s", thrown.getMessage());
                    trickle();
                }));
    }
}
