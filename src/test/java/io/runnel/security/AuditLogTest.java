package io.runnel.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who has changed what. */
@QuarkusTest
class AuditLogTest {

    private static final String LATEST = "SELECT action, kind, name, caller IS NOT NULL,"
            + " coalesce(before ->> 'schedule', before ->> 'schedules', '-'), coalesce(after ->> 'schedule', after ->> 'schedules', '-')"
            + " FROM runnel.audit_log WHERE name LIKE '%audited%' ORDER BY id";

    @Inject
    DataSource database;

    @Inject
    AuditLog log;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        clean();
        client.run("CREATE SCHEMA audited");
        client.run("CREATE TABLE audited.orders (id bigint PRIMARY KEY, amount numeric)");
    }

    @AfterEach
    void drop() throws SQLException {
        clean();
        client.close();
    }

    private void clean() throws SQLException {
        client.run("SET client_min_messages = error");
        client.run("SELECT runnel.drop_stream_table(format('%I.%I', schema_name, table_name), true)"
                + " FROM runnel.stream_tables WHERE schema_name = 'audited'");
        client.run("SELECT runnel.drop_projection(name) FROM runnel.projections WHERE name LIKE 'audited%'");
        client.run("SELECT runnel.drop_materialized_view(format('%I.%I', schema_name, view_name))"
                + " FROM runnel.materialized_views WHERE schema_name = 'audited'");
        client.run("DROP SCHEMA IF EXISTS audited CASCADE");
        client.run("DO $$ BEGIN IF to_regrole('audited_role') IS NOT NULL THEN DROP OWNED BY audited_role CASCADE;"
                + " DROP ROLE audited_role; END IF; END $$");
        client.run("DELETE FROM runnel_internal.audit_log");
    }

    @Test
    void changes_by_rest_and_by_sql_are_told_with_what_was_before_and_after() throws Exception {
        Http admin = Http.as("tests");
        assertThat(admin.send(
                                "POST",
                                "/api/v1/stream-tables",
                                "{\"name\":\"audited.t\",\"query\":\"SELECT count(*) AS n FROM audited.orders\",\"schedule\":\"1h\"}")
                        .statusCode())
                .isEqualTo(201);
        client.run("SELECT runnel.alter_stream_table('audited.t', schedule => '2h')");
        client.run("SELECT runnel.alter_stream_table('audited.t', schedule => '2h')");
        client.run("SELECT runnel.refresh_stream_table('audited.t')");
        assertThat(admin.send("DELETE", "/api/v1/stream-tables/audited.t", "").statusCode())
                .isEqualTo(204);
        assertThat(client.rows(LATEST))
                .containsExactly(
                        "CREATE|STREAM_TABLE|audited.t|t|-|1h",
                        "ALTER|STREAM_TABLE|audited.t|f|1h|2h",
                        "DROP|STREAM_TABLE|audited.t|t|2h|-");
        assertThat(client.rows(
                        "SELECT DISTINCT caller, role = current_user FROM runnel.audit_log WHERE caller IS NOT NULL"))
                .containsExactly("tests|t");
        assertThat(client.rows("SELECT after ->> 'query' FROM runnel.audit_log WHERE action = 'CREATE'"))
                .containsExactly("SELECT count(*) AS n FROM audited.orders");
        assertThat(admin.get("/api/v1/audit-log?name=audited.t&limit=1").body())
                .contains("\"action\":\"DROP\"", "\"caller\":\"tests\"", "\"before\":{")
                .doesNotContain("\"CREATE\"");
    }

    @Test
    void all_kinds_are_recorded() throws SQLException {
        client.run("SELECT runnel.create_event_log('audited.events', entity_type => 'text')");
        client.run("CREATE TABLE audited.target (n bigint)");
        client.run(
                "SELECT runnel.create_projection('audited_p', 'audited.events', 'position', targets => '{audited.target}',"
                        + " default_handler => 'INSERT INTO audited.target VALUES (event.position)')");
        client.run("SELECT runnel.pause_projection('audited_p')");
        client.run(
                "SELECT runnel.create_materialized_view('audited.v', 'SELECT count(*) AS n FROM audited.orders', '{1h}')");
        client.run("SELECT runnel.alter_materialized_view('audited.v', schedules => '{2h}')");
        client.run("SELECT runnel.drop_materialized_view('audited.v')");
        client.run("SELECT runnel.drop_projection('audited_p')");
        client.run("SELECT runnel.drop_event_log('audited.events')");
        assertThat(client.rows(
                        "SELECT action, kind, name FROM runnel.audit_log WHERE name LIKE '%audited%' ORDER BY id"))
                .containsExactly(
                        "CREATE|EVENT_LOG|audited.events",
                        "CREATE|PROJECTION|audited_p",
                        "ALTER|PROJECTION|audited_p",
                        "CREATE|MATERIALIZED_VIEW|audited.v",
                        "ALTER|MATERIALIZED_VIEW|audited.v",
                        "DROP|MATERIALIZED_VIEW|audited.v",
                        "DROP|PROJECTION|audited_p",
                        "DROP|EVENT_LOG|audited.events");
        assertThat(client.rows(
                        "SELECT after ->> 'relation', after -> 'targets' ->> 0, after ->> 'wanted' FROM runnel.audit_log"
                                + " WHERE kind = 'PROJECTION' AND action = 'ALTER'"))
                .containsExactly("audited.events|audited.target|PAUSED");
    }

    @Test
    void change_that_is_rolled_back_leaves_no_entry() throws SQLException {
        client.run("BEGIN");
        client.run("SELECT runnel.create_stream_table('audited.t', 'SELECT 1 AS a', '1h')");
        client.run("ROLLBACK");
        assertThat(client.rows(LATEST)).isEmpty();
    }

    @Test
    void roles_see_their_own_entries_and_cannot_write_any() throws SQLException {
        client.run("CREATE ROLE audited_role");
        client.run("GRANT USAGE, CREATE ON SCHEMA audited TO audited_role");
        client.run("SELECT runnel.create_stream_table('audited.mine_not', 'SELECT 1 AS a', '1h')");
        client.run("SET ROLE audited_role");
        client.run("SELECT runnel.create_stream_table('audited.mine', 'SELECT 1 AS a', '1h')");
        assertThat(client.rows("SELECT name, role FROM runnel.audit_log")).containsExactly("audited.mine|audited_role");
        for (String forgery : new String[] {
            "DELETE FROM runnel_internal.audit_log",
            "UPDATE runnel_internal.audit_log SET role = 'nobody'",
            "INSERT INTO runnel_internal.audit_log (action, kind, name, role, session_role) VALUES ('DROP', 'x', 'x', 'x', 'x')",
            "SELECT runnel_internal.prune_audit_log('0s', 0)",
            "DELETE FROM runnel.audit_log"
        }) {
            assertThatThrownBy(() -> client.run(forgery)).as(forgery).isInstanceOf(SQLException.class);
        }
        client.run("RESET ROLE");
    }

    @Test
    void old_entries_and_those_that_are_too_many_are_deleted() throws Throwable {
        client.run("INSERT INTO runnel_internal.audit_log (action, kind, name, role, session_role, changed_at)"
                + " SELECT 'ALTER', 'STREAM_TABLE', 'audited.' || i, 'x', 'x', now() - make_interval(days => i)"
                + " FROM generate_series(10, 1, -1) AS i");
        assertThat(prune(Duration.ofDays(5).plusHours(1), 1000)).isEqualTo(5);
        assertThat(prune(Duration.ofDays(100), 2)).isEqualTo(3);
        assertThat(client.rows("SELECT name FROM runnel_internal.audit_log WHERE name LIKE 'audited.%' ORDER BY id"))
                .containsExactly("audited.2", "audited.1");
    }

    private long prune(Duration keep, long rowsMax) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(() -> log.prune(keep, rowsMax));
    }
}
