package io.runnel.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/**
 * A projection of two services, which are killed again and again, while writers append all the time and the projection is
 * rebuilt side by side, rolled back and rebuilt anew. It prints a seed; {@code -Dcrash.seed} begins with a given one.
 */
class ProjectionCrashIT {

    private static final long SEED = Long.getLong("crash.seed", System.nanoTime());
    private static final Duration LENGTH = Duration.ofSeconds(20);
    private static final int SERVICES = 2;
    private static final int TRANSACTIONS_MAX = 100;

    /** So many that a rebuild takes seconds. */
    private static final int EVENTS_BEFORE = 20_000;

    /** What it writes depends on the order of the events of an entity, and on the salt. */
    private static final String HANDLER = """
            INSERT INTO handled VALUES (event.position, event.entity);
            INSERT INTO chains AS c VALUES (event.entity, 1, event.position, md5('salt' || event.position))
            ON CONFLICT (entity) DO UPDATE SET events = c.events + 1, last_position = excluded.last_position,
                chain = md5(c.chain || excluded.chain)""";

    private static final String TABLES = """
            CREATE TABLE handled (position bigint NOT NULL, entity int NOT NULL);
            CREATE TABLE chains (entity int PRIMARY KEY, events int NOT NULL, last_position bigint NOT NULL, chain text NOT NULL)""";

    /** The handler that is in force now, in the hands of one who is alone and takes one event after another. */
    private static final String REPLAY = """
            DO $replay$
            DECLARE
                event public.log;
            BEGIN
                FOR event IN SELECT * FROM public.log ORDER BY position LOOP
                    %s;
                END LOOP;
            END $replay$""";

    private final Random random = new Random(SEED);
    private final List<ServiceProcess> services = new ArrayList<>();
    private int kills;
    private int killsInRebuild;
    private int rebuilds;
    private int exchanges;
    private long seen;

    @Test
    void every_event_is_handled_once_and_in_order_whenever_services_are_killed() throws Exception {
        System.out.printf("crash.seed=%d%n", SEED);
        try (PostgresServer server = new PostgresServer("projection_crash", Map.of("max_prepared_transactions", "0"))) {
            DataSource database = server.createDatabase("projection_crash");
            startMissing(server);
            for (ServiceProcess service : services) {
                service.awaitReady();
            }
            try (SqlClient client = new SqlClient(database)) {
                create(client);
                strike(server, database, client);
                settle(client);
                assertComplete(client);
            } finally {
                for (ServiceProcess service : services) {
                    service.close();
                }
            }
            System.out.printf(
                    "%d kills, %d of them in a rebuild, %d rebuilds, %d exchanges%n",
                    kills, killsInRebuild, rebuilds, exchanges);
        }
    }

    private static void create(SqlClient client) throws Exception {
        client.run("CREATE TABLE log (position bigserial PRIMARY KEY, entity int NOT NULL)");
        client.run(TABLES);
        client.run("INSERT INTO log (entity) SELECT i % " + EventWriters.ENTITIES + " FROM generate_series(1, "
                + EVENTS_BEFORE + ") AS i");
        client.run("SELECT runnel.create_projection('chained', 'log', 'position', entity_column => 'entity',"
                + " batch_size => 50, targets => '{handled,chains}', default_handler => $$" + HANDLER + "$$)");
    }

    /** The first blow falls in the middle of a rebuild; what others hit is left to chance. */
    private void strike(PostgresServer server, DataSource database, SqlClient client) throws Exception {
        try (EventWriters writers = new EventWriters(database, SEED)) {
            long end = System.nanoTime() + LENGTH.toNanos();
            rebuild(client);
            client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status <> 'RUNNING' OR at_position > 0");
            kill(client);
            while (System.nanoTime() < end) {
                startMissing(server);
                awaitProgress(client);
                for (int look = random.nextInt(4); look >= 0; look--) {
                    writers.awaitMore(random.nextInt(TRANSACTIONS_MAX));
                    assertNothingDisappears(client);
                    goOnRebuilding(client);
                }
                kill(client);
            }
            startMissing(server);
            writers.awaitMore(TRANSACTIONS_MAX);
        }
    }

    /** One service or the other, whichever has the projection; sometimes both. */
    private void kill(SqlClient client) throws Exception {
        int count = random.nextInt(4) == 0 ? services.size() : 1;
        for (int i = 0; i < count; i++) {
            services.remove(random.nextInt(services.size())).kill();
            kills++;
            killsInRebuild += status(client).contains("RUNNING") ? 1 : 0;
        }
    }

    private void startMissing(PostgresServer server) throws Exception {
        while (services.size() < SERVICES) {
            services.add(ServiceProcess.launch(server.url("postgres", "projection_crash")));
        }
    }

    /** A service that is killed before it has done anything shows nothing. */
    private static void awaitProgress(SqlClient client) throws Exception {
        long before = handled(client);
        Await.until(() -> "more than " + before + " events handled", () -> handled(client) > before);
    }

    private void assertNothingDisappears(SqlClient client) throws Exception {
        long now = handled(client);
        assertThat(now).isGreaterThanOrEqualTo(seen);
        seen = now;
    }

    private static long handled(SqlClient client) throws Exception {
        return Long.parseLong(
                client.rows("SELECT coalesce(sum(events), 0) FROM chains").get(0));
    }

    private void goOnRebuilding(SqlClient client) throws Exception {
        List<String> status = status(client);
        if (status.isEmpty()) {
            rebuild(client);
        } else if (status.contains("EXCHANGED") || status.contains("ROLLED_BACK")) {
            exchanges++;
            client.run(
                    "SELECT runnel." + (random.nextBoolean() ? "roll_back_rebuild" : "finish_rebuild") + "('chained')");
        }
    }

    /** Each time with handlers that change all that there is. */
    private void rebuild(SqlClient client) throws Exception {
        rebuilds++;
        client.run("SELECT runnel.rebuild_projection('chained', side_by_side => true, default_handler => $$"
                + HANDLER.replace("salt", "salt " + rebuilds) + "$$)");
    }

    private static List<String> status(SqlClient client) throws Exception {
        return client.rows("SELECT status FROM runnel.projection_rebuilds");
    }

    private void settle(SqlClient client) throws Exception {
        if (!status(client).isEmpty()) {
            client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status IN ('EXCHANGED', 'ROLLED_BACK')");
            exchanges++;
            client.run("SELECT runnel.finish_rebuild('chained')");
        }
        client.sync("chained");
    }

    private void assertComplete(SqlClient client) throws Exception {
        String handler = client.rows("SELECT handlers -> 0 ->> 'sql' FROM runnel.projections")
                .get(0);
        client.run("CREATE SCHEMA replay");
        client.run("SET search_path = replay");
        client.run(TABLES);
        client.run(REPLAY.formatted(handler));
        client.run("RESET search_path");
        client.assertEquals("handled", "SELECT position, entity FROM log");
        client.assertEquals("handled", "SELECT * FROM replay.handled");
        client.assertEquals("chains", "SELECT * FROM replay.chains");
        assertThat(client.rows(
                        "SELECT status, consecutive_errors, dead_letters, events_handled, last_processed_position"
                                + " FROM runnel.projections"))
                .isEqualTo(client.rows("SELECT 'ACTIVE', 0, 0, count(*), max(position) FROM log"));
        assertThat(client.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'runnel\\_shadow%'"))
                .isEmpty();
        assertThat(killsInRebuild).isPositive();
        assertThat(exchanges).isPositive();
    }
}
