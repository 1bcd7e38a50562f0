package io.runnel.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.runnel.SqlClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What becomes of read models when their database is copied, and of a database when Runnel leaves it. */
class BackupIT {

    private static final String TOTALS =
            "SELECT customer, sum(amount) AS total, count(*) AS n FROM orders GROUP BY customer";
    private static final String COUNTED = "SELECT type, count(*) AS n FROM events GROUP BY type";

    /** All that a database can hold of anybody's, but contents. */
    private static final String OBJECTS = """
            SELECT 'schema ' || nspname || coalesce(nspacl::text, '') AS object FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
            UNION ALL SELECT concat('relation ', c.oid::regclass, c.relkind, c.relacl) FROM pg_class AS c
              WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace)
            UNION ALL SELECT 'function ' || p.oid::regprocedure FROM pg_proc AS p
              WHERE pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
            UNION ALL SELECT concat('trigger ', tgname, tgrelid::regclass) FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'policy ' || polname FROM pg_policy
            UNION ALL SELECT 'role ' || rolname FROM pg_roles
            UNION ALL SELECT concat('default ', defaclnamespace, defaclacl) FROM pg_default_acl
            UNION ALL SELECT concat('lock ', classid, objid) FROM pg_locks WHERE locktype = 'advisory'
              AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            ORDER BY object""";

    private static PostgresServer server;

    @BeforeAll
    static void start() throws Exception {
        server = new PostgresServer("backup", Map.of());
    }

    @AfterAll
    static void stop() throws Exception {
        server.close();
    }

    @Test
    void copied_data_directory_goes_on_where_the_original_was() throws Exception {
        DataSource database = server.createDatabase("copied");
        try (SqlClient client = new SqlClient(database)) {
            try (ServiceProcess service = ServiceProcess.start(server, "copied")) {
                define(client);
                write(client);
                client.sync("totals");
                client.sync("counted");
            }
            // The service is dead: this is captured, and not applied yet.
            write(client);
        }
        server.crash();
        try (PostgresServer copy = server.startCopy("backup_copy");
                SqlClient client = new SqlClient(copy.database("copied"));
                ServiceProcess service = ServiceProcess.start(copy, "copied")) {
            check(client, 2);
            write(client);
            check(client, 3);
            assertThat(client.modes("totals")).startsWith("FULL").last().isEqualTo("DIFFERENTIAL");
            assertThat(
                            client.rows(
                                    "SELECT DISTINCT mode FROM runnel.refresh_history WHERE table_name = 'totals' AND id >"
                                            + " (SELECT min(id) FROM runnel.refresh_history WHERE table_name = 'totals' AND mode = 'FULL')"))
                    .as("nothing was computed anew")
                    .containsOnly("DIFFERENTIAL");
        } finally {
            server.restart();
        }
    }

    /** Only where there is a pg_dump that is not older than the server. */
    @Test
    void dump_restored_elsewhere_is_followed_by_name() throws Exception {
        assumeThat(dumpVersion()).as("version of pg_dump").isGreaterThanOrEqualTo(server.version());
        DataSource database = server.createDatabase("dumped");
        try (SqlClient client = new SqlClient(database)) {
            // Numbers of relations and columns that a dump does not keep.
            client.run("CREATE TABLE before (x int); CREATE TABLE orders (gone int, id bigserial PRIMARY KEY,"
                    + " customer text, amount numeric); ALTER TABLE orders DROP COLUMN gone; DROP TABLE before");
            try (ServiceProcess service = ServiceProcess.start(server, "dumped")) {
                define(client);
                write(client);
                client.sync("totals");
                client.sync("counted");
            }
            write(client);
        }
        DataSource restored = server.createDatabase("restored");
        run("pg_dump", "-Fc", "-f", "target/faults/dumped.dump", "-d", server.address("dumped"));
        run("pg_restore", "-d", server.address("restored"), "target/faults/dumped.dump");
        try (SqlClient client = new SqlClient(restored);
                ServiceProcess service = ServiceProcess.start(server, "restored")) {
            checkRestored(client);
        }
    }

