package io.runnel.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.schedule.Decision.Arm;
import io.runnel.schedule.Decision.Disarm;
import io.runnel.schedule.Decision.Reason;
import io.runnel.schedule.Decision.StartRefresh;
import io.runnel.schedule.Decision.Suspend;
import io.runnel.schedule.ScheduledTable.Notice;
import io.runnel.schedule.ScheduledTable.Reads;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

class SchedulerTest {
    private static final int ORDERS = 7;
    private static final Duration FALLBACK = Duration.ofSeconds(60);

    private Instant now = Instant.parse("2026-01-01T00:00:00Z");
    private Scheduler scheduler = scheduler(8, 2000);

    @Test
    void new_table_is_looked_at_then_armed_and_then_left_alone() {
        assertThat(define(1, "on-change", ORDERS)).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
        assertThat(finish(1, RunResult.NOTHING_TO_DO)).containsExactly(new Arm(ORDERS, Set.of(1L)));
        assertThat(tell(new Event.SourceArmed(ORDERS))).isEmpty();
        assertThat(scheduler.nextDueAt()).contains(now.plus(FALLBACK));
    }

    @Test
    void wake_up_of_an_on_change_table_starts_it_at_once() {
        idle(1, "on-change", ORDERS);

        assertThat(tell(new Event.WokenUp(ORDERS))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
    }

    @Test
    void wake_up_during_a_refresh_leads_to_another_refresh() {
        idle(1, "on-change", ORDERS);
        var unused = tell(new Event.WokenUp(ORDERS));

        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
    }

    @Test
    void on_change_keeps_its_pause() {
        idle(1, "on-change 10s", ORDERS);

        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(after(Duration.ofSeconds(9))).isEmpty();
        assertThat(after(Duration.ofSeconds(1))).hasSize(1);
    }

    @Test
    void duration_counts_from_the_last_refresh_and_idle_time_is_not_waited_again() {
        idle(1, "5s", ORDERS);
        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(after(Duration.ofSeconds(5))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L)));
        assertThat(tell(new Event.SourceArmed(ORDERS))).isEmpty();

