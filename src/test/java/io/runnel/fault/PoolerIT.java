package io.runnel.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.runnel.SqlClient;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** PgBouncer between the service and its database; needs {@code pgbouncer} to be installed. */
class PoolerIT {

    @Test
    void a_pooler_of_transactions_is_refused_and_one_of_sessions_is_not() throws Exception {
        Optional<Path> program = Stream.of("/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer")
                .map(Path::of)
                .filter(Files::isExecutable)
                .findFirst();
        assumeTrue(program.isPresent(), "pgbouncer is not installed");
        try (PostgresServer server = new PostgresServer("pooled", Map.of("max_prepared_transactions", "0"))) {
            server.createDatabase("pooled");
            try (Pooler pooler = new Pooler(program.get(), server, "transaction");
                    ServiceProcess refused = ServiceProcess.launch(pooler.url())) {
                refused.awaitExit();
                assertThat(refused.lines()).anyMatch(line -> line.contains("pool_mode = session"));
            }
            try (SqlClient client = new SqlClient(server.database("pooled"))) {
                assertThat(client.rows("SELECT FROM pg_namespace WHERE nspname = 'runnel'"))
                        .isEmpty();
                try (Pooler pooler = new Pooler(program.get(), server, "session");
                        ServiceProcess service = ServiceProcess.launch(pooler.url())) {
                    service.awaitReady();
                    Orders.create(client);
                    client.run("SELECT runnel.create_stream_table('totals', '" + Orders.TOTALS + "')");
                    client.assertSyncedEquals("totals", Orders.TOTALS);
                }
            }
        }
    }

    private static final class Pooler implements AutoCloseable {
        private final Process process;
        private final int port;

        Pooler(Path program, PostgresServer server, String mode) throws Exception {
            try (ServerSocket free = new ServerSocket(0)) {
                port = free.getLocalPort();
            }
            Path settings = Files.createTempFile("pgbouncer", ".ini");
            String database = server.address("pooled");
            Files.write(
                    settings,
                    List.of(
                            "[databases]",
                            "pooled = host=localhost user=postgres port="
                                    + database.substring(database.lastIndexOf(':') + 1, database.lastIndexOf('/')),
                            "[pgbouncer]",
                            "listen_addr = localhost",
                            "listen_port = " + port,
                            "auth_type = any",
                            "pool_mode = " + mode,
                            "default_pool_size = 60",
                            "ignore_startup_parameters = extra_float_digits"));
            settings.toFile().setReadable(true, false);
            process = new ProcessBuilder(program.toString(), "-u", "nobody", settings.toString())
                    .inheritIO()
                    .start();
        }

        String url() {
            return "postgres://postgres:postgres@localhost:" + port + "/pooled";
        }

        @Override
        public void close() throws Exception {
            process.destroy();
            process.waitFor();
        }
    }
}
