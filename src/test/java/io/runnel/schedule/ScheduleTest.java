package io.runnel.schedule;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.runnel.schedule.Schedule.LastRun;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ScheduleTest {

    @ParameterizedTest
    @CsvSource({
        "500ms, 500ms",
        "5s, 5s",
        "5S, 5s",
        "1h30m, 1h30m",
        "90m, 1h30m",
        "1d, 1d",
        "2w, 14d",
        "366d, 366d",
        "10ms, 10ms",
        "manual, manual",
        "' Manual ', manual",
        "downstream, downstream",
        "CALCULATED, downstream",
        "on-change, on-change",
        "on-change 20ms, on-change 20ms",
        "on-change 0s, on-change",
        "*/5 * * * *, */5 * * * *",
        "'0  30 4  1 * * ; @hourly', 0 30 4 1 * * ; @hourly",
        "0 0 * * 1-5;0 12 * * SUN, 0 0 * * 1-5 ; 0 12 * * SUN",
    })
    void written_schedule_has_one_canonical_text(String written, String canonical) {
        assertThat(Schedule.parse(written).text()).isEqualTo(canonical);
        assertThat(Schedule.parse(canonical)).isEqualTo(Schedule.parse(written));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                ";",
                "5",
                "5x",
                "-5s",
                "1.5s",
                "9ms",
                "0s",
                "367d",
                "999999999w999999999w",
                "99999999999999999999s",
                "5 s",
                "on-change x",
                "on-change 367d",
                "on-changes",
                "* * * *",
                "* * * * * * *",
                "61 * * * *",
                "*/0 * * * *",
                "0 0 30 2 *",
                "22-2 * * * *",
                "0 0-99999999999 * * *",
                "0 0 * * * ; x",
                "@fortnightly",
                "0 0 ? * *|0 1 * * *",
            })
    void what_is_no_schedule_is_refused_with_a_hint(String written) {
        assertThatThrownBy(() -> Schedule.parse(written))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .hasSizeGreaterThan(30)
                .hasSizeLessThan(700);
    }

    @Test
    void random_text_is_read_or_refused_and_never_anything_else() {
        String[] pieces = {
            "*",
            "/",
            "-",
            ",",
            " ",
            " ",
            " ",
            "0",
            "1",
            "5",
            "59",
            "99999",
            "L",
            "#",
            "@",
            "hourly",
            ";",
            "\n",
            "ms",
            "s",
            "m",
            "h",
            "d",
            "w",
            "on-change",
            "manual",
            "mon",
            "W",
            "?",
            "\u0000",
            "é",
            "٣",
            "|"
        };
        Random random = new Random(20_240_501);
        for (int round = 0; round < 10_000; round++) {
            StringBuilder text = new StringBuilder();
            int length = random.nextInt(16);
            for (int piece = 0; piece < length; piece++) {
                text.append(pieces[random.nextInt(pieces.length)]);
            }
            check(text.toString());
        }
    }

    @Test
    void random_cron_fields_are_read_or_refused_and_never_anything_else() {
        String[] fields = {"*", "*/7", "1-5", "31", "2", "0", "L", "1,15", "30/1", "1#5", "5L", "feb", "sun", "-", "7"};
        Random random = new Random(7);
        for (int round = 0; round < 1_000; round++) {
            StringBuilder text = new StringBuilder(fields[random.nextInt(fields.length)]);
            int count = 4 + random.nextInt(2);
            for (int field = 0; field < count; field++) {
                text.append(' ').append(fields[random.nextInt(fields.length)]);
            }
            check(text.toString());
        }
    }

    @Test
    void very_long_text_is_refused() {
        assertThatThrownBy(() -> Schedule.parse("1".repeat(1_000_000))).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> Schedule.parse("* * * * *;".repeat(100))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void cron_counts_in_the_zone_of_the_table() {
        Schedule schedule = Schedule.parse("30 4 * * *; 0 6 * * *");
        Instant noon = Instant.parse("2026-07-01T12:00:00Z");

        assertThat(schedule.dueWhenDirty(LastRun.NONE, noon, ZoneId.of("Europe/Berlin")))
                .contains(Instant.parse("2026-07-02T02:30:00Z"));
        assertThat(schedule.dueWhenDirty(LastRun.NONE, noon, ZoneOffset.UTC))
                .contains(Instant.parse("2026-07-02T04:30:00Z"));
    }

    @Test
    void sunday_is_zero_and_seven_and_days_are_alternatives() {
        Instant saturday = Instant.parse("2026-08-01T12:00:00Z");
        for (String sunday : new String[] {"0 0 * * 0", "0 0 * * 7", "0 0 20 * sun"}) {
            assertThat(Schedule.parse(sunday).dueWhenDirty(LastRun.NONE, saturday, ZoneOffset.UTC))
                    .contains(Instant.parse("2026-08-02T00:00:00Z"));
        }
    }

    @Test
    void change_heard_of_during_a_refresh_is_applied_within_the_bound() {
        Instant start = Instant.parse("2026-01-01T00:00:00Z");
        LastRun last = new LastRun(start, start.plusSeconds(4));

        assertThat(new Every(Duration.ofSeconds(5)).dueWhenDirty(last, start.plusSeconds(1), ZoneOffset.UTC))
                .contains(start.plusSeconds(6));
    }

    private static void check(String text) {
        Schedule schedule;
        try {
            schedule = Schedule.parse(text);
        } catch (IllegalArgumentException e) {
            assertThat(e.getMessage()).isNotBlank();
            return;
        }
        assertThat(Schedule.parse(schedule.text())).as("reading of %s", text).isEqualTo(schedule);
        LastRun last = new LastRun(Instant.EPOCH, Instant.EPOCH);
        assertThat(schedule.dueWhenDirty(last, Instant.EPOCH, ZoneOffset.UTC)).isNotNull();
    }
}