        assertThat(after(Duration.ofSeconds(30))).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).hasSize(1);
    }

    @Test
    void lost_wake_up_is_made_up_for_by_the_fallback() {
        idle(1, "5s", ORDERS);

        assertThat(after(FALLBACK.minusMillis(1))).isEmpty();
        assertThat(after(Duration.ofMillis(1))).containsExactly(new StartRefresh(1, Reason.POLL));
    }

    @Test
    void while_writers_keep_the_lock_the_table_is_polled_ever_more_slowly() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).hasSize(1);
        assertThat(tell(new Event.ArmFailed(ORDERS))).isEmpty();
        for (int pause : List.of(20, 40, 80, 160, 320, 640, 1000, 1000)) {
            assertThat(after(Duration.ofMillis(pause - 1))).isEmpty();
            assertThat(after(Duration.ofMillis(1))).containsExactly(new StartRefresh(1, Reason.POLL));
            assertThat(finish(1, RunResult.NOTHING_TO_DO)).containsExactly(new Arm(ORDERS, Set.of(1L)));
            assertThat(tell(new Event.ArmFailed(ORDERS))).isEmpty();
        }
    }

    @Test
    void changes_found_while_arming_are_applied_at_once() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L)));
        assertThat(tell(new Event.ChangesPending(ORDERS))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L)));
    }

    @Test
    void polled_table_pauses_for_as_long_as_its_last_refresh_took() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(after(Duration.ofMillis(300))).isEmpty();
        assertThat(finish(1, RunResult.CHANGED)).hasSize(1);
        assertThat(tell(new Event.ArmFailed(ORDERS))).isEmpty();

        assertThat(after(Duration.ofMillis(299))).isEmpty();
        assertThat(after(Duration.ofMillis(1))).containsExactly(new StartRefresh(1, Reason.POLL));
    }

    @Test
    void source_is_armed_once_all_that_were_woken_are_done() {
        idle(1, "on-change", ORDERS);
        assertThat(define(2, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(2, RunResult.CHANGED)).isEmpty();

        assertThat(tell(new Event.WokenUp(ORDERS))).hasSize(2);
        assertThat(finish(1, RunResult.CHANGED)).isEmpty();
        assertThat(finish(2, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L, 2L)));
    }

    @Test
    void failing_table_does_not_keep_its_source_from_being_armed_for_others() {
        idle(1, "on-change", ORDERS);
        assertThat(define(2, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(2, RunResult.FAILED)).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L)));
    }

    @Test
    void refresh_that_began_before_the_lock_was_held_is_followed_by_another_look() {
        idle(1, "on-change", ORDERS);
        assertThat(define(2, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(2, RunResult.FAILED)).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).hasSize(1);
        assertThat(after(Duration.ofMillis(250))).contains(new StartRefresh(2, Reason.RETRY));
        var unused = tell(new Event.SourceArmed(ORDERS));
        var unusedToo = finish(2, RunResult.CHANGED);

        assertThat(after(Duration.ofMillis(20))).contains(new StartRefresh(2, Reason.POLL));
    }

    @Test
    void wake_up_while_arming_makes_the_lock_be_released() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).hasSize(1);
        assertThat(tell(new Event.WokenUp(ORDERS))).hasSize(1);
        assertThat(tell(new Event.SourceArmed(ORDERS))).containsExactly(new Disarm(ORDERS));
    }

    @Test
    void source_is_disarmed_when_nobody_listens_any_longer() {
        idle(1, "on-change", ORDERS);

        assertThat(tell(new Event.Paused(1))).containsExactly(new Disarm(ORDERS));
        assertThat(scheduler.nextDueAt()).isEmpty();
        assertThat(tell(new Event.Resumed(1))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
    }

    @Test
    void source_beyond_the_limit_is_polled_every_second() {
        scheduler = scheduler(8, 1);
        idle(1, "on-change", ORDERS);
        assertThat(define(2, "on-change", 8)).hasSize(1);
        assertThat(finish(2, RunResult.NOTHING_TO_DO)).isEmpty();

        assertThat(after(Duration.ofMillis(999))).isEmpty();
        assertThat(after(Duration.ofMillis(1))).containsExactly(new StartRefresh(2, Reason.POLL));
    }

    @Test
    void lost_session_makes_every_table_be_looked_at() {
        idle(1, "on-change", ORDERS);
        var unused = after(Duration.ofSeconds(1));

        assertThat(tell(new Event.WakeUpsLost())).containsExactly(new StartRefresh(1, Reason.POLL));
        assertThat(finish(1, RunResult.NOTHING_TO_DO)).containsExactly(new Arm(ORDERS, Set.of(1L)));
    }

    @Test
    void manual_table_waits_for_a_request_and_its_source_is_never_armed() {
        assertThat(define(1, "manual", ORDERS)).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(after(Duration.ofDays(1))).isEmpty();
        assertThat(tell(new Event.RefreshRequested(1))).containsExactly(new StartRefresh(1, Reason.REQUESTED));
        assertThat(tell(new Event.RefreshRequested(1))).isEmpty();
        assertThat(finish(1, RunResult.FAILED)).containsExactly(new StartRefresh(1, Reason.REQUESTED));
        assertThat(finish(1, RunResult.CHANGED)).isEmpty();
        assertThat(scheduler.nextDueAt()).isEmpty();
    }

    @Test
    void cron_table_is_refreshed_at_its_times_if_something_changed() {
        assertThat(define(1, "@hourly", ORDERS)).isEmpty();
        assertThat(after(Duration.ofMinutes(59))).isEmpty();
        assertThat(after(Duration.ofMinutes(1))).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new Arm(ORDERS, Set.of(1L)));
        assertThat(tell(new Event.SourceArmed(ORDERS))).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(scheduler.nextDueAt()).contains(now.plus(Duration.ofHours(1)));
    }

    @Test
    void table_that_cannot_be_captured_is_looked_at_every_period() {
        Reads nothing = new Reads(Set.of(), Set.of(), Map.of());
        var unused = tell(new Event.TableDefined(
                new ScheduledTable(1, Schedule.parse("on-change"), ZoneOffset.UTC, nothing, Notice.POLLED_ALWAYS)));
        var unusedToo = finish(1, RunResult.NOTHING_TO_DO);

        assertThat(after(Duration.ofMillis(999))).isEmpty();
        assertThat(after(Duration.ofMillis(1))).containsExactly(new StartRefresh(1, Reason.POLL));
    }

    @Test
    void failures_back_off_and_suspend_after_the_fifth() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        for (int pause : List.of(250, 500, 1000, 2000)) {
            assertThat(finish(1, RunResult.FAILED)).isEmpty();
            assertThat(after(Duration.ofMillis(pause / 2 - 1))).isEmpty();
            assertThat(after(Duration.ofMillis(pause / 2 + 1))).containsExactly(new StartRefresh(1, Reason.RETRY));
        }
        assertThat(finish(1, RunResult.FAILED)).containsExactly(new Suspend(1));
        assertThat(after(Duration.ofDays(1))).isEmpty();
        assertThat(tell(new Event.Resumed(1))).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
        assertThat(finish(1, RunResult.FAILED)).isEmpty();
    }

    @Test
    void success_forgets_the_failures_before() {
        assertThat(define(1, "manual", ORDERS)).isEmpty();
        for (int round = 0; round < 20; round++) {
            assertThat(tell(new Event.RefreshRequested(1))).hasSize(1);
            assertThat(finish(1, round % 5 == 4 ? RunResult.CHANGED : RunResult.FAILED))
                    .isEmpty();
        }
    }

    @Test
    void broken_invariant_suspends_at_once_and_a_request_is_still_served() {
        assertThat(define(1, "5s", ORDERS)).hasSize(1);
        assertThat(finish(1, RunResult.FAILED_FOR_GOOD)).containsExactly(new Suspend(1));
        assertThat(tell(new Event.RefreshRequested(1))).containsExactly(new StartRefresh(1, Reason.REQUESTED));
        assertThat(finish(1, RunResult.FAILED)).isEmpty();
        assertThat(scheduler.nextDueAt()).isEmpty();
    }

    @Test
    void downstream_table_is_refreshed_before_the_table_that_reads_it() {
        assertThat(define(1, "downstream", ORDERS)).isEmpty();
        assertThat(defineOver(2, "on-change", 1)).containsExactly(new StartRefresh(1, Reason.DOWNSTREAM_DUE));
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new StartRefresh(2, Reason.WOKEN_UP));
        assertThat(finish(2, RunResult.CHANGED))
                .containsExactlyInAnyOrder(new Arm(ORDERS, Set.of(1L)), new Arm(101, Set.of(2L)));
        assertThat(tell(new Event.SourceArmed(ORDERS))).isEmpty();
        assertThat(tell(new Event.SourceArmed(101))).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).containsExactly(new StartRefresh(1, Reason.DOWNSTREAM_DUE));
    }

    @Test
    void failing_upstream_table_does_not_hold_up_the_table_that_reads_it() {
        assertThat(define(1, "downstream", ORDERS)).isEmpty();
        assertThat(defineOver(2, "on-change", 1)).hasSize(1);
        assertThat(finish(1, RunResult.FAILED)).containsExactly(new StartRefresh(2, Reason.WOKEN_UP));
        var unused = finish(2, RunResult.NOTHING_TO_DO);
        assertThat(after(Duration.ofMillis(250))).contains(new StartRefresh(1, Reason.RETRY));
    }

    @Test
    void table_waits_for_what_it_reads_indirectly_but_not_for_ever() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(defineOver(2, "on-change", 1)).isEmpty();
        assertThat(defineOver(3, "on-change", 2)).isEmpty();
        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(finish(1, RunResult.CHANGED))
                .containsExactlyInAnyOrder(new StartRefresh(1, Reason.WOKEN_UP), new StartRefresh(2, Reason.WOKEN_UP));
    }

    @Test
    void definitions_in_a_circle_do_not_wait_for_each_other() {
        assertThat(defineOver(1, "on-change", 2)).hasSize(1);
        assertThat(finish(1, RunResult.CHANGED)).hasSize(1);
        assertThat(defineOver(2, "downstream", 1)).isNotEmpty();
        for (int round = 0; round < 5; round++) {
            var unused = finish(1, RunResult.CHANGED);
            var unusedToo = finish(2, RunResult.CHANGED);
            assertThat(scheduler.running()).isPositive();
        }
    }

    @Test
    void no_more_refreshes_run_than_allowed() {
        scheduler = scheduler(2, 2000);
        for (int id = 1; id <= 5; id++) {
            var unused = define(id, "on-change", ORDERS);
        }
        assertThat(scheduler.running()).isEqualTo(2);
        assertThat(finish(2, RunResult.CHANGED)).containsExactly(new StartRefresh(3, Reason.WOKEN_UP));
    }

    @Test
    void table_defined_again_while_it_is_refreshed_waits_for_that_refresh() {
        assertThat(define(1, "on-change", ORDERS)).hasSize(1);
        assertThat(tell(new Event.TableRemoved(1))).isEmpty();
        assertThat(define(1, "on-change", 8)).isEmpty();
        assertThat(finish(1, RunResult.CHANGED)).containsExactly(new StartRefresh(1, Reason.WOKEN_UP));
    }

    @Test
    void clock_that_is_set_back_stops_nothing() {
        idle(1, "5s", ORDERS);
        now = now.minus(Duration.ofDays(1));

        assertThat(tell(new Event.WokenUp(ORDERS))).isEmpty();
        assertThat(after(Duration.ofSeconds(5))).hasSize(1);
    }

    @Test
    void ten_thousand_tables_cost_little() {
        scheduler = scheduler(16, 20_000);
        for (int id = 1; id <= 10_000; id++) {
            List<Decision> open = new ArrayList<>(define(id, "on-change", id));
            while (!open.isEmpty()) {
                Decision decision = open.remove(0);
                if (decision instanceof StartRefresh start) {
                    open.addAll(finish(start.id(), RunResult.NOTHING_TO_DO));
                } else if (decision instanceof Arm arm) {
                    open.addAll(tell(new Event.SourceArmed(arm.source())));
                }
            }
        }
        assertThat(scheduler.nextDueAt()).contains(now.plus(FALLBACK));
        assertThat(tell(new Event.Tick())).isEmpty();
        assertThat(tell(new Event.WokenUp(5_000))).containsExactly(new StartRefresh(5_000, Reason.WOKEN_UP));
    }

    @Test
    void many_idle_tables_are_looked_at_in_turn() {
        scheduler = scheduler(1000, 2000);
        for (int id = 1; id <= 1000; id++) {
            idle(id, "on-change", id);
        }
        int looks = 0;
        for (int second = 1; second <= 600; second++) {
            List<Decision> decisions = after(Duration.ofSeconds(1));
            for (Decision decision : decisions) {
                if (decision instanceof StartRefresh start) {
                    assertThat(finish(start.id(), RunResult.NOTHING_TO_DO)).isEmpty();
                    looks += second > 400 ? 1 : 0;
                }
            }
        }
        assertThat(looks).isBetween(990, 1000);
    }

    private void idle(long id, String schedule, int source) {
        assertThat(define(id, schedule, source)).hasSize(1);
        assertThat(finish(id, RunResult.NOTHING_TO_DO)).hasSize(1);
        assertThat(tell(new Event.SourceArmed(source))).isEmpty();
    }

    private List<Decision> define(long id, String schedule, int source) {
        Reads reads = new Reads(Set.of(source), Set.of(), Map.of());
        return tell(new Event.TableDefined(
                new ScheduledTable(id, Schedule.parse(schedule), ZoneOffset.UTC, reads, Notice.WAKE_UPS)));
    }

    private List<Decision> defineOver(long id, String schedule, int upstream) {
        Reads reads =
                new Reads(Set.of(100 + upstream), Set.of((long) upstream), Map.of(100 + upstream, (long) upstream));
        return tell(new Event.TableDefined(
                new ScheduledTable(id, Schedule.parse(schedule), ZoneOffset.UTC, reads, Notice.WAKE_UPS)));
    }

    private List<Decision> finish(long id, RunResult result) {
        return tell(new Event.RefreshFinished(id, result));
    }

    private List<Decision> after(Duration pause) {
        now = now.plus(pause);
        return tell(new Event.Tick());
    }

    private List<Decision> tell(Event event) {
        return scheduler.next(event, now);
    }

    private static Scheduler scheduler(int refreshes, int sources) {
        return new Scheduler(
                new SchedulerSettings(refreshes, 5, sources, Duration.ofMillis(20), FALLBACK, Duration.ofMillis(200)),
                RandomGenerator.of("L64X128MixRandom"));
    }
}
