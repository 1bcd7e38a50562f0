package io.runnel.postgres;

import io.quarkus.reactive.pg.client.PgPoolCreator;
import io.vertx.pgclient.PgBuilder;
import io.vertx.pgclient.PgConnectOptions;
import io.vertx.sqlclient.Pool;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;

/**
 * Makes connections keep their prepared statements: the driver keeps short ones only unless it is told otherwise, and what
 * the service asks before a refresh is long. Those of refreshes themselves are {@link PreparedStatements}.
 */
@ApplicationScoped
class Pools implements PgPoolCreator {

    private static final String APPLICATION_NAME = "application_name";
    private static final String DRIVERS_OWN = "vertx-pg-client";

    private final Instance instance;

    Pools(Instance instance) {
        this.instance = instance;
    }

    @Override
    public Pool create(Input input) {
        input.pgConnectOptionsList()
                .forEach(options -> named(options)
                        .setTcpKeepAlive(true)
                        .setPreparedStatementCacheMaxSize(PreparedStatements.MAX)
                        .setPreparedStatementCacheSqlFilter(sql -> sql.length() <= PreparedStatements.LENGTH_MAX));
        // Of several servers the one that serves a connection could not be found to be asked.
        Optional<LostConnections> lost = input.pgConnectOptionsList().size() == 1
                ? Optional.of(new LostConnections(
                        input.vertx(), input.pgConnectOptionsList().get(0), LostConnections.LIMITS))
                : Optional.empty();
        return PgBuilder.pool()
                .with(input.poolOptions())
                .connectingTo(List.copyOf(input.pgConnectOptionsList()))
                .using(input.vertx())
                .withConnectHandler(connection -> Connections.settle(connection, lost))
                .build();
    }

    private PgConnectOptions named(PgConnectOptions options) {
        String given = options.getProperties().getOrDefault(APPLICATION_NAME, DRIVERS_OWN);
        options.addProperty(APPLICATION_NAME, instance.applicationName(given.equals(DRIVERS_OWN) ? "" : given));
        return options;
    }
}
