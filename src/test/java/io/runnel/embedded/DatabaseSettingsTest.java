package io.runnel.embedded;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DatabaseSettingsTest {
    private static final String REACTIVE_URL = "quarkus.datasource.reactive.url";
    private static final String JDBC_URL = "quarkus.datasource.jdbc.url";
    private static final String USERNAME = "quarkus.datasource.username";
    private static final String PASSWORD = "quarkus.datasource.password";

    @Test
    void database_url_gives_both_addresses_and_the_credentials() {
        assertThat(missing(Map.of("DATABASE_URL", "postgres://ann:secret@db.example/shop")))
                .containsExactlyInAnyOrderEntriesOf(Map.of(
                        REACTIVE_URL, "postgresql://db.example:5432/shop",
                        JDBC_URL, "jdbc:postgresql://db.example:5432/shop",
                        USERNAME, "ann",
                        PASSWORD, "secret"));
    }

    @Test
    void reactive_address_gives_the_jdbc_address_and_stays_as_it_is() {
        assertThat(missing(Map.of(
                        REACTIVE_URL,
                        "vertx-reactive:postgresql://db.example/shop",
                        USERNAME,
                        "ann",
                        PASSWORD,
                        "secret")))
                .containsExactlyEntriesOf(Map.of(JDBC_URL, "jdbc:postgresql://db.example:5432/shop"));
    }

    @Test
    void reactive_address_is_preferred_to_the_database_url() {
        assertThat(missing(Map.of(
                        REACTIVE_URL, "postgresql://one.example/shop", "DATABASE_URL", "postgres://two.example/shop")))
                .containsEntry(JDBC_URL, "jdbc:postgresql://one.example:5432/shop");
    }

    @Test
    void jdbc_address_alone_gives_the_reactive_address() {
        assertThat(missing(Map.of(JDBC_URL, "jdbc:postgresql://db.example/shop")))
                .containsExactlyEntriesOf(Map.of(REACTIVE_URL, "postgresql://db.example:5432/shop"));
    }

    @Test
    void credentials_that_are_configured_win_over_those_in_the_address() {
        assertThat(missing(Map.of("DATABASE_URL", "postgres://ann:secret@db.example/shop", USERNAME, "bob")))
                .doesNotContainKey(USERNAME)
                .containsEntry(PASSWORD, "secret");
    }

    @Test
    void embedded_server_is_used_if_nothing_is_configured() {
        Map<String, String> settings = DatabaseSettings.missing(
                name -> Optional.empty(),
                () -> new DatabaseUrl("localhost", 6543, "postgres", "postgres", "postgres", Map.of()));

        assertThat(settings)
                .containsEntry(REACTIVE_URL, "postgresql://localhost:6543/postgres")
                .containsEntry(JDBC_URL, "jdbc:postgresql://localhost:6543/postgres")
                .containsEntry(USERNAME, "postgres");
    }

    @Test
    void mode_require_trusts_whoever_answers_as_libpq_does() {
        assertThat(missing(Map.of("DATABASE_URL", "postgres://db.example/shop?sslmode=require")))
                .containsEntry("quarkus.datasource.reactive.trust-all", "true");
    }

    @Test
    void mode_verify_full_trusts_the_named_authority_and_checks_the_host() {
        assertThat(missing(Map.of(
                        "DATABASE_URL", "postgres://db.example/shop?sslmode=verify-full&sslrootcert=/etc/ca.pem")))
                .containsEntry("quarkus.datasource.reactive.trust-certificate-pem", "true")
                .containsEntry("quarkus.datasource.reactive.trust-certificate-pem.certs", "/etc/ca.pem")
                .containsEntry("quarkus.datasource.reactive.hostname-verification-algorithm", "HTTPS")
                .doesNotContainKey("quarkus.datasource.reactive.trust-all");
    }

    @Test
    void address_that_cannot_be_used_never_leads_to_the_embedded_server() {
        assertThatThrownBy(() -> missing(Map.of("DATABASE_URL", "mysql://db.example/shop")))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static Map<String, String> missing(Map<String, String> configured) {
        return DatabaseSettings.missing(name -> Optional.ofNullable(configured.get(name)), () -> {
            throw new AssertionError("the embedded server must not be started");
        });
    }
}
