package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** Sources that consist of several tables, or show different rows to different roles. */
@QuarkusTest
class SourceKindsTest extends Finding {

    private static final String QUERY = "SELECT k, v FROM finding.source";

    private void family() throws SQLException {
        run(
                "CREATE TABLE finding.source (k int, v int)",
                "CREATE TABLE finding.child (more text, v int, k int)",
                "ALTER TABLE finding.child INHERIT finding.source",
                "CREATE TABLE finding.grandchild (last int) INHERITS (finding.child)",
                "INSERT INTO finding.source VALUES (1, 1)",
                "INSERT INTO finding.child VALUES ('a', 2, 2)",
                "INSERT INTO finding.grandchild VALUES ('b', 3, 3, 3)");
    }

    private void assertDifferential(String query) throws SQLException {
        assertRefreshed(query);
        assertThat(modes()).endsWith("DIFFERENTIAL");
    }

    @Test
    void what_is_written_to_children_is_part_of_their_parent() throws SQLException {
        family();
        createDifferential(QUERY);
        run("INSERT INTO finding.child VALUES ('c', 4, 4)", "INSERT INTO finding.grandchild VALUES ('d', 5, 5, 5)");
        assertDifferential(QUERY);
        run("UPDATE finding.source SET v = v + 10", "DELETE FROM finding.child WHERE k > 3");
        assertDifferential(QUERY);
        run("UPDATE finding.grandchild SET k = 9, last = 1", "UPDATE ONLY finding.source SET v = 7");
        assertDifferential(QUERY);
        run("TRUNCATE finding.grandchild");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.grandchild VALUES ('d', 5, 5, 5)");
        assertDifferential(QUERY);
    }

    @Test
    void children_may_come_and_go() throws SQLException {
        run("CREATE TABLE finding.source (k int, v int)", "INSERT INTO finding.source VALUES (1, 1)");
        createDifferential(QUERY);
        run("CREATE TABLE finding.child (more text) INHERITS (finding.source)");
        run("INSERT INTO finding.child VALUES (2, 2, 'a')");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.child VALUES (3, 3, 'b')");
        assertDifferential(QUERY);
        run("ALTER TABLE finding.child NO INHERIT finding.source");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.child VALUES (4, 4, 'c')", "INSERT INTO finding.source VALUES (5, 5)");
        assertDifferential(QUERY);
        run("DELETE FROM finding.child WHERE k = 2", "ALTER TABLE finding.child INHERIT finding.source");
        assertRefreshed(QUERY);
        run("DELETE FROM finding.child WHERE k = 3");
        assertDifferential(QUERY);
        run("DROP TABLE finding.child");
        assertRefreshed(QUERY);
        assertThat(state()).startsWith("ACTIVE DIFFERENTIAL");
    }

    @Test
    void key_of_a_parent_does_not_tell_the_rows_of_its_children_apart() throws SQLException {
        run(
                "CREATE TABLE finding.source (k int PRIMARY KEY, v int)",
                "CREATE TABLE finding.child () INHERITS (finding.source)",
                "INSERT INTO finding.source VALUES (1, 1)",
                "INSERT INTO finding.child VALUES (1, 1), (1, 2)");
        createDifferential(QUERY);
        run("INSERT INTO finding.child VALUES (1, 1), (2, 2)", "UPDATE ONLY finding.source SET v = 2");
        assertDifferential(QUERY);
        run("DELETE FROM finding.child WHERE v = 2");
        assertDifferential(QUERY);
    }

    @Test
    void children_of_a_parent_are_aggregated_and_joined() throws SQLException {
        family();
        String query = "SELECT s.k, count(*) AS n, sum(c.v) AS total FROM finding.source s"
                + " LEFT JOIN finding.child c ON c.k >= s.k GROUP BY s.k";
        createDifferential(query);
        run("INSERT INTO finding.grandchild VALUES ('d', 5, 1, 5)", "UPDATE finding.child SET v = v + 1");
        assertDifferential(query);
        run("DELETE FROM finding.source WHERE k = 2");
        assertDifferential(query);
    }

    @Test
    void parent_of_an_unlogged_table_is_not_captured() throws SQLException {
        family();
        run("CREATE UNLOGGED TABLE finding.lossy () INHERITS (finding.source)");
        create(QUERY);
        assertThat(state()).contains("ACTIVE FULL", "unlogged table finding.lossy is a part of table finding.source");
    }

