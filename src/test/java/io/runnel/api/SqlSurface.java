package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.flywaydb.core.Flyway;

/** A PostgreSQL with the migrations in it, run by a plain role named service, and sessions for the other roles. */
final class SqlSurface implements AutoCloseable {
    private final EmbeddedPostgres server;

    private SqlSurface(EmbeddedPostgres server) {
        this.server = server;
    }

    static SqlSurface start() throws IOException, SQLException {
        SqlSurface surface = new SqlSurface(EmbeddedPostgres.start());
        try (Session administrator = surface.session("postgres")) {
            administrator.run("CREATE ROLE service LOGIN");
            administrator.run("CREATE ROLE app LOGIN");
            administrator.run("CREATE ROLE stranger LOGIN");
            administrator.run("GRANT app TO service");
            administrator.run("GRANT CREATE ON DATABASE postgres TO service, app");
            administrator.run("GRANT CREATE ON SCHEMA public TO app, stranger");
            administrator.run("CREATE TABLE public.secret (a integer)");
        }
        Flyway.configure()
                .dataSource(surface.server.getDatabase("service", "postgres"))
                .defaultSchema("runnel_internal")
                .locations("classpath:db/migration")
                .load()
                .migrate();
        return surface;
    }

    Session session(String role) throws SQLException {
        Session session = new Session(server.getDatabase(role, "postgres").getConnection());
        session.run("SET search_path = shop, public");
        session.run("SET TimeZone = 'UTC'");
        return session;
    }

    void reset() throws SQLException {
        try (Session administrator = session("postgres")) {
            administrator.run("DELETE FROM runnel_internal.stream_table");
            administrator.run("DROP SCHEMA IF EXISTS shop CASCADE");
            administrator.run("CREATE SCHEMA shop AUTHORIZATION app");
            administrator.run("GRANT USAGE ON SCHEMA shop TO service");
            administrator.run("DELETE FROM runnel_internal.source");
            administrator.run("DROP TABLE IF EXISTS public.x");
        }
    }

    /** Does what the service does after a first fill: buffer, capture, dependency, frontier, status. */
    void pretendInitialized(Session service, String table, String source, String columns) throws SQLException {
        try (Session administrator = session("postgres")) {
            String sourceId = administrator
                    .rows("INSERT INTO runnel_internal.source (relation) VALUES ('" + source
                            + "'::regclass) RETURNING id")
                    .get(0);
            service.run("CREATE TABLE runnel_internal.changes_" + sourceId + " (xid xid8, weight smallint, " + columns
                    + ")");
            service.run("CREATE INDEX ON runnel_internal.changes_" + sourceId + " (xid)");
            service.run("CREATE FUNCTION runnel_internal.capture_" + sourceId
                    + "_insert() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
                    + " AS $$ BEGIN INSERT INTO runnel_internal.changes_" + sourceId
                    + " SELECT pg_current_xact_id(), 1, added.* FROM added; RETURN NULL; END $$");
            administrator.run("CREATE TRIGGER runnel_capture_insert AFTER INSERT ON " + source
                    + " REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION runnel_internal.capture_"
                    + sourceId + "_insert()");
            String id = administrator
                    .rows("SELECT id FROM runnel_internal.stream_table WHERE table_name = '" + table + "'")
                    .get(0);
            service.run("INSERT INTO runnel_internal.dependency SELECT " + id + ", relation, id"
                    + " FROM runnel_internal.source WHERE id = " + sourceId);
            service.run("INSERT INTO runnel_internal.frontier (stream_table_id, snapshot) VALUES (" + id
                    + ", pg_current_snapshot())");
            service.run("UPDATE runnel_internal.stream_table SET status = 'ACTIVE', reconciled_version = version"
                    + " WHERE id = " + id);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
    }

    /** One connection of one role. */
    static final class Session implements AutoCloseable {
        private final Connection connection;

        Session(Connection connection) {
            this.connection = connection;
        }

        void run(String sql) throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.execute(sql);
            }
        }

        /** The rows as text, columns separated by bars. */
        List<String> rows(String sql) throws SQLException {
            List<String> rows = new ArrayList<>();
            try (Statement statement = connection.createStatement();
                    ResultSet result = statement.executeQuery(sql)) {
                ResultSetMetaData columns = result.getMetaData();
                while (result.next()) {
                    List<String> values = new ArrayList<>();
                    for (int column = 1; column <= columns.getColumnCount(); column++) {
                        values.add(result.getString(column));
                    }
                    rows.add(String.join("|", values));
                }
            }
            return rows;
        }

        void fails(String sql, String code) {
            assertThatThrownBy(() -> run(sql))
                    .describedAs(sql)
                    .asInstanceOf(InstanceOfAssertFactories.type(SQLException.class))
                    .extracting(SQLException::getSQLState)
                    .isEqualTo(code);
        }

        @Override
        public void close() throws SQLException {
            connection.close();
        }
    }
}
