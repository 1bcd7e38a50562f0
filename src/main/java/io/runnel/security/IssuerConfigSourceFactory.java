package io.runnel.security;

import io.quarkus.runtime.ExecutionMode;
import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.PropertiesConfigSource;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** Leaves OIDC asleep while no issuer is configured, without which it would refuse to start. */
public final class IssuerConfigSourceFactory implements ConfigSourceFactory {

    private static final List<String> ISSUERS =
            List.of("quarkus.oidc.auth-server-url", "quarkus.oidc.public-key", "quarkus.oidc.provider");

    /** Above application.properties and below the environment. */
    private static final int ORDINAL = 260;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        boolean configured = ISSUERS.stream()
                .map(context::getValue)
                .anyMatch(value -> value != null
                        && value.getValue() != null
                        && !value.getValue().isBlank());
        if (configured || ExecutionMode.current() != ExecutionMode.RUNTIME_INIT) {
            return List.of();
        }
        return List.of(
                new PropertiesConfigSource(Map.of("quarkus.oidc.tenant-enabled", "false"), "no issuer", ORDINAL));
    }
}
