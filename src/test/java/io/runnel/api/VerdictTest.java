package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.catalog.ReadModel;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class VerdictTest {

    private static Optional<String> verdict(String status, String schedule, double lag, long errors) {
        return Verdict.trouble(new ReadModel(
                1,
                "public.a",
                "STREAM_TABLE",
                "ann",
                status,
                schedule,
                Optional.empty(),
                Optional.of(lag),
                errors,
                errors > 0 ? Optional.of("a secret of a row") : Optional.empty(),
                errors == 1 ? Optional.of("change-too-large") : Optional.empty()));
    }

    @Test
    void duration_is_a_promise_that_is_kept_or_not() {
        assertThat(verdict("ACTIVE", "5s", 9.9, 0)).isEmpty();
        assertThat(verdict("ACTIVE", "5s", 10.1, 0)).contains("is 10.1 s behind, while its schedule is 5s");
        assertThat(verdict("ACTIVE", "on-change", 4.9, 0)).isEmpty();
        assertThat(verdict("ACTIVE", "on-change", 5.1, 0)).isPresent();
        assertThat(verdict("ACTIVE", "on-change 20s", 24, 0)).isEmpty();
    }

    @Test
    void clock_and_hand_promise_nothing() {
        assertThat(verdict("ACTIVE", "@hourly", 3000, 0)).isEmpty();
        assertThat(verdict("ACTIVE", "manual", 1e6, 0)).isEmpty();
        assertThat(verdict("ACTIVE", "downstream", 1e6, 0)).isEmpty();
    }

    @Test
    void trouble_is_told_without_the_message_that_may_quote_a_row() {
        assertThat(verdict("ACTIVE", "manual", 0, 2))
                .hasValueSatisfying(
                        why -> assertThat(why).contains("2 errors in a row").doesNotContain("secret"));
        assertThat(verdict("SUSPENDED", "manual", 0, 5))
                .hasValueSatisfying(why -> assertThat(why).contains("suspended").doesNotContain("secret"));
        assertThat(verdict("SUSPENDED", "manual", 0, 1))
                .contains("waits for the approval of a refresh that would change too much of it");
        assertThat(verdict("ERROR", "manual", 0, 0)).contains("could not be built");
        assertThat(verdict("INITIALIZING", "manual", 0, 0)).isPresent();
    }

    @Test
    void pause_matters_once_something_is_missing() {
        assertThat(verdict("PAUSED", "5s", 0, 0)).isEmpty();
        assertThat(verdict("PAUSED", "5s", 2, 0)).contains("is paused, 2.0 s behind");
    }
}
