package io.runnel.parse;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class NamesTest {

    @Test
    void name_that_is_taken_gets_a_number() {
        Names names = new Names();
        assertThat(names.fresh("amount").name()).isEqualTo("amount");
        assertThat(names.fresh("amount").name()).isEqualTo("amount_2");
        assertThat(names.fresh("amount_2").name()).isEqualTo("amount_2_2");
        assertThat(names.fresh("weight").name()).isEqualTo("weight_2");
    }

    @Test
    void name_never_takes_a_form_that_delta_rules_use() {
        Names names = new Names();
        assertThat(names.fresh("a1").name()).isEqualTo("a1");
        assertThat(names.fresh("a1").name()).isEqualTo("_a1_2");
        assertThat(names.fresh("a1_sum").name()).isEqualTo("_a1_sum");
        assertThat(names.fresh("old x").name()).isEqualTo("_old x");
    }

    @Test
    void long_name_is_cut_between_characters() {
        Names names = new Names();
        String base = "ü😀".repeat(20);
        String first = names.fresh(base).name();
        String second = names.fresh(base).name();
        assertThat(second).endsWith("_2").isNotEqualTo(first);
        for (String name : new String[] {first, second}) {
            assertThat(name.getBytes(StandardCharsets.UTF_8).length).isBetween(55, Names.BYTES_MAX);
            assertThat(name.codePoints().allMatch(c -> c == 'ü' || c == 0x1F600 || c < 128))
                    .isTrue();
        }
    }
}
