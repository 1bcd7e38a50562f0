package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.refresh.Refresher;
import io.smallrye.mutiny.Multi;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * Random queries under random changes: after every refresh each stream table equals its query, as bags of texts. The
 * seed is printed. {@code -Dfuzz.queries=1000 -Dfuzz.seed=7} runs more, {@code -Dfuzz.only=12} only the twelfth of a
 * seed, under the same changes.
 */
@QuarkusTest
class RandomQueryTest {

    private static final long SEED = Long.getLong("fuzz.seed", System.nanoTime() % 1_000_000);
    private static final int QUERIES = Integer.getInteger("fuzz.queries", 150);
    private static final int ONLY = Integer.getInteger("fuzz.only", -1);
    private static final int ROUNDS = Integer.getInteger("fuzz.rounds", 5);

    /** How many stream tables live at once. */
    private static final int BATCH = 150;

    /** They lock the same sources; all at once they would mostly wait for each other. */
    private static final int CREATED_AT_ONCE = 6;

    private static final int CONCURRENT = 4;
    private static final int FAILURES_MAX = 10;
    private static final int FULL_EVERY = 15;

    /** Where the grammar may put the time, and no delta rule follows it. */
    private static final List<String> REFUSED = List.of(
            "the current time may stand only in a comparison with a value of the row",
            "the condition of an outer join may compare the current time only with columns of one side");

    private static final String INITIALIZED = "SELECT WHERE NOT EXISTS (SELECT FROM runnel.stream_tables"
            + " WHERE table_name LIKE 'random%' AND status = 'INITIALIZING')";

    @Inject
    DataSource database;

    @Inject
    Refresher refresher;

    private final Map<Integer, String> queries = new TreeMap<>();
    private final List<String> failures = new ArrayList<>();
    private final List<String> log = new ArrayList<>();
    private int differential;
    private int full;

    @Test
    void every_random_query_equals_its_stream_table_after_random_changes() throws Throwable {
        System.out.println("fuzz.seed=" + SEED + " fuzz.queries=" + QUERIES);
        for (int first = 0; first < QUERIES && failures.size() < FAILURES_MAX; first += BATCH) {
            if (ONLY < 0 || (ONLY >= first && ONLY < first + BATCH)) {
                batch(first, Math.min(QUERIES, first + BATCH));
            }
        }
        System.out.println("random queries: " + differential + " differential, " + full + " in full");
        assertThat(failures).isEmpty();
        assertThat(differential).isGreaterThanOrEqualTo(full);
    }

    private void batch(int first, int end) throws Throwable {
        long started = System.nanoTime();
        queries.clear();
        log.clear();
        RandomChanges changes = new RandomChanges(SEED * 31 + first);
        try (Client client = new Client(database)) {
            for (String statement : RandomSchema.CREATE) {
                client.run(statement);
            }
            apply(client, changes.initial(), false);
            create(client, "random_stream", RandomSchema.STREAM);
            client.await("SELECT FROM runnel.stream_tables WHERE table_name = 'random_stream' AND status = 'ACTIVE'");
            for (int i = first; i < end; i++) {
                if (ONLY < 0 || ONLY == i) {
                    createRandom(client, i);
                }
                if (queries.size() % CREATED_AT_ONCE == 0) {
                    client.await(INITIALIZED);
                }
            }
            initialized(client);
            System.out.printf("%d created after %d s%n", queries.size(), (System.nanoTime() - started) / 1_000_000_000);
            for (int round = 0; round < ROUNDS; round++) {
                int transactions = 1 + (round + first) % 3;
                for (int i = 0; i < transactions; i++) {
                    apply(client, changes.transaction(), changes.undone());
                }
                refreshed(client);
            }
            System.out.printf("refreshed %d times after %d s%n", ROUNDS, (System.nanoTime() - started) / 1_000_000_000);
            for (int i : queries.keySet()) {
                client.run("SELECT runnel.drop_stream_table('random_q" + i + "')");
            }
            client.run("SELECT runnel.drop_stream_table('random_stream')");
            for (String statement : RandomSchema.DROP) {
                client.run(statement);
            }
        }
    }

