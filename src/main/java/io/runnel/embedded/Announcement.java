package io.runnel.embedded;

import io.quarkus.vertx.http.HttpServer;
import io.quarkus.vertx.http.HttpServerStart;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.ObservesAsync;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Tells the person who started the service where everything is. */
@ApplicationScoped
class Announcement {
    private static final Logger LOG = Logger.getLogger(Announcement.class);

    private final HttpServer server;
    private final DatabaseUrl database;

    Announcement(
            HttpServer server,
            @ConfigProperty(name = DatabaseSettings.REACTIVE_URL) String url,
            @ConfigProperty(name = DatabaseSettings.USERNAME) Optional<String> username) {
        this.server = server;
        this.database = username.map(DatabaseUrl.parse(url)::withUsername).orElseGet(() -> DatabaseUrl.parse(url));
    }

    void started(@ObservesAsync HttpServerStart start) {
        String base = server.getLocalBaseUri().toString().replaceFirst("/$", "");
        LOG.infof("service:  %s", base);
        LOG.infof("swagger:  %s/q/swagger-ui", base);
        LOG.infof("database: %s", database.psql());
    }
}
