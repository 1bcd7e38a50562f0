package io.runnel.embedded;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Derives the settings of both drivers from the one address that a person gives. Pure, but for the fallback it is given. */
final class DatabaseSettings {
    static final String REACTIVE_URL = "quarkus.datasource.reactive.url";
    static final String JDBC_URL = "quarkus.datasource.jdbc.url";
    static final String USERNAME = "quarkus.datasource.username";
    static final String PASSWORD = "quarkus.datasource.password";
    static final String DATABASE_URL = "DATABASE_URL";

    private static final String TRUST_ALL = "quarkus.datasource.reactive.trust-all";
    private static final String TRUST_PEM = "quarkus.datasource.reactive.trust-certificate-pem";
    private static final String TRUST_PEM_FILES = "quarkus.datasource.reactive.trust-certificate-pem.certs";
    private static final String HOST_VERIFICATION = "quarkus.datasource.reactive.hostname-verification-algorithm";

    private DatabaseSettings() {}

    /**
     * The settings that are missing.
     *
     * @param configured a setting by name, as it is without this class
     * @param fallback the database to use if none is configured; asked only then
     */
    static Map<String, String> missing(Function<String, Optional<String>> configured, Supplier<DatabaseUrl> fallback) {
        DatabaseUrl url = Stream.of(REACTIVE_URL, DATABASE_URL, JDBC_URL)
                .flatMap(name -> configured.apply(name).stream())
                .findFirst()
                .map(DatabaseUrl::parse)
                .orElseGet(fallback);
        Map<String, String> settings = settings(url);
        settings.keySet().removeIf(name -> configured.apply(name).isPresent());
        return settings;
    }

    private static Map<String, String> settings(DatabaseUrl url) {
        Map<String, String> settings = new LinkedHashMap<>(encryption(url));
        settings.put(REACTIVE_URL, url.reactive());
        settings.put(JDBC_URL, url.jdbc());
        Optional.ofNullable(url.username()).ifPresent(username -> settings.put(USERNAME, username));
        Optional.ofNullable(url.password()).ifPresent(password -> settings.put(PASSWORD, password));
        return settings;
    }

    /** Makes the reactive driver read {@code sslmode} and {@code sslrootcert} as libpq and the JDBC driver do. */
    private static Map<String, String> encryption(DatabaseUrl url) {
        Map<String, String> settings = new LinkedHashMap<>();
        String mode = url.parameters().getOrDefault("sslmode", "disable");
        String authority = url.parameters().getOrDefault("sslrootcert", "");
        if (!authority.isEmpty()) {
            settings.put(TRUST_PEM, "true");
            settings.put(TRUST_PEM_FILES, authority);
        } else if (mode.equals("allow") || mode.equals("prefer") || mode.equals("require")) {
            // These modes encrypt without asking who answers; the driver would check against the JDK's authorities.
            settings.put(TRUST_ALL, "true");
        }
        if (mode.equals("verify-full")) {
            settings.put(HOST_VERIFICATION, "HTTPS");
        }
        return settings;
    }
}
