package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.refresh.Refresher;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** A change that is lost on purpose is found, and the scenario in which it is made small. */
@QuarkusTest
class ShrinkingTest {

    private static final String LOSE_DELETED_ROWS = """
            DO $$ DECLARE buffer regclass; BEGIN
              FOR buffer IN SELECT c.oid::regclass FROM pg_class AS c
                WHERE c.relnamespace = 'runnel_internal'::regnamespace AND c.relname ~ '^changes_[0-9]+$' AND c.relkind = 'r'
              LOOP
                EXECUTE format('DELETE FROM %s WHERE weight = -1', buffer);
              END LOOP;
            END $$""";

    @Inject
    DataSource database;

    @Inject
    Refresher refresher;

    @Test
    void scenario_with_a_lost_change_becomes_small() throws Throwable {
        RandomBatch batch = new RandomBatch(new RandomSchema(new Dice(5)));
        for (int i = 0; i < 30; i++) {
            batch.add(5_000_015 + i, i);
        }
        RandomChanges changes = new RandomChanges(5, batch.schema());
        List<String> initial = changes.initial();
        List<Step> steps = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            steps.add(new Step.Transaction(changes.transaction(), changes.undone()));
            steps.add(new Step.Refresh());
        }
        try (Client client = new Client(database)) {
            Arena arena = new Arena(client, refresher);
            RandomTrial sabotaged = new RandomTrial(arena, List.of(LOSE_DELETED_ROWS));
            RandomTrial honest = new RandomTrial(arena, List.of());
            int found = 0;
            for (int i = 12; i < 30 && found == 0; i++) {
                Definition top = batch.definitions().get(i);
                Scenario scenario = new Scenario(batch.of(top), top, initial, steps);
                String kind = sabotaged.run(scenario);
                if (kind.equals(Mismatch.DIFFERENT) && top.sql().length() > 200) {
                    found++;
                    Scenario smallest = Shrinker.shrink(scenario, sabotaged, 60);
                    assertThat(sabotaged.run(smallest)).isEqualTo(kind);
                    assertThat(honest.run(smallest)).isEmpty();
                    assertThat(smallest.initial().size() + smallest.steps().size())
                            .isLessThan(7);
                    assertThat(smallest.top().sql().length())
                            .as("%s", smallest)
                            .isLessThan(top.sql().length());
                }
            }
            assertThat(found).isEqualTo(1);
            arena.close();
        }
    }
}
