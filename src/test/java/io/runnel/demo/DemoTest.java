package io.runnel.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.postgres.Database;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The demo as {@code --demo} loads it, with some of its events. */
@QuarkusTest
class DemoTest {

    private static final int EVENTS = 60;

    private static final Sql READ_MODELS = Sql.of("""
            SELECT table_name, effective_mode, status
            FROM runnel.stream_tables
            WHERE schema_name = 'demo'
            ORDER BY table_name""");

    private static final List<Sql> SYNC = List.of(
            Sql.of("CALL runnel.sync('demo.current_order_state', '30s')"),
            Sql.of("CALL runnel.sync('demo.customer_lifetime_value', '30s')"),
            Sql.of("CALL runnel.sync('demo.inventory_levels', '30s')"));

    private static final Sql TOTALS = Sql.of("""
            SELECT
                (SELECT count(*) FROM demo.current_order_state) AS orders,
                (SELECT sum(total_orders)::bigint FROM demo.customer_lifetime_value) AS customer_orders,
                (SELECT sum(orders)::bigint FROM demo.inventory_levels) AS reserved_orders,
                (SELECT count(DISTINCT order_id) FROM demo.order_events) AS placed,
                (SELECT count(DISTINCT status) FROM demo.current_order_state) AS states""");

    private static final Sql REMOVE = Sql.of("""
            SELECT runnel.drop_stream_table('demo.current_order_state');
            SELECT runnel.drop_stream_table('demo.customer_lifetime_value');
            SELECT runnel.drop_stream_table('demo.inventory_levels');
            DROP SCHEMA demo CASCADE""");

    @Inject
    Demo demo;

    @Inject
    Database database;

    @Test
    void demo_loads_twice_without_harm_and_its_read_models_follow_the_events() throws Throwable {
        await(demo.load());
        await(demo.load());
        for (int event = 0; event < EVENTS; event++) {
            await(demo.happen());
        }
        for (Sql call : SYNC) {
            await(database.session(session -> session.execute(call)));
        }

        Row totals = query(TOTALS).get(0);
        assertThat(totals.number("orders")).isGreaterThan(Demo.FIRST_ORDERS).isEqualTo(totals.number("placed"));
        assertThat(totals.number("customer_orders")).isEqualTo(totals.number("placed"));
        assertThat(totals.number("reserved_orders")).isEqualTo(totals.number("placed"));
        assertThat(totals.number("states")).isGreaterThan(2);
        assertThat(query(READ_MODELS))
                .hasSize(3)
                .allSatisfy(row -> assertThat(row.text("effective_mode")).isEqualTo("DIFFERENTIAL"))
                .allSatisfy(row -> assertThat(row.text("status")).isEqualTo("ACTIVE"));
        await(database.session(session -> session.execute(REMOVE)));
    }

    private List<Row> query(Sql sql) throws Throwable {
        return await(database.session(session -> session.query(sql)));
    }

    private static <T> T await(Uni<T> work) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(() -> work);
    }
}
