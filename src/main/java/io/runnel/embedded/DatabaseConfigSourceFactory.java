package io.runnel.embedded;

import io.quarkus.runtime.ExecutionMode;
import io.quarkus.runtime.LaunchMode;
import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** Completes the configuration with the address of the database, and starts the embedded one if there is no other. */
public final class DatabaseConfigSourceFactory implements ConfigSourceFactory {
    private static final String DIRECTORY = "runnel.embedded.directory";
    private static final String PORT = "runnel.embedded.port";
    private static final String PARAMETERS = "runnel.embedded.parameters";

    /** Above application.properties and below the environment; no setting that is made elsewhere appears here anyway. */
    private static final int ORDINAL = 260;

    /** Quarkus lists the defaults of its settings as a source, too; nobody has made those. */
    private static final int DEFAULTS_ORDINAL_MAX = 0;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        if (ExecutionMode.current() != ExecutionMode.RUNTIME_INIT) {
            return List.of();
        }
        Function<String, Optional<String>> configured = name -> configured(context, name);
        Map<String, String> settings = DatabaseSettings.missing(
                name -> name.equals(DatabaseSettings.DATABASE_URL)
                        ? configured.apply(name).or(() -> SecretFiles.read(configured, name))
                        : configured.apply(name),
                () -> EmbeddedServer.running(options(context)).url());
        if (configured.apply(DatabaseSettings.PASSWORD).isEmpty()) {
            SecretFiles.read(configured, DatabaseSettings.PASSWORD)
                    .ifPresent(password -> settings.put(DatabaseSettings.PASSWORD, password));
        }
        return List.of(new PropertiesConfigSource(literal(settings), "database", ORDINAL));
    }

    private static EmbeddedOptions options(ConfigSourceContext context) {
        return new EmbeddedOptions(
                configured(context, DIRECTORY)
                        .map(Path::of)
                        .orElseGet(() -> Path.of(System.getProperty("user.home"), ".runnel", "postgres")),
                configured(context, PORT).map(Integer::parseInt).orElse(EmbeddedOptions.ANY_PORT),
                EmbeddedOptions.parameters(configured(context, PARAMETERS).orElse("")),
                LaunchMode.current() == LaunchMode.TEST ? EmbeddedOptions.Data.FRESH : EmbeddedOptions.Data.KEPT);
    }

    private static Optional<String> configured(ConfigSourceContext context, String name) {
        return Optional.ofNullable(context.getValue(name))
                .filter(value -> value.getConfigSourceOrdinal() > DEFAULTS_ORDINAL_MAX)
                // The address is no expression: a dollar sign in its password is a dollar sign.
                .map(name.equals(DatabaseSettings.DATABASE_URL) ? ConfigValue::getRawValue : ConfigValue::getValue)
                .filter(value -> !value.isBlank());
    }

    /** Escapes what the configuration would take for an expression. */
    private static Map<String, String> literal(Map<String, String> settings) {
        return settings.entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey, entry -> entry.getValue().replace("$", "\\$")));
    }
}
