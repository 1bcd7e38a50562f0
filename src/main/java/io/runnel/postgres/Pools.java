package io.runnel.postgres;

import io.quarkus.reactive.pg.client.PgPoolCreator;
import io.vertx.pgclient.PgBuilder;
import io.vertx.sqlclient.Pool;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/**
 * Makes connections keep their prepared statements. The driver keeps short ones only unless it is told otherwise, and
 * those of a differential refresh, which are long and take longer to plan than to run for a few changes, would be planned
 * each time.
 */
@ApplicationScoped
class Pools implements PgPoolCreator {

    /** How many statements one connection keeps prepared; the plan of a long one takes up to 1 MB of the server. */
    static final int PREPARED_STATEMENTS_MAX = 40;

    /** Longer ones are prepared each time. */
    static final int PREPARED_STATEMENT_LENGTH_MAX = 200_000;

    @Override
    public Pool create(Input input) {
        input.pgConnectOptionsList()
                .forEach(options -> options.setTcpKeepAlive(true)
                        .setPreparedStatementCacheMaxSize(PREPARED_STATEMENTS_MAX)
                        .setPreparedStatementCacheSqlFilter(sql -> sql.length() <= PREPARED_STATEMENT_LENGTH_MAX));
        return PgBuilder.pool()
                .with(input.poolOptions())
                .connectingTo(List.copyOf(input.pgConnectOptionsList()))
                .using(input.vertx())
                .withConnectHandler(Connections::settle)
                .build();
    }
}
