package io.runnel.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.runnel.sql.Identifier;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProtectionTest {

    @Test
    void service_that_others_can_reach_and_that_knows_nobody_does_not_start() {
        for (String host : List.of("0.0.0.0", "::", "192.0.2.7", "no-such-host.invalid")) {
            assertThat(Protection.of(Optional.empty(), host, false)).as(host).isEqualTo(Protection.REFUSED);
            assertThat(Protection.of(Optional.empty(), host, true)).as(host).isEqualTo(Protection.ON);
            assertThat(Protection.of(Optional.of(false), host, false))
                    .as(host)
                    .isEqualTo(Protection.OFF_BY_CONFIGURATION);
        }
    }

    @Test
    void on_loopback_protection_is_off_until_there_are_callers() {
        for (String host : List.of("localhost", "127.0.0.1", "127.9.9.9", "::1")) {
            assertThat(Protection.of(Optional.empty(), host, false)).as(host).isEqualTo(Protection.OFF_ON_LOOPBACK);
            assertThat(Protection.of(Optional.empty(), host, true)).as(host).isEqualTo(Protection.ON);
            assertThat(Protection.of(Optional.of(true), host, false)).as(host).isEqualTo(Protection.REFUSED);
            assertThat(Protection.of(Optional.of(false), host, true))
                    .as(host)
                    .isEqualTo(Protection.OFF_BY_CONFIGURATION);
        }
    }

    @Test
    void keys_are_read_line_by_line() {
        String hash = KeyRing.hash("some key or other");
        assertThat(Grant.keys("# who may what\n\nreports viewer Reporting " + hash.toUpperCase(java.util.Locale.ROOT)
                        + " # of March\r\nci admin app " + hash + ";"))
                .containsExactly(
                        new Grant("reports", "viewer", Identifier.of("Reporting"), hash),
                        new Grant("ci", "admin", Identifier.of("app"), hash));
        assertThat(Grant.claims("clerks viewer app")).hasSize(1);
    }

    @Test
    void what_is_wrong_with_a_line_is_told_without_repeating_it() {
        String secret = "the-key-itself-instead-of-its-hash";
        assertThatThrownBy(() -> Grant.keys("\nci admin app " + secret))
                .hasMessage("line 2: the last word must be the SHA-256 of the key, 64 hexadecimal digits")
                .hasMessageNotContaining(secret);
        assertThatThrownBy(() -> Grant.keys("ci owner app x")).hasMessageContaining("viewer, operator or admin");
        assertThatThrownBy(() -> Grant.keys("ci admin")).hasMessageContaining("name role database-role sha256");
        String line = "ci admin app " + KeyRing.hash(secret);
        assertThatThrownBy(() -> Grant.keys(line + "\n" + line)).hasMessageContaining("twice");
    }
}