    @Test
    void partitions_may_come_and_go() throws SQLException {
        run(
                "CREATE TABLE finding.source (k int, v int) PARTITION BY LIST (k)",
                "CREATE TABLE finding.one PARTITION OF finding.source FOR VALUES IN (1)",
                "CREATE TABLE finding.two (v int, more text, k int)",
                "ALTER TABLE finding.two DROP COLUMN more",
                "INSERT INTO finding.one VALUES (1, 1)",
                "INSERT INTO finding.two VALUES (2, 2), (3, 2)");
        createDifferential(QUERY);
        run("ALTER TABLE finding.source ATTACH PARTITION finding.two FOR VALUES IN (2)");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.two VALUES (4, 2)", "UPDATE finding.source SET k = 3 - k WHERE v IN (1, 2)");
        assertDifferential(QUERY);
        run("ALTER TABLE finding.source DETACH PARTITION finding.one");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.one VALUES (1, 7)", "DELETE FROM finding.two WHERE v = 3");
        assertDifferential(QUERY);
        run("TRUNCATE finding.one", "DROP TABLE finding.two");
        assertRefreshed(QUERY);
    }

    @Test
    void owner_whom_no_policy_concerns_has_changes_applied() throws SQLException {
        secured();
        run("SET ROLE finding_owner");
        createDifferential(QUERY);
        run("INSERT INTO finding.source VALUES (2, 20)");
        assertDifferential(QUERY);
        run("ALTER TABLE finding.source FORCE ROW LEVEL SECURITY", "INSERT INTO finding.source VALUES (1, 30)");
        assertRefreshed(QUERY);
        assertThat(state()).contains("ACTIVE FULL", "row-level security");
        run("ALTER TABLE finding.source NO FORCE ROW LEVEL SECURITY");
        assertRefreshed(QUERY);
        assertThat(state()).startsWith("ACTIVE DIFFERENTIAL");
    }

    @Test
    void role_whom_policies_concern_reads_no_buffer() throws SQLException {
        secured();
        run("SET ROLE finding_reader");
        create(QUERY);
        assertThat(state()).contains("ACTIVE FULL", "row-level security");
        run("RESET ROLE", "INSERT INTO finding.source VALUES (1, 30), (2, 40)", "SET ROLE finding_reader");
        assertRefreshed(QUERY);
    }

    private void secured() throws SQLException {
        for (String role : new String[] {"finding_owner", "finding_reader"}) {
            run(
                    "DO $$ BEGIN IF to_regrole('" + role + "') IS NULL THEN CREATE ROLE " + role + "; END IF; END $$",
                    "GRANT USAGE, CREATE ON SCHEMA finding TO " + role);
        }
        run(
                "CREATE TABLE finding.source (k int, v int)",
                "ALTER TABLE finding.source OWNER TO finding_owner",
                "ALTER TABLE finding.source ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY few ON finding.source USING (k < 2)",
                "GRANT SELECT ON finding.source TO finding_reader",
                "INSERT INTO finding.source VALUES (1, 10), (2, 20)");
    }

    @Test
    void materialized_view_is_computed_again() throws SQLException {
        run(
                "CREATE TABLE finding.base (k int, v int)",
                "CREATE MATERIALIZED VIEW finding.source AS SELECT k, v FROM finding.base");
        create(QUERY);
        assertThat(state()).contains("ACTIVE FULL", "materialized view finding.source");
        run("INSERT INTO finding.base VALUES (1, 1)", "REFRESH MATERIALIZED VIEW finding.source");
        assertRefreshed(QUERY);
    }

    @Test
    void columns_that_depend_on_a_grouped_key_follow_it() throws SQLException {
        run(
                "CREATE TABLE finding.source (id int PRIMARY KEY, name text, n numeric)",
                "CREATE TABLE finding.other (id int, v int)",
                "INSERT INTO finding.source VALUES (1, 'a', 1.0), (2, 'b', 2), (3, NULL, NULL)",
                "INSERT INTO finding.other VALUES (1, 1), (1, 2), (3, 3)");
        String query = "SELECT s.id, s.name, s.n, count(o.v) AS n2 FROM finding.source s"
                + " LEFT JOIN finding.other o ON o.id = s.id GROUP BY s.id";
        createDifferential(query);
        run("UPDATE finding.source SET n = 1.00 WHERE id = 1", "INSERT INTO finding.other VALUES (2, 2)");
        assertDifferential(query);
        run("UPDATE finding.source SET name = 'c', n = 2.0", "DELETE FROM finding.other WHERE v = 1");
        assertDifferential(query);
        run("DELETE FROM finding.source WHERE id = 1", "UPDATE finding.source SET id = 1 WHERE id = 2");
        assertDifferential(query);
    }

    @Test
    void column_without_equality_does_not_become_a_key() throws SQLException {
        run("CREATE TABLE finding.source (id int PRIMARY KEY, j json)");
        create("SELECT s.id, s.j::text AS t, count(*) AS n FROM finding.source s GROUP BY s.id");
        run("INSERT INTO finding.source VALUES (1, '{}')");
        assertRefreshed("SELECT s.id, s.j::text AS t, count(*) AS n FROM finding.source s GROUP BY s.id");
        assertThat(state()).contains("ACTIVE FULL", "could not identify an equality operator for type json");
    }
}
