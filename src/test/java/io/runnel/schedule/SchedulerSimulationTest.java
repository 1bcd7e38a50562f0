package io.runnel.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random writers, refreshes, locks and definitions; nothing may be forgotten although there is no fallback. */
class SchedulerSimulationTest {
    private static final int STEPS = 25;
    private static final int ROUNDS = 30;
    private static final int RESTS = 50;

    @ParameterizedTest
    @ValueSource(longs = {1, 1_000, 2_000, 3_000, 4_000})
    void no_change_is_forgotten_and_no_rule_is_broken(long firstSeed) {
        for (long seed = firstSeed; seed < firstSeed + ROUNDS; seed++) {
            SimulatedWorld world = new SimulatedWorld(seed);
            for (int rest = 0; rest < RESTS; rest++) {
                world.run(STEPS);
                world.comeToRest();
                assertThat(world.forgotten())
                        .as("forgotten tables, seed %d, rest %d", seed, rest)
                        .isEmpty();
            }
            assertThat(world.violations()).as("broken rules, seed %d", seed).isEmpty();
        }
    }
}
