package io.runnel.refresh.random;

import java.sql.SQLException;
import java.util.List;
import java.util.Optional;

/** Runs a scenario on tables of its own. */
final class RandomTrial implements Shrinker.Trial {

    private final Arena arena;
    private final List<String> sabotage;

    /** @param sabotage statements before each refresh, to see that something wrong is found */
    RandomTrial(Arena arena, List<String> sabotage) {
        this.arena = arena;
        this.sabotage = List.copyOf(sabotage);
    }

    @Override
    public String run(Scenario scenario) throws Throwable {
        return mismatch(scenario).map(Mismatch::kind).orElse("");
    }

    Optional<Mismatch> mismatch(Scenario scenario) throws Throwable {
        arena.close();
        arena.open(scenario.batch().schema(), scenario.initial());
        List<Definition> needed = scenario.batch().below(scenario.top());
        Optional<Mismatch> found = created(scenario.top(), needed);
        for (Step step : scenario.steps()) {
            if (found.isEmpty()) {
                found = step instanceof Step.Transaction transaction
                        ? changed(transaction)
                        : refreshed(scenario.top(), needed);
            }
        }
        return found;
    }

    private Optional<Mismatch> created(Definition top, List<Definition> needed) throws SQLException {
        Optional<Mismatch> found = Optional.empty();
        if (needed.stream().anyMatch(definition -> definition.reads("random_stream"))) {
            found = arena.create("random_stream", RandomSchema.STREAM);
            arena.initialized();
        }
        for (Definition definition : needed) {
            Optional<Mismatch> mismatch = arena.create(definition.table(), definition.sql());
            if (mismatch.isPresent()) {
                return definition.equals(top) ? mismatch : Optional.of(new Mismatch("one below", mismatch.toString()));
            }
            arena.initialized();
        }
        return found.isPresent() ? found : arena.filled(top);
    }

    private Optional<Mismatch> changed(Step.Transaction transaction) throws SQLException {
        arena.client().transaction(transaction.statements(), transaction.undone());
        return Optional.empty();
    }

    private Optional<Mismatch> refreshed(Definition top, List<Definition> needed) throws Throwable {
        for (String statement : sabotage) {
            arena.client().run(statement);
        }
        Arena.Result stream = arena.refresh(List.of("random_stream")).get("random_stream");
        Optional<Mismatch> found = stream == null ? Optional.empty() : stream.mismatch();
        for (Definition definition : needed) {
            Arena.Result result = arena.refresh(List.of(definition.table())).get(definition.table());
            if (definition.equals(top) && result != null) {
                found = result.mismatch();
            }
        }
        return found.isPresent() ? found : arena.compare(top);
    }
}
