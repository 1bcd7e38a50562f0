package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.runnel.postgres.Failure;
import io.runnel.sql.QualifiedName;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InputsTest {

    @ParameterizedTest
    @CsvSource({"500ms,500", "0s,0", "2s,2000", "60s,60000", "1m,60000"})
    void wait_is_a_number_with_a_unit(String text, long millis) {
        assertThat(Inputs.waiting(text)).isEqualTo(Duration.ofMillis(millis));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "2", "s", "-1s", "1.5s", "61s", "2m", "1h", "99999999999999s", " 2s", "2S", "PT2S"})
    void anything_else_is_no_wait(String text) {
        assertThatExceptionOfType(Failure.Invalid.class)
                .isThrownBy(() -> Inputs.waiting(text))
                .satisfies(failure -> assertThat(failure.code()).isEqualTo("invalid-wait"));
    }

    @Test
    void name_without_schema_is_in_public() {
        assertThat(Inputs.name("Orders")).isEqualTo(QualifiedName.of("public", "orders"));
        assertThat(Inputs.name("\"Sh;op\".\"a\"\"b\"")).isEqualTo(QualifiedName.of("Sh;op", "a\"b"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", ".", "a.", ".a", "a.b.c", "a b", "a;b", "a'b", "\"a", "\"\"", "1a", "a\0b"})
    void anything_else_is_no_name(String text) {
        assertThatExceptionOfType(Failure.Invalid.class)
                .isThrownBy(() -> Inputs.name(text))
                .satisfies(failure -> assertThat(failure.code()).isEqualTo("invalid-name"));
    }

    @Test
    void name_that_postgres_would_truncate_is_refused() {
        assertThat(Inputs.name("a".repeat(63)).name().name()).hasSize(63);
        assertThatExceptionOfType(Failure.Invalid.class).isThrownBy(() -> Inputs.name("a".repeat(64)));
        assertThatExceptionOfType(Failure.Invalid.class).isThrownBy(() -> Inputs.name("ä".repeat(32)));
    }

    @Test
    void mode_is_read_in_any_case() {
        assertThat(Inputs.mode("full")).isEqualTo("FULL");
        assertThatExceptionOfType(Failure.Invalid.class).isThrownBy(() -> Inputs.mode("FAST"));
    }

    @Test
    void number_is_bounded() {
        assertThat(Inputs.number("limit", "7", 1, 10)).isEqualTo(7);
        for (String text : new String[] {"0", "11", "-1", "x", "", "1e3", "99999999999999999999"}) {
            assertThatExceptionOfType(Failure.Invalid.class).isThrownBy(() -> Inputs.number("limit", text, 1, 10));
        }
    }
}