    /** The same without a dump: what the catalog holds are numbers of relations that mean nothing here. */
    @Test
    void relations_of_other_numbers_are_found_by_name() throws Exception {
        DataSource database = server.createDatabase("renumbered");
        try (SqlClient client = new SqlClient(database)) {
            try (ServiceProcess service = ServiceProcess.start(server, "renumbered")) {
                define(client);
                write(client);
                client.sync("totals");
                client.sync("counted");
            }
            write(client);
            for (String catalog : new String[] {
                "stream_table",
                "source",
                "dependency",
                "event_log",
                "projection",
                "declared_log",
                "materialized_view",
                "touched_source"
            }) {
                client.run("UPDATE runnel_internal." + catalog + " SET relation = (relation::bigint + 100000)::oid");
            }
            client.run(
                    "UPDATE runnel_internal.projection SET targets = ARRAY(SELECT (t::bigint + 100000)::oid FROM unnest(targets) AS t)");
            client.run("UPDATE runnel_internal.projection_state SET origin = 'elsewhere'");
            client.run("UPDATE runnel_internal.frontier SET origin = 'elsewhere'");
            client.run(
                    "CREATE TEMPORARY TABLE truth AS SELECT DISTINCT (relation::bigint + 100000)::oid AS relation, name"
                            + " FROM runnel_internal.relation_name WHERE relation IN (SELECT oid FROM pg_class WHERE relname IN"
                            + " ('orders', 'totals', 'events', 'counted', 'doubled'))");
            client.run("DELETE FROM runnel_internal.relation_name");
            client.run("INSERT INTO runnel_internal.relation_name SELECT * FROM truth");
            try (ServiceProcess service = ServiceProcess.start(server, "renumbered")) {
                checkRestored(client);
            }
        }
    }

    private static void checkRestored(SqlClient client) throws SQLException {
        client.assertSyncedEquals("totals", TOTALS);
        client.awaitRow("SELECT FROM runnel.projections WHERE last_error_code = 'RN005'");
        client.run("SELECT runnel.resume_projection('counted')");
        check(client, 2);
        write(client);
        check(client, 3);
        assertThat(client.modes("totals")).last().isEqualTo("DIFFERENTIAL");
        client.awaitRow("SELECT FROM runnel.materialized_views WHERE view_name = 'doubled' AND populated");
        assertThatThrownBy(() -> client.run("DELETE FROM events")).hasMessageContaining("events");
    }

    private static int dumpVersion() throws Exception {
        try {
            Process process = new ProcessBuilder("pg_dump", "--version").start();
            String version = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            return Integer.parseInt(version.replaceFirst("(?s)[^0-9]*([0-9]+).*", "$1"));
        } catch (IOException absent) {
            return 0;
        }
    }

    private static void run(String... command) throws Exception {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
    }

    @Test
    void uninstalled_database_is_as_before_but_for_the_contents() throws Exception {
        DataSource database = server.createDatabase("uninstalled");
        try (SqlClient client = new SqlClient(database)) {
            List<String> before = client.rows(OBJECTS);
            try (ServiceProcess service = ServiceProcess.start(server, "uninstalled")) {
                define(client);
                write(client);
                client.sync("totals");
                client.sync("counted");
                client.run("SELECT runnel.rebuild_projection('counted', side_by_side => true)");
                assertThatThrownBy(() -> client.run("CALL runnel.uninstall()"))
                        .hasMessageContaining("a service is running on this database");
                service.terminate();
                service.awaitExit();
            }
            client.run("CREATE VIEW mine AS SELECT * FROM totals");
            assertThatThrownBy(() -> client.run("CALL runnel.uninstall()")).hasMessageContaining("mine");
            client.run("DROP VIEW mine");
            client.run("CREATE VIEW mine AS SELECT * FROM runnel.stream_tables");
            assertThatThrownBy(() -> client.run("CALL runnel.uninstall()"))
                    .hasMessageContaining("what is of your own uses Runnel")
                    .hasMessageContaining("mine");
            client.run("DROP VIEW mine");
            client.run("CALL runnel.uninstall()");
            client.run("DROP TABLE orders, events, counted");
            assertThat(client.rows(OBJECTS)).isEqualTo(before);
            try (ServiceProcess service = ServiceProcess.start(server, "uninstalled")) {
                define(client);
                write(client);
                check(client, 1);
            }
        }
    }

