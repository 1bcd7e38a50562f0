package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Shrinking, of scenarios that are said to fail when they contain something. */
class ShrinkerTest {

    private static final int TRIALS_MAX = 400;

    private static Scenario scenario(long seed, int queries) {
        RandomBatch batch = new RandomBatch(new RandomSchema(new Dice(seed)));
        for (int i = 0; i < queries; i++) {
            batch.add(seed * 1_000_003 + i, i);
        }
        RandomChanges changes = new RandomChanges(seed, batch.schema());
        List<String> initial = changes.initial();
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            steps.add(new Step.Transaction(changes.transaction(), changes.undone()));
            steps.add(new Step.Refresh());
        }
        Definition top = batch.definitions().get(queries - 1);
        return new Scenario(batch.of(top), top, initial, steps);
    }

    private static String statements(Scenario scenario) {
        return String.join(
                "; ",
                scenario.steps().stream()
                        .flatMap(step -> step instanceof Step.Transaction transaction
                                ? transaction.statements().stream()
                                : Stream.of("refresh"))
                        .toList());
    }

    private static Shrinker.Trial containing(String inQuery, String inSteps) {
        return scenario ->
                scenario.top().sql().contains(inQuery) && statements(scenario).matches("(?s).*" + inSteps + ".*")
                        ? "fails"
                        : "";
    }

    @Test
    void query_and_changes_shrink_to_what_makes_them_fail() throws Throwable {
        int shrunk = 0;
        Shrinker.Trial trial = containing("sum(", "DELETE FROM random_keyed.*refresh");
        for (int seed = 0; seed < 200 && shrunk < 5; seed++) {
            Scenario failing = scenario(seed, 20);
            if (trial.run(failing).equals("fails") && failing.top().sql().length() > 400) {
                shrunk++;
                Scenario smallest = Shrinker.shrink(failing, trial, TRIALS_MAX);
                assertThat(trial.run(smallest)).isEqualTo("fails");
                assertThat(smallest.initial()).isEmpty();
                assertThat(statements(smallest)).matches("[^;]*DELETE FROM random_keyed[^;]*; refresh");
                assertThat(smallest.top().sql().length())
                        .as("%s\nof\n%s", smallest.top().sql(), failing.top().sql())
                        .isLessThan(200);
            }
        }
        assertThat(shrunk).isEqualTo(5);
    }

    @Test
    void stream_tables_below_shrink_too() throws Throwable {
        Shrinker.Trial trial = containing("random_q", "");
        Scenario failing = scenario(3, 13);
        Scenario smallest = Shrinker.shrink(failing, trial, TRIALS_MAX);
        assertThat(trial.run(smallest)).isEqualTo("fails");
        assertThat(smallest.batch().below(smallest.top()))
                .hasSizeGreaterThanOrEqualTo(2)
                .allMatch(definition -> definition.sql().length() < 100);
    }

    @Test
    void what_does_not_fail_stays_as_it_is() throws Throwable {
        Scenario scenario = scenario(4, 3);
        assertThat(Shrinker.shrink(scenario, smaller -> "", TRIALS_MAX)).isSameAs(scenario);
    }
}
