package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What random queries are made of. */
class GrammarTest {

    private static final int QUERIES = 3000;

    /** So that each is reached in a run of thousands, and most in one of hundreds. */
    private static final int EACH = 8;

    private static RandomBatch batch(long seed, int queries) {
        RandomBatch batch = new RandomBatch(new RandomSchema(new Dice(seed)));
        IntStream.range(0, queries).forEach(i -> batch.add(seed * 1_000_003 + i, i));
        return batch;
    }

    @Test
    void grammar_reaches_every_construct() {
        Constructs constructs = new Constructs();
        for (int i = 0; i < QUERIES / 150; i++) {
            batch(i, 150).definitions().forEach(definition -> constructs.add(definition.sql()));
        }
        System.out.println(constructs);
        assertThat(constructs.below(EACH)).isEqualTo(List.of());
    }

    @Test
    void stream_tables_read_stream_tables_three_deep() {
        RandomBatch batch = batch(1, 40);
        List<Integer> depths = batch.definitions().stream().map(batch::depth).toList();
        assertThat(depths.subList(10, 15)).allMatch(depth -> depth >= 3);
        assertThat(batch.below(batch.definitions().get(12))).hasSizeGreaterThanOrEqualTo(3);
    }

    @Test
    void choices_make_the_same_query_again() {
        RandomBatch batch = batch(7, 60);
        RandomBatch again = new RandomBatch(batch.schema());
        assertThat(batch.definitions())
                .allMatch(definition ->
                        again.add(definition.number(), definition.choices()).equals(definition));
    }

    @Test
    void no_choices_make_the_simplest_query() {
        RandomBatch batch = new RandomBatch(new RandomSchema(new Dice(List.of())));
        assertThat(batch.add(0, List.of()).sql()).isEqualTo("SELECT r0.id AS c0\nFROM random_keyed r0");
    }
}
