package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Stream tables under concurrent writers of every kind. The service compares each refresh with the query at the
 * refresh's own snapshot ({@code runnel.refresh.verify}) and suspends the table if they differ; at the end each table is
 * compared once more. The seed is printed; give {@code -Dexactness.seed} and {@code -Dexactness.seconds} to repeat or to
 * run longer.
 */
@QuarkusTest
class ExactnessTest {

    private static final long SEED = Long.getLong("exactness.seed", System.nanoTime());
    private static final int SECONDS = Integer.getInteger("exactness.seconds", 12);
    private static final int WRITERS = 4;

    @Inject
    DataSource database;

    @Test
    void every_refresh_equals_the_query_at_its_own_snapshot_under_concurrent_writers() throws Exception {
        System.out.println("exactness.seed=" + SEED);
        ExactnessTables tables = new ExactnessTables(database);
        tables.create();
        long end = System.nanoTime() + SECONDS * 1_000_000_000L;
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Future<Integer>> writers = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Callable<Integer> writer = new Writer(database, new Random(SEED + i), end, i);
            writers.add(threads.submit(writer));
        }
        int transactions = 0;
        for (Future<Integer> writer : writers) {
            transactions += writer.get();
        }
        threads.shutdown();
        assertThat(transactions).isGreaterThan(10);
        tables.assertEqual();
        tables.drop();
    }
}
