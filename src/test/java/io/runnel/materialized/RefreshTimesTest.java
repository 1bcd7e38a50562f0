package io.runnel.materialized;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import org.junit.jupiter.api.Test;

class RefreshTimesTest {

    private static final List<String> OFFICE_HOURS =
            List.of("*/5 8-17 * * MON-FRI", "0 0-7,18-23 * * MON-FRI", "0 * * * SAT,SUN");

    @Test
    void earliest_of_several_schedules_counts() {
        RefreshTimes times = RefreshTimes.of(OFFICE_HOURS, "UTC");
        // The 2nd of March 2026 is a Monday.
        assertNext(times, "2026-03-02T07:01:00Z", "2026-03-02T08:00:00Z");
        assertNext(times, "2026-03-02T08:00:00Z", "2026-03-02T08:05:00Z");
        assertNext(times, "2026-03-02T12:34:56Z", "2026-03-02T12:35:00Z");
        assertNext(times, "2026-03-02T17:55:00Z", "2026-03-02T18:00:00Z");
        assertNext(times, "2026-03-02T18:00:01Z", "2026-03-02T19:00:00Z");
        assertNext(times, "2026-03-06T23:00:00Z", "2026-03-07T00:00:00Z");
        assertNext(times, "2026-03-07T12:00:00Z", "2026-03-07T13:00:00Z");
        assertNext(times, "2026-03-08T23:10:00Z", "2026-03-09T00:00:00Z");
    }

    @Test
    void union_of_overlapping_schedules_is_the_same() {
        RefreshTimes separate = RefreshTimes.of(OFFICE_HOURS, "UTC");
        RefreshTimes overlapping = RefreshTimes.of(List.of("*/5 8-17 * * MON-FRI", "@hourly"), "UTC");
        RefreshTimes together =
                RefreshTimes.of(List.of("*/5 8-17 * * MON-FRI; 0 0-7,18-23 * * MON-FRI; 0 * * * SAT,SUN"), "UTC");
        Instant at = Instant.parse("2026-03-01T00:00:00Z");
        for (int i = 0; i < 1500; i++) {
            Instant next = separate.next(at).orElseThrow();
            assertThat(overlapping.next(at)).contains(next);
            assertThat(together.next(at)).contains(next);
            at = next;
        }
        assertThat(at).isAfter(Instant.parse("2026-03-10T00:00:00Z"));
    }

    @Test
    void durations_count_from_the_last_look_and_go_together_with_cron() {
        RefreshTimes times = RefreshTimes.of(List.of("20m", "@hourly"), "UTC");
        assertNext(times, "2026-03-02T07:10:00Z", "2026-03-02T07:30:00Z");
        assertNext(times, "2026-03-02T07:50:00Z", "2026-03-02T08:00:00Z");
    }

    @Test
    void cron_is_read_in_the_time_zone_of_the_view_across_changes_of_the_clocks() {
        RefreshTimes nightly = RefreshTimes.of(List.of("0 3 * * *"), "Europe/Berlin");
        assertThat(nightly.zone()).isEqualTo(ZoneId.of("Europe/Berlin"));
        assertNext(nightly, "2026-03-27T12:00:00Z", "2026-03-28T02:00:00Z");
        assertNext(nightly, "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
        assertNext(nightly, "2026-10-24T12:00:00Z", "2026-10-25T02:00:00Z");
    }

    @Test
    void times_that_have_passed_count_as_one() {
        RefreshTimes times = RefreshTimes.of(List.of("@hourly"), "UTC");
        Instant now = Instant.parse("2026-03-02T12:30:00Z");
        assertThat(times.next(Instant.parse("2026-03-01T07:10:00Z")).orElseThrow())
                .isBefore(now);
        assertThat(times.next(now)).contains(Instant.parse("2026-03-02T13:00:00Z"));
    }

    @Test
    void manual_is_never_due() {
        assertThat(RefreshTimes.of(List.of("manual"), "UTC").next(Instant.EPOCH))
                .isEmpty();
        assertThatThrownBy(() -> RefreshTimes.of(List.of("sometimes"), "UTC"))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private static void assertNext(RefreshTimes times, String last, String expected) {
        assertThat(times.next(Instant.parse(last))).as(last).contains(Instant.parse(expected));
    }
}
