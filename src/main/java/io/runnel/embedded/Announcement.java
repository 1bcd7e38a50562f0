package io.runnel.embedded;

import io.quarkus.vertx.http.HttpServer;
import io.quarkus.vertx.http.HttpServerStart;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.ObservesAsync;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Tells the person who started the service where everything is. */
@ApplicationScoped
class Announcement {
    private static final Logger LOG = Logger.getLogger(Announcement.class);
    private static final Duration ADDRESS_WAIT = Duration.ofMillis(10);
    private static final int ADDRESS_TRIES_MAX = 8;

    private final HttpServer server;
    private final DatabaseUrl database;

    Announcement(
            HttpServer server,
            @ConfigProperty(name = DatabaseSettings.REACTIVE_URL) String url,
            @ConfigProperty(name = DatabaseSettings.USERNAME) Optional<String> username) {
        this.server = server;
        this.database = username.map(DatabaseUrl.parse(url)::withUsername).orElseGet(() -> DatabaseUrl.parse(url));
    }

    /** One event loop reports the start while another may still be registering the address. */
    void started(@ObservesAsync HttpServerStart start) {
        Uni.createFrom()
                .item(server::getLocalBaseUri)
                .onFailure()
                .retry()
                .withBackOff(ADDRESS_WAIT)
                .atMost(ADDRESS_TRIES_MAX)
                .subscribe()
                .with(this::announce, failure -> LOG.warn("service address is unknown", failure));
    }

    private void announce(URI address) {
        String base = address.toString().replaceFirst("/$", "");
        LOG.infof("service:  %s", base);
        LOG.infof("swagger:  %s/q/swagger-ui", base);
        LOG.infof("database: %s", database.psql());
    }
}
