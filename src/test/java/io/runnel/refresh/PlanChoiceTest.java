package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.refresh.PlanChoice.Cost;
import io.runnel.refresh.PlanChoice.Settings;
import io.runnel.refresh.PlanChoice.Situation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

class PlanChoiceTest {

    private static final Settings SETTINGS = new Settings(1000, 0.5, 1.1, 10_000_000);
    private static final long BYTES = 100L << 20;

    @Test
    void few_changes_are_applied_whatever_it_costs() {
        PlanChoice choice = choose(999, 1000, Optional.of(full(0.001)), List.of(applied(999, 100)), Optional.empty());
        assertThat(choice).isEqualTo(new PlanChoice(false, "changes"));
    }

    @Test
    void more_changes_than_may_be_applied_at_once_are_computed_anew() {
        PlanChoice choice = choose(
                10_000_001, 1_000_000_000, Optional.of(full(9)), List.of(applied(10_000_001, 1)), Optional.empty());
        assertThat(choice)
                .isEqualTo(new PlanChoice(
                        true, "10,000,001 changes, more than RUNNEL_REFRESH_CHANGES_MAX allows to be applied at once"));
        assertThat(choose(
                                10_000_000,
                                1_000_000_000,
                                Optional.of(full(9)),
                                List.of(applied(10_000_000, 1)),
                                Optional.empty())
                        .full())
                .isFalse();
    }

    @Test
    void without_knowledge_the_share_of_changed_rows_decides() {
        assertThat(choose(500_000, 1_000_000, Optional.of(full(2)), List.of(), Optional.empty()))
                .isEqualTo(new PlanChoice(false, "500,000 changes of about 1,000,000 rows"));
        assertThat(choose(500_001, 1_000_000, Optional.of(full(2)), List.of(), Optional.empty()))
                .isEqualTo(new PlanChoice(
                        true, "500,001 changes of about 1,000,000 rows: that many were not applied before"));
        assertThat(choose(5_000, 1, Optional.empty(), List.of(applied(5_000, 1)), Optional.empty())
                        .full())
                .isTrue();
    }

    @Test
    void what_is_clearly_cheaper_is_chosen_and_told() {
        Optional<Cost> full = Optional.of(full(2.3));
        assertThat(choose(1_200_000, 1, full, List.of(applied(1_200_000, 9.1)), Optional.empty()))
                .isEqualTo(new PlanChoice(true, "1,200,000 changes: about 9.1 s differentially, 2.3 s in full"));
        assertThat(choose(1_200_000, 1, full, List.of(applied(1_200_000, 2.4)), Optional.empty()))
                .isEqualTo(new PlanChoice(false, "1,200,000 changes: about 2.4 s differentially, 2.3 s in full"));
        assertThat(choose(1_200_000, 1, full, List.of(applied(1_200_000, 0.04)), Optional.empty())
                        .reason())
                .contains("40 ms differentially");
    }

    @Test
    void full_cost_grows_with_the_sources() {
        Optional<Cost> whenEmpty = Optional.of(new Cost(0, 0.005, 0, 0));
        List<Cost> applied = List.of(applied(5_000, 0.2));
        assertThat(choose(5_000, 1, whenEmpty, applied, Optional.empty()).full())
                .isFalse();
    }

    @Test
    void cost_is_interpolated_and_extrapolated() {
        List<Cost> two = List.of(applied(10_000, 2), applied(1_000, 1));
        assertThat(estimate(two, 5_500)).isEqualTo(1.5, Offset.offset(1e-9));
        assertThat(estimate(two, 19_000)).isEqualTo(3, Offset.offset(1e-9));
        assertThat(estimate(two, 500)).isEqualTo(0.5, Offset.offset(1e-9));
        assertThat(estimate(List.of(applied(1_000, 1)), 5_000)).isEqualTo(5, Offset.offset(1e-9));
        assertThat(estimate(List.of(applied(1_000, 3), applied(2_000, 1)), 5_000))
                .isEqualTo(1, Offset.offset(1e-9));
        assertThat(estimate(List.of(applied(1_000, 1), applied(2_000, 5)), 4_000))
                .isEqualTo(10, Offset.offset(1e-9));
        assertThat(PlanChoice.applied(List.of(new Cost(5, -1, 0, 3)), 5)).isEmpty();
    }

