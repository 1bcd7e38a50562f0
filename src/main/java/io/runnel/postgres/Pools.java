package io.runnel.postgres;

import io.quarkus.reactive.pg.client.PgPoolCreator;
import io.vertx.pgclient.PgBuilder;
import io.vertx.sqlclient.Pool;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/**
 * Makes connections keep their prepared statements: the driver keeps short ones only unless it is told otherwise, and what
 * the service asks before a refresh is long. Those of refreshes themselves are {@link PreparedStatements}.
 */
@ApplicationScoped
class Pools implements PgPoolCreator {

    @Override
    public Pool create(Input input) {
        input.pgConnectOptionsList()
                .forEach(options -> options.setTcpKeepAlive(true)
                        .setPreparedStatementCacheMaxSize(PreparedStatements.MAX)
                        .setPreparedStatementCacheSqlFilter(sql -> sql.length() <= PreparedStatements.LENGTH_MAX));
        return PgBuilder.pool()
                .with(input.poolOptions())
                .connectingTo(List.copyOf(input.pgConnectOptionsList()))
                .using(input.vertx())
                .withConnectHandler(Connections::settle)
                .build();
    }
}
