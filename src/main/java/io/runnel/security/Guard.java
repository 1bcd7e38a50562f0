package io.runnel.security;

import io.quarkus.runtime.StartupEvent;
import io.quarkus.runtime.configuration.ConfigurationException;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/** Decides once, at the start, whether callers must show who they are. */
@ApplicationScoped
class Guard {

    private static final Logger LOG = Logger.getLogger(Guard.class);
    private static final int FIRST = 1;

    private final Protection protection;
    private final String host;

    Guard(
            Settings settings,
            KeyRing keys,
            @ConfigProperty(name = "quarkus.http.host") String host,
            @ConfigProperty(name = "quarkus.oidc.auth-server-url") Optional<String> issuer,
            @ConfigProperty(name = "quarkus.oidc.public-key") Optional<String> issuerKey) {
        this.host = host;
        this.protection =
                Protection.of(settings.enabled(), host, keys.used() || issuer.isPresent() || issuerKey.isPresent());
    }

    boolean on() {
        return protection == Protection.ON;
    }

    void started(@Observes @Priority(FIRST) StartupEvent event) {
        switch (protection) {
            case ON -> LOG.info("security: on");
            case OFF_ON_LOOPBACK ->
                LOG.warnf(
                        "security: off; whoever can connect to %s acts with the rights of the service;"
                                + " RUNNEL_SECURITY_KEYS_FILE or QUARKUS_OIDC_AUTH_SERVER_URL switch it on",
                        host);
            case OFF_BY_CONFIGURATION ->
                LOG.warnf(
                        "security: off, as configured; whoever can connect to %s acts with the rights of the service",
                        host);
            case REFUSED ->
                throw new ConfigurationException("the service would be open to everybody who can connect to " + host
                        + ": give it keys with RUNNEL_SECURITY_KEYS_FILE or RUNNEL_SECURITY_KEYS, or an issuer of"
                        + " tokens with QUARKUS_OIDC_AUTH_SERVER_URL; or bind it to this machine with"
                        + " QUARKUS_HTTP_HOST=localhost; or, where something else keeps strangers out, set"
                        + " RUNNEL_SECURITY_ENABLED=false");
        }
    }
}