    @Test
    void kept_tables_are_plain_ones_that_anybody_may_change() throws Exception {
        DataSource database = server.createDatabase("kept");
        try (SqlClient client = new SqlClient(database)) {
            client.run("CREATE ROLE kept_owner");
            client.run("GRANT ALL ON SCHEMA public TO kept_owner");
            List<String> before = client.rows(OBJECTS);
            try (ServiceProcess service = ServiceProcess.start(server, "kept")) {
                client.run("SET ROLE kept_owner");
                define(client);
                client.run("GRANT SELECT ON totals TO PUBLIC");
                write(client);
                client.sync("totals");
                client.run("RESET ROLE");
                service.terminate();
                service.awaitExit();
            }
            client.run("CALL runnel.uninstall(keep_tables => true)");
            assertThat(client.rows("SELECT customer, total, n FROM totals ORDER BY 1"))
                    .containsExactly("ann|10|1", "bob|5|1");
            client.run("INSERT INTO totals VALUES ('cid', 1, 1)");
            client.run("INSERT INTO orders (customer, amount) VALUES ('cid', 1)");
            client.run("DELETE FROM events");
            client.run("REFRESH MATERIALIZED VIEW doubled");
            assertThat(client.rows("SELECT count(*) FROM doubled")).containsExactly("3");
            assertThat(client.rows("SELECT FROM pg_trigger WHERE NOT tgisinternal"))
                    .isEmpty();
            client.run("DROP TABLE totals CASCADE");
            client.run("DROP TABLE orders, events, counted");
            assertThat(client.rows(OBJECTS)).isEqualTo(before);
        }
    }

    private static void define(SqlClient client) throws SQLException {
        client.run("CREATE TABLE IF NOT EXISTS orders (id bigserial PRIMARY KEY, customer text, amount numeric)");
        client.run("SELECT runnel.create_stream_table('totals', '" + TOTALS + "', '100ms')");
        client.run("SELECT runnel.create_event_log('events', entity_type => 'text')");
        client.run(
                "SELECT runnel.create_projection('counted', 'events', 'position', type_column => 'type', entity_column => 'entity',"
                        + " ddl => 'CREATE TABLE counted (type text PRIMARY KEY, n bigint NOT NULL)', targets => '{counted}',"
                        + " default_handler => 'INSERT INTO counted AS c VALUES (event.type, 1)"
                        + " ON CONFLICT (type) DO UPDATE SET n = c.n + 1')");
        client.run(
                "SELECT runnel.create_materialized_view('doubled', 'SELECT customer, total * 2 AS total FROM totals',"
                        + " '{1h}', unique_key => '{customer}')");
        client.awaitStatus("totals", "ACTIVE");
    }

    private static void write(SqlClient client) throws SQLException {
        client.run("INSERT INTO orders (customer, amount) VALUES ('ann', 10), ('bob', 5)");
        client.run("SELECT runnel.append('events', 'a', 'opened', '{}')");
        client.run("SELECT runnel.append('events', 'b', 'closed', '{}')");
    }

    /** After so many times of writing. */
    private static void check(SqlClient client, int times) throws SQLException {
        client.assertSyncedEquals("totals", TOTALS);
        client.sync("counted");
        client.assertEquals("counted", COUNTED);
        assertThat(client.rows("SELECT sum(n) FROM counted")).containsExactly(String.valueOf(2 * times));
    }
}
