package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.refresh.Refresher;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Random queries over random tables under random changes: after every refresh each stream table equals its query, as bags
 * of texts. The seed is printed, and the first failures are made small. {@code -Dfuzz.queries=1000 -Dfuzz.seed=7} runs
 * more, {@code -Dfuzz.only=12} only the twelfth of a seed and what it reads, under the same changes.
 */
@QuarkusTest
class RandomQueryTest {

    private static final long SEED = Long.getLong("fuzz.seed", 21);
    private static final int QUERIES = Integer.getInteger("fuzz.queries", 150);
    private static final int ONLY = Integer.getInteger("fuzz.only", -1);
    private static final int ROUNDS = Integer.getInteger("fuzz.rounds", 5);

    /** How many stream tables live at once. */
    private static final int BATCH = 150;

    private static final int FAILURES_MAX = 10;
    private static final int TRIALS_MAX = Integer.getInteger("fuzz.trials", 200);
    private static final int SHRUNK_MAX = Integer.getInteger("fuzz.shrunk", 3);

    /** From how many queries on every construct is among them. */
    private static final int EVERY_CONSTRUCT = 1500;

    @Inject
    DataSource database;

    @Inject
    Refresher refresher;

    private final List<String> failures = new ArrayList<>();
    private final Constructs constructs = new Constructs();
    private final RandomRun.Counts counts = new RandomRun.Counts();
    private int shrunk;

    @Test
    void every_random_query_equals_its_stream_table_after_random_changes() throws Throwable {
        System.out.println("fuzz.seed=" + SEED + " fuzz.queries=" + QUERIES);
        for (int first = 0; first < QUERIES && failures.size() < FAILURES_MAX; first += BATCH) {
            if (ONLY < 0 || (ONLY >= first && ONLY < first + BATCH)) {
                batch(first, Math.min(QUERIES, first + BATCH));
            }
        }
        System.out.println("random queries: " + counts);
        System.out.println("constructs: " + constructs);
        assertThat(failures).isEmpty();
        if (ONLY < 0) {
            assertThat(counts.differential).isGreaterThanOrEqualTo(counts.full);
            assertThat(counts.changed).as("refreshes that changed the result").isGreaterThan(counts.refreshes / 5);
            assertThat(constructs.below(QUERIES >= EVERY_CONSTRUCT ? 1 : 0)).isEmpty();
        }
    }

    private void batch(int first, int end) throws Throwable {
        RandomBatch batch = new RandomBatch(new RandomSchema(new Dice(SEED * 37 + first)));
        for (int i = first; i < end; i++) {
            batch.add(SEED * 1_000_003 + i, i);
        }
        List<Definition> definitions =
                ONLY < 0 ? batch.definitions() : batch.below(batch.definitions().get(ONLY - first));
        definitions.forEach(definition -> constructs.add(definition.sql()));
        try (Client client = new Client(database)) {
            Arena arena = new Arena(client, refresher);
            RandomChanges changes = new RandomChanges(SEED * 31 + first, batch.schema());
            RandomRun run = new RandomRun(arena, batch, definitions, changes, counts);
            Map<Definition, RandomRun.Failed> failed = run.rounds(first, ROUNDS);
            for (Map.Entry<Definition, RandomRun.Failed> failure : failed.entrySet()) {
                report(arena, batch, failure.getKey(), failure.getValue());
            }
        }
    }

    private void report(Arena arena, RandomBatch batch, Definition definition, RandomRun.Failed failed)
            throws Throwable {
        String report = "query " + definition.number() + " of seed " + SEED + ": " + failed.mismatch() + "\n"
                + definition.sql();
        failures.add(report);
        Scenario scenario = new Scenario(batch.of(definition), definition, failed.initial(), failed.steps());
        System.out.println("FAILED " + report + "\nin\n" + scenario);
        if (shrunk++ < SHRUNK_MAX) {
            RandomTrial trial = new RandomTrial(arena, List.of());
            Optional<Mismatch> again = trial.mismatch(scenario);
            System.out.println(
                    again.isEmpty()
                            ? "NOT SEEN AGAIN by itself"
                            : "SHRUNK " + again.get() + "\n" + Shrinker.shrink(scenario, trial, TRIALS_MAX));
            arena.close();
        }
    }
}
