package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class ChangeLimitTest {

    private static final ChangeLimit THIRD = new ChangeLimit(Optional.of(0.3), 0, false);

    /** The verdict, when the rows afterwards are counted no further than they need be. */
    private static boolean stops(ChangeLimit limit, long before, Written written) {
        long after = before + written.inserted() - written.deleted();
        long enough = limit.enough(written);
        return enough > 0 && limit.tooMuchOf(written, Math.min(after, enough)).isPresent();
    }

    @Test
    void more_than_the_share_is_too_much_and_the_share_itself_is_not() {
        assertThat(stops(THIRD, 1000, new Written(0, 300, 0))).isFalse();
        assertThat(stops(THIRD, 1000, new Written(0, 301, 0))).isTrue();
        assertThat(stops(THIRD, 1000, new Written(0, 0, 301))).isTrue();
        assertThat(stops(THIRD, 1000, new Written(301, 0, 0))).isTrue();
        assertThat(stops(THIRD, 1000, new Written(100, 100, 100))).isFalse();
        assertThat(stops(THIRD, 1000, new Written(100, 101, 100))).isTrue();
        assertThat(stops(THIRD, 1000, new Written(0, 0, 1000))).isTrue();
        assertThat(stops(THIRD, 1000, new Written(1_000_000, 0, 0))).isTrue();
    }

    @Test
    void few_rows_have_no_limit() {
        assertThat(stops(THIRD, ChangeLimit.ROWS_MIN - 1, new Written(500, 0, 99)))
                .isFalse();
        assertThat(stops(THIRD, ChangeLimit.ROWS_MIN, new Written(0, 0, 100))).isTrue();
        assertThat(stops(THIRD, 0, new Written(100_000, 0, 0))).isFalse();
    }

    @Test
    void rows_are_counted_only_where_it_matters_and_no_further() {
        assertThat(THIRD.enough(Written.NOTHING)).isZero();
        assertThat(THIRD.enough(new Written(10, 10, 10))).isZero();
        assertThat(THIRD.enough(new Written(0, 60, 0))).isEqualTo(200);
        assertThat(THIRD.tooMuchOf(new Written(0, 60, 0), 200)).isEmpty();
        assertThat(THIRD.tooMuchOf(new Written(0, 60, 0), 199)).contains(199L);
        assertThat(THIRD.tooMuchOf(new Written(0, 10, 60), 130)).contains(190L);
    }

    @Test
    void without_a_limit_or_approved_nothing_is_too_much() {
        assertThat(stops(new ChangeLimit(Optional.empty(), 0, false), 1000, new Written(0, 0, 1000)))
                .isFalse();
        assertThat(stops(new ChangeLimit(Optional.of(0.1), 1, true), 1000, new Written(0, 0, 1000)))
                .isFalse();
    }
}
