package io.runnel.refresh.random;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Stream tables that live at once under the same changes. Each is refreshed at random points, after those that it reads,
 * and all of them at the end.
 */
final class RandomRun {

    /** They lock the same sources; all at once they would mostly wait for each other. */
    private static final int CREATED_AT_ONCE = 6;

    private static final int LEVELS = 3;

    /** What has been seen in all runs. */
    static final class Counts {

        int differential;
        int full;
        int refreshes;
        int changed;
        int refreshedInFull;
        final Map<Integer, Integer> depths = new LinkedHashMap<>();

        @Override
        public String toString() {
            return differential + " differential, " + full + " in full; " + changed + " of " + refreshes
                    + " refreshes changed the result, " + refreshedInFull + " were in full; depths " + depths;
        }
    }

    /** What is wrong, and how it came about. */
    record Failed(Mismatch mismatch, List<String> initial, List<Step> steps) {}

    private final Arena arena;
    private final RandomBatch batch;
    private final List<Definition> alive;
    private final RandomChanges changes;
    private final Counts counts;
    private final Dice dice;
    private final List<String> initial;
    private final List<Step> steps = new ArrayList<>();
    private final Map<Definition, Failed> failures = new LinkedHashMap<>();

    RandomRun(Arena arena, RandomBatch batch, List<Definition> definitions, RandomChanges changes, Counts counts) {
        this.arena = arena;
        this.batch = batch;
        this.alive = new ArrayList<>(definitions);
        this.changes = changes;
        this.counts = counts;
        this.dice = new Dice(definitions.size());
        this.initial = changes.initial();
    }

    /** Creates everything, changes and refreshes it some times, and drops it. */
    Map<Definition, Failed> rounds(int first, int rounds) throws Throwable {
        long started = System.nanoTime();
        arena.close();
        arena.open(batch.schema(), initial);
        create();
        System.out.printf("%d created after %d s%n", alive.size(), (System.nanoTime() - started) / 1_000_000_000);
        for (int round = 0; round < rounds; round++) {
            int transactions = 2 + (round + first) % 3;
            for (int i = 0; i < transactions; i++) {
                Step.Transaction transaction = new Step.Transaction(changes.transaction(), changes.undone());
                arena.client().transaction(transaction.statements(), transaction.undone());
                steps.add(transaction);
            }
            refresh(round == rounds - 1);
        }
        System.out.printf("refreshed %d times after %d s%n", rounds, (System.nanoTime() - started) / 1_000_000_000);
        arena.close();
        return failures;
    }

    private void create() throws SQLException {
        arena.create("random_stream", RandomSchema.STREAM).ifPresent(RandomRun::unexpected);
        arena.initialized();
        int level = 0;
        int created = 0;
        for (Definition definition : List.copyOf(alive)) {
            if (definition.level() != level || created++ % CREATED_AT_ONCE == 0) {
                arena.initialized();
                level = definition.level();
            }
            if (alive.contains(definition)) {
                fail(definition, arena.create(definition.table(), definition.sql()));
            }
        }
        arena.initialized();
        for (Definition definition : List.copyOf(alive)) {
            if (alive.contains(definition)) {
                fail(definition, arena.filled(definition));
            }
            if (alive.contains(definition)) {
                boolean differential = arena.differential(definition);
                counts.differential += differential ? 1 : 0;
                counts.full += differential ? 0 : 1;
                counts.depths.merge(batch.depth(definition), 1, Integer::sum);
            }
        }
    }

    private static void unexpected(Mismatch mismatch) {
        throw new IllegalStateException("random_stream " + mismatch);
    }

    private void refresh(boolean all) throws Throwable {
        steps.add(new Step.Refresh());
        Set<Definition> chosen =
                alive.stream().filter(definition -> all || !dice.once(3)).collect(Collectors.toSet());
        if (all || !dice.once(3)) {
            arena.refresh(List.of("random_stream"))
                    .values()
                    .forEach(result -> result.mismatch().ifPresent(RandomRun::unexpected));
        }
        for (int i = 1; i <= LEVELS + 1; i++) {
            int level = i % (LEVELS + 1);
            List<Definition> now = alive.stream()
                    .filter(definition -> definition.level() == level && chosen.contains(definition))
                    .toList();
            Map<String, Arena.Result> results =
                    arena.refresh(now.stream().map(Definition::table).toList());
            for (Definition definition : now) {
                Arena.Result result = results.get(definition.table());
                if (result != null && alive.contains(definition)) {
                    counts.refreshes++;
                    counts.changed += result.report().changedRows() ? 1 : 0;
                    counts.refreshedInFull += result.report().mode().equals("FULL") ? 1 : 0;
                    fail(definition, result.mismatch().or(() -> compared(definition)));
                }
            }
        }
    }

    private Optional<Mismatch> compared(Definition definition) {
        try {
            return arena.compare(definition);
        } catch (SQLException e) {
            return Optional.of(new Mismatch("not compared " + e.getSQLState(), String.valueOf(e.getMessage())));
        }
    }

    /** Takes out of the game what is wrong, and what reads it. */
    private void fail(Definition definition, Optional<Mismatch> mismatch) throws SQLException {
        if (mismatch.isEmpty()) {
            return;
        }
        failures.put(definition, new Failed(mismatch.get(), initial, List.copyOf(steps)));
        System.out.println("FAILED " + definition.table() + " " + mismatch.get());
        List<Definition> lost = alive.stream()
                .filter(other -> batch.below(other).contains(definition))
                .toList();
        for (int i = lost.size() - 1; i >= 0; i--) {
            String table = lost.get(i).table();
            if (!arena.client()
                    .rows("SELECT 1 FROM runnel.stream_tables WHERE table_name = '" + table + "'")
                    .isEmpty()) {
                arena.drop(table);
            }
            alive.remove(lost.get(i));
        }
    }
}
