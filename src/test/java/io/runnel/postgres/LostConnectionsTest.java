package io.runnel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import io.runnel.fault.FaultProxy;
import io.runnel.postgres.LostConnections.Limits;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.sqlclient.Pool;
import io.vertx.sqlclient.PoolOptions;
import io.vertx.sqlclient.Row;
import io.vertx.sqlclient.RowSet;
import io.vertx.sqlclient.SqlConnection;
import jakarta.inject.Inject;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A network that says nothing any more does not keep anybody waiting for ever. {@code FaultInjectionIT} has whole services. */
@QuarkusTest
class LostConnectionsTest {

    private static final Limits SHORT =
            new Limits(Duration.ofSeconds(1), Duration.ofMillis(300), Duration.ofMillis(500));
    private static final int WAIT_SECONDS = 10;

    @Inject
    DataSource database;

    @ConfigProperty(name = "quarkus.datasource.reactive.url")
    String url;

    @ConfigProperty(name = "quarkus.datasource.username")
    String user;

    @ConfigProperty(name = "quarkus.datasource.password")
    Optional<String> password;

    private final Vertx vertx = Vertx.vertx();
    private FaultProxy proxy;
    private Pool pool;

    @BeforeEach
    void connect() throws Exception {
        URI address = URI.create(url.replaceFirst("^vertx-reactive:", ""));
        proxy = new FaultProxy(address.getHost(), address.getPort());
        PgConnectOptions options = new PgConnectOptions()
                .setHost("localhost")
                .setPort(proxy.port())
                .setDatabase(address.getPath().substring(1))
                .setUser(user)
                .setPassword(password.orElse(""));
        LostConnections lost = new LostConnections(vertx, options, SHORT);
        pool = PgBuilder.pool()
                .with(new PoolOptions().setMaxSize(1))
                .connectingTo(options)
                .using(vertx)
                .withConnectHandler(connection -> Connections.settle(connection, Optional.of(lost)))
                .build();
    }

    @AfterEach
    void disconnect() throws Exception {
        proxy.close();
        await(vertx.close());
    }

    @Test
    void statement_that_takes_long_is_waited_for() throws Exception {
        assertThat(first("SELECT 1 AS answer FROM pg_sleep(1.5)")).isEqualTo(1);
    }

    @Test
    void connection_whose_backend_is_gone_fails_what_waits_and_another_one_is_made() throws Exception {
        SqlConnection connection = await(pool.getConnection());
        int backend = await(connection.query("SELECT pg_backend_pid()").execute())
                .iterator()
                .next()
                .getInteger(0);
        proxy.blackhole();
        Future<RowSet<Row>> waiting = connection.query("SELECT 1").execute();
        try (SqlClient client = new SqlClient(database)) {
            client.run("SELECT pg_terminate_backend(" + backend + ")");
        }
        assertThat(waiting.isComplete()).isFalse();
        proxy.heal();
        assertThatThrownBy(() -> await(waiting)).isInstanceOf(ExecutionException.class);
        await(connection.close());
        assertThat(first("SELECT 2")).isEqualTo(2);
    }

    @Test
    void connection_that_cannot_be_made_leaves_its_place_to_the_next() throws Exception {
        proxy.blackhole();
        assertThatThrownBy(() -> first("SELECT 1")).isInstanceOf(ExecutionException.class);
        proxy.heal();
        assertThat(first("SELECT 2")).isEqualTo(2);
    }

    private int first(String query) throws Exception {
        return await(pool.query(query).execute()).iterator().next().getInteger(0);
    }

    private static <T> T await(Future<T> future) throws Exception {
        return future.toCompletionStage().toCompletableFuture().get(WAIT_SECONDS, TimeUnit.SECONDS);
    }
}
