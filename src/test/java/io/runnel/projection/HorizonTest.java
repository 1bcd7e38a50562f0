package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class HorizonTest {

    @Test
    void first_look_without_writers_reaches_the_greatest_position() {
        assertThat(Horizon.UNKNOWN.next(7, List.of()).position()).isEqualTo(7);
    }

    @Test
    void first_look_knows_nothing_of_the_writers_it_finds() {
        assertThat(Horizon.UNKNOWN.next(7, List.of("1/1")).position()).isEqualTo(Horizon.NOTHING);
    }

    @Test
    void writer_that_came_since_the_last_look_takes_greater_positions_than_were_seen_there() {
        Horizon look = Horizon.UNKNOWN.next(7, List.of()).next(9, List.of("1/1"));
        assertThat(look.position()).isEqualTo(7);
        assertThat(look.next(12, List.of("1/1", "2/5")).position()).isEqualTo(7);
        assertThat(look.next(12, List.of("2/5")).position()).isEqualTo(9);
        assertThat(look.next(12, List.of()).position()).isEqualTo(12);
    }

    @Test
    void slow_writer_holds_the_horizon_until_it_is_gone() {
        Horizon look = Horizon.UNKNOWN.next(7, List.of()).next(7, List.of("1/1"));
        for (int i = 0; i < 10; i++) {
            look = look.next(10 + i, List.of("1/1", "2/" + i));
            assertThat(look.position()).isEqualTo(7);
        }
        assertThat(look.next(30, List.of("2/99")).position()).isEqualTo(19);
    }

    @Test
    void prepared_transaction_may_be_any_that_has_gone() {
        Horizon look = Horizon.UNKNOWN
                .next(7, List.of())
                .next(9, List.of("1/1"))
                .next(12, List.of("1/1", "2/2"))
                .next(15, List.of("2/2", "-1/800"));
        assertThat(look.position()).isEqualTo(7);
        assertThat(look.next(20, List.of("2/2")).position()).isEqualTo(9);
    }

    @Test
    void empty_log_has_no_horizon_and_the_first_writers_are_held_back_by_nothing_smaller() {
        Horizon look = Horizon.UNKNOWN.next(Horizon.NOTHING, List.of());
        assertThat(look.position()).isEqualTo(Horizon.NOTHING);
        assertThat(look.next(3, List.of("1/1")).position()).isEqualTo(Horizon.NOTHING);
        assertThat(look.next(3, List.of()).position()).isEqualTo(3);
    }
}
