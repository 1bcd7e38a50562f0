package io.runnel.catalog;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.sql.QualifiedName;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class FreshnessesTest {

    @Test
    void table_is_as_late_as_the_latest_that_it_reads() {
        List<Freshness> found = Freshnesses.withUpstream(
                List.of(table(3, 0.0, 2), table(1, 7.0), table(2, 3.0, 1), table(4, 9.0, 1), table(5, 0.0)));
        assertThat(found)
                .extracting(freshness -> freshness.lagSeconds().orElseThrow())
                .containsExactly(7.0, 7.0, 7.0, 9.0, 0.0);
    }

    @Test
    void table_that_was_never_filled_has_no_lag_and_gives_none() {
        List<Freshness> found = Freshnesses.withUpstream(List.of(table(1, null), table(2, 3.0, 1)));
        assertThat(found.get(0).lagSeconds()).isEmpty();
        assertThat(found.get(1).lagSeconds()).contains(3.0);
    }

    @Test
    void cycle_ends() {
        assertThat(Freshnesses.withUpstream(List.of(table(1, 1.0, 2), table(2, 2.0, 1))))
                .hasSize(2);
    }

    private static Freshness table(long id, @org.jspecify.annotations.Nullable Double lag, long... upstream) {
        return new Freshness(
                id,
                QualifiedName.of("public", "t" + id),
                Optional.empty(),
                Optional.empty(),
                Optional.of(0L),
                Optional.ofNullable(lag),
                java.util.Arrays.stream(upstream).boxed().toList());
    }
}