    @Test
    void applying_changes_is_tried_again_the_later_the_more_expensive_it_was() {
        List<Cost> applied = List.of(applied(10_000, 4));
        assertThat(choose(10_000, 1, Optional.of(full(1)), applied, Optional.of(passedOver(39)))
                        .full())
                .isTrue();
        PlanChoice again = choose(10_000, 1, Optional.of(full(1)), applied, Optional.of(passedOver(40)));
        assertThat(again.full()).isFalse();
        assertThat(again.reason()).endsWith("; tried again after 40 refreshes in full");
        assertThat(choose(10_000, 1, Optional.empty(), List.of(), Optional.of(passedOver(10)))
                        .full())
                .isFalse();
    }

    @Test
    void computing_anew_is_tried_again_unless_it_is_far_more_expensive() {
        List<Cost> applied = List.of(applied(10_000, 0.5));
        assertThat(choose(10_000, 1, Optional.of(full(1, 19)), applied, Optional.empty())
                        .full())
                .isFalse();
        PlanChoice again = choose(10_000, 1, Optional.of(full(1, 20)), applied, Optional.empty());
        assertThat(again.full()).isTrue();
        assertThat(again.reason()).endsWith("; tried again after 20 differential refreshes");
        assertThat(choose(10_000, 1, Optional.of(full(10, 1_000)), applied, Optional.empty())
                        .full())
                .isFalse();
    }

    /** A wrong first estimate of either plan: after learning, the refreshes together cost hardly more than they must. */
    @Test
    void wrong_estimates_heal_and_cost_little() {
        for (double appliedTruth : List.of(0.2, 0.9, 1.0, 1.5, 5.0)) {
            for (double wrong : List.of(0.1, 1.0, 10.0)) {
                assertThat(overhead(appliedTruth, wrong, 1)).isLessThan(1.25);
                assertThat(overhead(appliedTruth, 1, Math.min(wrong, 2))).isLessThan(1.25);
            }
        }
    }

    /** What 2,000 refreshes cost, where a full one takes 1, relative to always choosing the cheaper plan. */
    private static double overhead(double appliedTruth, double appliedError, double fullError) {
        Cost full = full(fullError);
        Cost here = applied(10_000, appliedTruth * appliedError);
        double spent = 0;
        for (int i = 0; i < 2_000; i++) {
            PlanChoice choice = choose(10_000, 1_000_000, Optional.of(full), List.of(here), Optional.of(here));
            spent += choice.full() ? 1 : appliedTruth;
            full = choice.full() ? full(1) : full(full.seconds(), full.passedOver() + 1);
            here = choice.full()
                    ? new Cost(here.changes(), here.seconds(), 0, here.passedOver() + 1)
                    : applied(10_000, appliedTruth);
        }
        return spent / (2_000 * Math.min(1, appliedTruth));
    }

    @Test
    void magnitude_is_the_binary_logarithm() {
        List<Integer> magnitudes = new ArrayList<>();
        for (long changes : List.of(0L, 1L, 2L, 1023L, 1024L, 2047L, 1L << 40)) {
            magnitudes.add(PlanChoice.magnitude(changes));
        }
        assertThat(magnitudes).containsExactly(0, 0, 1, 9, 10, 10, 40);
    }

    private static PlanChoice choose(
            long changes, long rows, Optional<Cost> full, List<Cost> applied, Optional<Cost> here) {
        return PlanChoice.choose(SETTINGS, new Situation(changes, rows, BYTES), full, applied, here);
    }

    private static double estimate(List<Cost> measured, double changes) {
        return PlanChoice.applied(measured, changes).orElseThrow();
    }

    private static Cost full(double seconds) {
        return full(seconds, 0);
    }

    private static Cost full(double seconds, int passedOver) {
        return new Cost(0, seconds, BYTES, passedOver);
    }

    private static Cost applied(double changes, double seconds) {
        return new Cost(changes, seconds, 0, 0);
    }

    private static Cost passedOver(int times) {
        return new Cost(10_000, 4, 0, times);
    }
}
