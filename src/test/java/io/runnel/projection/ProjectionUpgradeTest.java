package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.SqlClient;
import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.SQLException;
import java.util.stream.IntStream;
import org.flywaydb.core.Flyway;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Projections that were there before projections had workers go on where they were, under a service that is no superuser. */
class ProjectionUpgradeTest {

    private static EmbeddedPostgres server;

    @BeforeAll
    static void start() throws IOException, SQLException {
        server = EmbeddedPostgres.start();
        try (SqlClient administrator = session("postgres")) {
            administrator.run("CREATE ROLE service LOGIN; CREATE ROLE app LOGIN; GRANT app TO service");
            administrator.run(
                    "GRANT CREATE ON DATABASE postgres TO service, app; CREATE SCHEMA shop AUTHORIZATION app");
            administrator.run("GRANT USAGE ON SCHEMA shop TO service");
        }
    }

    @AfterAll
    static void stop() throws IOException {
        server.close();
    }

    private static SqlClient session(String role) throws SQLException {
        SqlClient session = new SqlClient(server.getDatabase(role, "postgres"));
        session.run("SET search_path = shop, public; SET client_min_messages = error");
        return session;
    }

    private static void migrate(String target) {
        Flyway.configure()
                .dataSource(server.getDatabase("service", "postgres"))
                .defaultSchema("runnel_internal")
                .locations("classpath:db/migration")
                .target(target)
                .load()
                .migrate();
    }

    private static void batch(SqlClient service, String more) throws SQLException {
        service.run(
                "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT runnel_internal.run_projection(id, 9223372036854775807"
                        + more + ") FROM runnel_internal.projection WHERE name = 'copier'; COMMIT");
    }

    @Test
    void projection_goes_on_with_its_late_events_its_dead_letters_and_its_replay() throws SQLException {
        migrate("11");
        try (SqlClient app = session("app");
                SqlClient service = session("service");
                SqlClient open = session("app")) {
            app.run("CREATE TABLE log (position bigserial PRIMARY KEY, entity int, amount int)");
            app.run("CREATE TABLE lost (position bigserial PRIMARY KEY)");
            app.run(
                    "CREATE TABLE copied (sequence bigserial, position bigint, entity int, amount int CHECK (amount > 0))");
            app.run("GRANT SELECT, TRIGGER ON log, lost TO service");
            app.run("SELECT runnel.create_projection('copier', 'log', 'position', entity_column => 'entity',"
                    + " failure_policy => 'DEAD_LETTER', batch_size => 10,"
                    + " default_handler => 'INSERT INTO copied (position, entity, amount) VALUES (event.*)')");
            app.run("SELECT runnel.create_projection('lost', 'lost', 'position', default_handler => 'SELECT 1')");
            app.run("SELECT runnel.create_projection('writer', 'log', 'position', mode => 'SYNCHRONOUS',"
                    + " default_handler => 'SELECT 1')");
            app.run("DROP TABLE lost CASCADE");
            open.run("BEGIN; INSERT INTO log (position, entity, amount) VALUES (20, 2, 1)");
            app.run("INSERT INTO log (position, entity, amount) SELECT i, i % 7, CASE i WHEN 5 THEN 0 ELSE i END"
                    + " FROM generate_series(1, 40) AS i WHERE i <> 20");
            for (int i = 0; i < 3; i++) {
                batch(service, "");
            }
            assertThat(service.rows(
                            "SELECT checkpoint FROM runnel_internal.projection_state JOIN runnel_internal.projection"
                                    + " ON id = projection_id WHERE name = 'copier'"))
                    .containsExactly("31");
            app.run("SELECT runnel.replay_projection('copier', from_position => 1)");
            batch(service, "");
            open.run("COMMIT");
            migrate("12");
            assertThat(app.rows(
                            "SELECT name, last_processed_position, workers, events_handled, dead_letters FROM runnel.projections"
                                    + " WHERE name = 'copier'"))
                    .containsExactly("copier|31|1|36|4");
            assertThat(app.rows("SELECT status, at_position, events_handled FROM runnel.projection_replays"))
                    .containsExactly("RUNNING|11|10");
            app.run("TRUNCATE copied");
            for (int i = 0; i < 8; i++) {
                batch(service, "");
            }
            assertThat(app.rows("SELECT status, events_handled FROM runnel.projection_replays"))
                    .containsExactly("FINISHED|27");
            assertThat(app.rows("SELECT position FROM copied WHERE position = 20 OR position > 31 ORDER BY position"))
                    .containsExactly("20", "20", "32", "34", "35", "36", "37", "38", "39");
            app.run("SELECT runnel.alter_projection('copier', workers => 4)");
            app.run("INSERT INTO log (position, entity, amount) SELECT i, i % 7, i FROM generate_series(41, 80) AS i");
            for (int worker : IntStream.range(0, 12).map(i -> i % 4).toArray()) {
                batch(service, ", NULL, " + worker);
            }
            assertThat(app.rows(
                            "SELECT position FROM copied WHERE position > 40 GROUP BY position HAVING count(*) <> 1"))
                    .isEmpty();
            assertThat(app.rows("SELECT count(*) FROM copied WHERE position > 40"))
                    .isEqualTo(app.rows("SELECT count(*) FROM log WHERE position > 40 AND entity <> 5"));
            service.run(
                    "SELECT runnel_internal.run_projection(id, 0) FROM runnel_internal.projection WHERE name = 'lost'");
            assertThat(app.rows("SELECT status, last_error FROM runnel.projections WHERE name = 'lost'"))
                    .containsExactly("SUSPENDED|the event log was dropped");
            app.run("SELECT runnel.pause_projection('writer'); SELECT runnel.resume_projection('writer');"
                    + " INSERT INTO log (position, entity, amount) VALUES (1000, 1, 1)");
            for (String name : app.rows("SELECT name FROM runnel.projections")) {
                app.run("SELECT runnel.drop_projection('" + name + "')");
            }
        }
    }
}
