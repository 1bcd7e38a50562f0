package io.runnel.refresh.random;

import java.util.List;
import java.util.stream.Collectors;

/**
 * A stream table, those below it, and what happens to their sources.
 *
 * @param initial statements before anything else
 */
record Scenario(RandomBatch batch, Definition top, List<String> initial, List<Step> steps) {

    Scenario {
        initial = List.copyOf(initial);
        steps = List.copyOf(steps);
    }

    Scenario with(List<Step> fewer) {
        return new Scenario(batch, top, initial, fewer);
    }

    /** All that is needed to see it again. */
    @Override
    public String toString() {
        String queries = batch.below(top).stream()
                .map(definition -> "-- " + definition.table() + "\n" + definition.sql() + ";")
                .collect(Collectors.joining("\n"));
        String schema = String.join(";\n", batch.schema().create());
        return schema + ";\n" + String.join(";\n", initial) + ";\n" + queries + "\n"
                + steps.stream().map(Step::toString).collect(Collectors.joining("\n"));
    }
}