    private void apply(Client client, List<String> statements, boolean undone) throws SQLException {
        log.addAll(statements);
        log.add(undone ? "ROLLBACK" : "COMMIT");
        client.transaction(statements, undone);
    }

    private static void create(Client client, String name, String query) throws SQLException {
        client.run("SELECT runnel.create_stream_table('" + name + "', $query$" + query + "$query$, 'manual')");
    }

    private void createRandom(Client client, int number) throws SQLException {
        boolean inFull = number % FULL_EVERY == FULL_EVERY - 1;
        long seed = SEED * 1_000_003 + number;
        String query = inFull ? RandomQuery.full(seed) : RandomQuery.differential(seed);
        try {
            create(client, "random_q" + number, query);
            queries.put(number, query);
        } catch (SQLException e) {
            failures.add(
                    "query " + number + " of seed " + SEED + " cannot be created: " + e.getMessage() + "\n" + query);
        }
    }

    private void initialized(Client client) throws SQLException {
        client.await(INITIALIZED);
        for (int number : List.copyOf(queries.keySet())) {
            boolean wanted = number % FULL_EVERY != FULL_EVERY - 1;
            String state = client.rows(
                            "SELECT status || ' ' || coalesce(effective_mode, '') || ' ' || coalesce(full_reason, '')"
                                    + " || ' ' || coalesce(last_error, '') FROM runnel.stream_tables WHERE table_name = 'random_q"
                                    + number + "'")
                    .get(0);
            boolean refused = REFUSED.stream().anyMatch(reason -> state.startsWith("ACTIVE FULL " + reason));
            if (!refused && !state.startsWith(wanted ? "ACTIVE DIFFERENTIAL" : "ACTIVE FULL")) {
                fail(client, number, state);
            } else if (wanted && !refused) {
                differential++;
            } else {
                full++;
            }
        }
        compare(client);
    }

    private void refreshed(Client client) throws Throwable {
        refresh(client, List.of("random_stream"));
        refresh(
                client,
                queries.keySet().stream().map(number -> "random_q" + number).toList());
        compare(client);
    }

    private void refresh(Client client, List<String> tables) throws Throwable {
        Map<Long, String> ids = new LinkedHashMap<>();
        for (String row : client.rows("SELECT id || ' ' || table_name FROM runnel_internal.stream_table")) {
            String[] parts = row.split(" ", 2);
            if (tables.contains(parts[1])) {
                ids.put(Long.parseLong(parts[0]), parts[1]);
            }
        }
        List<String> failed = VertxContextSupport.subscribeAndAwait(() -> Multi.createFrom()
                .iterable(ids.keySet())
                .onItem()
                .transformToUni(id -> refresher
                        .refresh(id)
                        .replaceWith("")
                        .onFailure()
                        .recoverWithItem(thrown -> ids.get(id) + " " + thrown))
                .merge(CONCURRENT)
                .filter(text -> !text.isEmpty())
                .collect()
                .asList());
        for (String text : failed) {
            fail(client, Integer.parseInt(text.substring("random_q".length()).split(" ", 2)[0]), text);
        }
    }

    private void compare(Client client) throws SQLException {
        for (Map.Entry<Integer, String> query : new TreeMap<>(queries).entrySet()) {
            String table = "random_q" + query.getKey();
            List<String> differences = client.differences(table, client.atItsMoment(table, query.getValue()));
            if (!differences.isEmpty()) {
                fail(client, query.getKey(), String.join("\n", differences));
            }
        }
    }

    /** Reports a query and takes it out of the game. */
    private void fail(Client client, int number, String what) throws SQLException {
        String query = queries.remove(number);
        String report = "query " + number + " of seed " + SEED + ": " + what + "\n" + query;
        failures.add(report);
        System.out.println("FAILED " + report + "\nafter\n" + String.join(";\n", log) + ";");
        client.run("SELECT runnel.drop_stream_table('random_q" + number + "')");
    }
}
