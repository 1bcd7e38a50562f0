package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.errorprone.annotations.CanIgnoreReturnValue;
import io.runnel.SqlClient;
import io.runnel.fault.Await;
import io.runnel.fault.PostgresServer;
import io.runnel.fault.ServiceProcess;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * {@link ExactnessTest} again and again, on two service processes, while one fault follows another. Each round has a seed,
 * which is printed; give {@code -Dlong.seed} to begin with it and {@code -Dlong.minutes} to say how long new rounds begin.
 */
class LongRunIT {

    private static final long SEED = Long.getLong("long.seed", System.nanoTime());
    private static final Duration LENGTH = Duration.ofMinutes(Integer.getInteger("long.minutes", 10));
    private static final Duration ROUND = Duration.ofSeconds(20);
    private static final int WRITERS = 4;
    private static final String DATABASE = "long_run";
    private static final String SERVICE =
            "datname = current_database() AND application_name NOT LIKE 'PostgreSQL JDBC%'";

    private final List<ServiceProcess> services = new ArrayList<>();
    private int faults;
    private int transactions;

    @Test
    void tables_equal_their_queries_whatever_befalls_the_service_and_the_server() throws Exception {
        long end = System.nanoTime() + LENGTH.toNanos();
        try (PostgresServer server = new PostgresServer("long", Map.of("max_prepared_transactions", "0"))) {
            DataSource database = server.createDatabase(DATABASE);
            services.add(ServiceProcess.start(server, DATABASE));
            services.add(ServiceProcess.start(server, DATABASE));
            int rounds = 0;
            while (System.nanoTime() < end) {
                long seed = SEED + rounds++;
                System.out.printf("round %d: long.seed=%d%n", rounds, seed);
                round(server, database, seed);
            }
            System.out.printf("%d rounds, %d transactions, %d faults%n", rounds, transactions, faults);
        } finally {
            for (ServiceProcess service : services) {
                service.close();
            }
        }
    }

    private void round(PostgresServer server, DataSource database, long seed) throws Exception {
        ExactnessTables tables = new ExactnessTables(database);
        tables.create();
        long end = System.nanoTime() + ROUND.toNanos();
        ExecutorService threads = Executors.newFixedThreadPool(WRITERS);
        List<Writer> writers = new ArrayList<>();
        List<Future<Integer>> running = new ArrayList<>();
        for (int i = 0; i < WRITERS; i++) {
            Writer writer = new Writer(database, new Random(seed + 1000L * i), end, i);
            writers.add(writer);
            running.add(threads.submit(writer));
        }
        Supplier<Integer> progress =
                () -> writers.stream().mapToInt(Writer::transactions).sum();
        Random random = new Random(seed);
        while (System.nanoTime() < end) {
            int wanted = progress.get() + random.nextInt(60);
            Await.until(
                    () -> progress.get() + " of " + wanted + " transactions",
                    () -> progress.get() >= wanted || System.nanoTime() >= end);
            strike(server, database, random);
            faults++;
        }
        for (Future<Integer> writer : running) {
            transactions += writer.get(1, TimeUnit.MINUTES);
        }
        threads.shutdown();
        assertThat(progress.get()).isGreaterThan(10);
        tables.assertEqual();
        tables.drop();
    }

    private void strike(PostgresServer server, DataSource database, Random random) throws Exception {
        switch (random.nextInt(8)) {
            case 0, 1 -> {
                int victim = random.nextInt(services.size());
                services.get(victim).kill();
                services.set(victim, ServiceProcess.start(server, DATABASE));
            }
            case 2 -> {
                server.crash();
                server.restart();
            }
            case 3 -> {
                server.kill(
                        Long.parseLong(rows(database, "SELECT pg_backend_pid()").get(0)));
                rows(database, "SELECT");
            }
            case 4 -> terminate(database, SERVICE);
            case 5 -> terminate(database, "application_name LIKE 'runnel listener%'");
            default -> terminate(database, SERVICE + " AND random() < 0.3");
        }
    }

    private static void terminate(DataSource database, String backends) {
        rows(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE " + backends);
    }

    /** As soon as the server accepts connections. */
    @CanIgnoreReturnValue
    private static List<String> rows(DataSource database, String query) {
        List<String> rows = new ArrayList<>();
        Await.until(() -> query, () -> {
            try (SqlClient client = new SqlClient(database)) {
                return rows.addAll(client.rows(query)) || rows.isEmpty();
            }
        });
        return rows;
    }
}
