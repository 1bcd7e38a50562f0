package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class TimesTest {

    private static final Instant NOON = Instant.parse("2026-03-02T12:00:00Z");

    private static Times times(String schedule) {
        return Times.of(schedule, "Europe/Berlin", Optional.of(NOON));
    }

    @Test
    void cron_counts_from_the_start_of_the_last_look() {
        Times times = times("0 */5 * * * *; 30 7 * * * *");
        assertThat(times.wokenUp()).isFalse();
        assertThat(times.next(NOON, NOON.plusSeconds(400))).contains(NOON.plusSeconds(300));
        assertThat(times.next(NOON.plusSeconds(301), NOON.plusSeconds(302))).contains(NOON.plusSeconds(450));
    }

    @Test
    void cron_is_read_in_its_time_zone() {
        assertThat(times("0 3 * * *").next(NOON, NOON)).contains(Instant.parse("2026-03-03T02:00:00Z"));
        assertThat(Times.of("0 3 * * *", "no zone of Java's", Optional.empty()).next(NOON, NOON))
                .contains(Instant.parse("2026-03-03T03:00:00Z"));
    }

    /** One that was missed is made up for, because it lies in the past; one that was not is waited for. */
    @Test
    void restart_is_no_time_of_the_clock() {
        assertThat(times("0 * * * *").first(NOON.plusSeconds(60))).contains(NOON.plusSeconds(3600));
        assertThat(times("0 * * * *").first(NOON.plusSeconds(7200))).contains(NOON.plusSeconds(3600));
        assertThat(Times.of("0 * * * *", "UTC", Optional.empty()).first(NOON)).contains(NOON);
    }

    @Test
    void durations_count_from_the_end_and_begin_at_once() {
        Times times = times("20s");
        assertThat(times.first(NOON)).contains(NOON);
        assertThat(times.next(NOON, NOON.plusSeconds(3))).contains(NOON.plusSeconds(23));
        assertThat(times.wokenUp()).isFalse();
    }

    @Test
    void change_wakes_it_up_with_or_without_a_pause() {
        assertThat(times("on-change").wokenUp()).isTrue();
        assertThat(times("on-change").pause()).isZero();
        assertThat(times("on-change 20ms").wokenUp()).isTrue();
        assertThat(times("on-change 20ms").pause()).isEqualTo(Duration.ofMillis(20));
    }

    @Test
    void what_is_no_schedule_is_looked_at_all_the_same() {
        assertThat(times("whenever").wokenUp()).isTrue();
    }
}
