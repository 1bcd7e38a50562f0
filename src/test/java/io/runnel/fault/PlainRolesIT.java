package io.runnel.fault;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The service is no superuser, and acts for a role that owns nothing but its tables. */
class PlainRolesIT {

    private static PostgresServer server;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("plain_roles", Map.of());
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @Test
    void every_kind_of_read_model_is_made_and_kept_without_superuser() throws Exception {
        DataSource database = server.createDatabase("plain");
        try (SqlClient client = new SqlClient(database)) {
            client.run("CREATE ROLE runnel LOGIN PASSWORD 'postgres'");
            client.run("CREATE ROLE application");
            client.run("GRANT application TO runnel");
            client.run("GRANT CREATE ON DATABASE plain TO runnel");
            client.run("CREATE SCHEMA app AUTHORIZATION application");
            client.run("CREATE ROLE reader");
            try (ServiceProcess service = ServiceProcess.launch(server.url("runnel", "plain"))) {
                service.awaitReady();
                client.run("SET ROLE application");
                client.run("SET search_path = app");
                log(client);
                projections(client);
                streamTable(client);
                materializedView(client);
                client.run("SET ROLE reader");
                assertThat(client.rows("SELECT name FROM runnel.projections")).isEmpty();
                client.run("RESET ROLE");
            }
        }
    }

    private static void log(SqlClient client) throws SQLException {
        client.run("SELECT runnel.create_event_log('app.events', entity_type => 'text')");
        client.run("SELECT runnel.append('app.events', 'a', 'added', '{\"amount\": 3}', 0)");
        client.run("SELECT runnel.append('app.events', 'b', 'added', '{\"amount\": 4}', 0)");
        client.run("SELECT runnel.append('app.events', 'a', 'added', '{\"amount\": 5}', 1)");
    }

    private static void projections(SqlClient client) throws SQLException {
        client.run("""
                SELECT runnel.create_projection('totals', 'events', 'position', type_column => 'type', entity_column => 'entity',
                    ddl => 'CREATE TABLE totals (entity text PRIMARY KEY, total numeric NOT NULL)', targets => '{totals}',
                    handlers => jsonb_build_object('added', $$
                        INSERT INTO totals AS t VALUES (event.entity, (event.body->>'amount')::numeric)
                        ON CONFLICT (entity) DO UPDATE SET total = t.total + excluded.total$$))""");
        client.run("CALL runnel.sync('totals')");
        assertThat(client.rows("SELECT * FROM totals ORDER BY 1")).containsExactly("a|8", "b|4");
        client.run(
                "SELECT runnel.rebuild_projection('totals', side_by_side => true, handlers => jsonb_build_object('added', $$"
                        + " INSERT INTO app.totals AS t VALUES (event.entity, (event.body->>'amount')::numeric * 2)"
                        + " ON CONFLICT (entity) DO UPDATE SET total = t.total + excluded.total$$))");
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED'");
        assertThat(client.rows("SELECT * FROM totals ORDER BY 1")).containsExactly("a|16", "b|8");
        client.run("SELECT runnel.roll_back_rebuild('totals')");
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'ROLLED_BACK'");
        client.run("SELECT runnel.finish_rebuild('totals')");
        client.run("SELECT runnel.replay_projection('totals', entity => 'b')");
        client.awaitRow("SELECT FROM totals WHERE entity = 'b' AND total = 8");
        client.run("SELECT runnel.rebuild_projection('totals')");
        client.run("CALL runnel.sync('totals')");
        assertThat(client.rows("SELECT * FROM totals ORDER BY 1")).containsExactly("a|8", "b|4");
        client.run("CREATE TABLE latest (entity text PRIMARY KEY, version bigint)");
        client.run(
                "SELECT runnel.create_projection('latest', 'events', 'position', mode => 'SYNCHRONOUS', targets => '{latest}',"
                        + " default_handler => 'INSERT INTO latest VALUES (event.entity, event.version)"
                        + " ON CONFLICT (entity) DO UPDATE SET version = excluded.version')");
        client.run("SELECT runnel.append('app.events', 'a', 'added', '{\"amount\": 1}', 2)");
        assertThat(client.rows("SELECT * FROM latest ORDER BY 1")).containsExactly("a|3", "b|1");
    }

    private static void streamTable(SqlClient client) throws SQLException {
        client.run(
                "SELECT runnel.create_stream_table('grand', 'SELECT count(*) AS n, sum(total) AS total FROM totals')");
        client.run("CALL runnel.sync('grand')");
        assertThat(client.rows("SELECT * FROM grand")).containsExactly("2|13");
        client.run("SELECT runnel.append('app.events', 'c', 'added', '{\"amount\": 7}', 0)");
        client.run("CALL runnel.sync('grand')");
        assertThat(client.rows("SELECT * FROM grand")).containsExactly("3|20");
    }

    private static void materializedView(SqlClient client) throws SQLException {
        client.run(
                "SELECT runnel.create_materialized_view('app.doubled', 'SELECT entity, total * 2 AS total FROM app.totals',"
                        + " ARRAY['1s'])");
        client.awaitRow("SELECT FROM runnel.materialized_views WHERE view_name = 'doubled' AND status = 'ACTIVE'");
        client.run("SELECT runnel.append('app.events', 'd', 'added', '{\"amount\": 2}', 0)");
        client.awaitRow("SELECT FROM runnel.materialized_views WHERE view_name = 'doubled' AND last_error IS NULL");
        client.run("SELECT runnel.refresh_materialized_view('app.doubled')");
        for (int i = 0;
                client.rows("SELECT FROM doubled WHERE entity = 'd' AND total = 4")
                        .isEmpty();
                i++) {
            assertThat(i).as("seconds / 10").isLessThan(300);
            client.run("SELECT pg_sleep(0.1)");
        }
    }
}
