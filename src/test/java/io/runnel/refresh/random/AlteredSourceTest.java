package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** Sources that are altered, or written to by other ways than their own name. */
@QuarkusTest
class AlteredSourceTest extends Finding {

    private static final String QUERY = "SELECT k, v FROM finding.source";

    private void source() throws SQLException {
        run(
                "CREATE TABLE finding.source (id int PRIMARY KEY, k int, v int)",
                "INSERT INTO finding.source VALUES (1, 1, 10)");
    }

    @Test
    void a_partition_as_source_sees_what_is_written_to_its_parent() throws SQLException {
        run(
                "CREATE TABLE finding.parent (k int, v int) PARTITION BY LIST (k)",
                "CREATE TABLE finding.source PARTITION OF finding.parent FOR VALUES IN (1)",
                "CREATE TABLE finding.other PARTITION OF finding.parent DEFAULT");
        createDifferential(QUERY);
        run("INSERT INTO finding.parent VALUES (1, 1), (2, 2)");
        assertRefreshed(QUERY);
        run("UPDATE finding.parent SET k = 3 - k");
        assertRefreshed(QUERY);
        run("TRUNCATE finding.parent");
        assertRefreshed(QUERY);
    }

    @Test
    void a_partitioned_table_and_one_of_its_partitions_may_both_be_sources() throws SQLException {
        run(
                "CREATE TABLE finding.parent (k int, v int) PARTITION BY LIST (k)",
                "CREATE TABLE finding.source PARTITION OF finding.parent FOR VALUES IN (1)");
        String query = "SELECT p.v AS a, s.v AS b FROM finding.parent p JOIN finding.source s ON s.k = p.k";
        createDifferential(query);
        run("INSERT INTO finding.parent VALUES (1, 1)", "INSERT INTO finding.source VALUES (1, 2)");
        assertRefreshed(query);
        run("TRUNCATE finding.source");
        assertRefreshed(query);
    }

    @Test
    void a_partition_that_came_later_may_be_truncated() throws SQLException {
        run(
                "CREATE TABLE finding.source (k int, v int) PARTITION BY LIST (k)",
                "CREATE TABLE finding.one PARTITION OF finding.source FOR VALUES IN (1)");
        createDifferential(QUERY);
        run(
                "CREATE TABLE finding.two PARTITION OF finding.source FOR VALUES IN (2)",
                "INSERT INTO finding.two VALUES (2, 2)");
        assertRefreshed(QUERY);
        run("TRUNCATE finding.two");
        assertRefreshed(QUERY);
    }

    @Test
    void a_child_as_source_sees_what_is_written_to_its_parent() throws SQLException {
        run("CREATE TABLE finding.parent (k int, v int)", "CREATE TABLE finding.source () INHERITS (finding.parent)");
        run("INSERT INTO finding.source VALUES (1, 1), (2, 2)");
        createDifferential(QUERY);
        run("UPDATE finding.parent SET v = v + 1 WHERE k = 1", "DELETE FROM finding.parent WHERE k = 2");
        assertRefreshed(QUERY);
    }

    @Test
    void a_child_that_came_later_is_part_of_the_source() throws SQLException {
        source();
        createDifferential(QUERY);
        run("CREATE TABLE finding.child () INHERITS (finding.source)", "INSERT INTO finding.child VALUES (2, 2, 2)");
        assertRefreshed(QUERY);
    }

    @Test
    void a_source_that_became_a_partition_sees_what_is_written_to_its_parent() throws SQLException {
        source();
        createDifferential(QUERY);
        run(
                "CREATE TABLE finding.parent (id int, k int, v int) PARTITION BY LIST (k)",
                "ALTER TABLE finding.parent ATTACH PARTITION finding.source FOR VALUES IN (1)",
                "INSERT INTO finding.parent VALUES (2, 1, 20)");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.parent VALUES (3, 1, 20)");
        assertRefreshed(QUERY);
    }

    @Test
    void a_view_that_is_replaced_changes_the_result() throws SQLException {
        source();
        run("CREATE VIEW finding.middle AS SELECT k, v FROM finding.source WHERE v > 5");
        createDifferential("SELECT k, v FROM finding.middle");
        run("CREATE OR REPLACE VIEW finding.middle AS SELECT k, v + 1 AS v FROM finding.source WHERE v > 1");
        run("INSERT INTO finding.source VALUES (2, 2, 2)");
        assertRefreshed("SELECT k, v FROM finding.middle");
    }

    @Test
    void a_key_that_is_dropped_tells_rows_apart_no_longer() throws SQLException {
        source();
        createDifferential("SELECT id, v FROM finding.source");
        run(
                "ALTER TABLE finding.source DROP CONSTRAINT source_pkey",
                "ALTER TABLE finding.source ALTER id DROP NOT NULL");
        run("INSERT INTO finding.source VALUES (1, 1, 11), (NULL, 2, 2)");
        assertRefreshed("SELECT id, v FROM finding.source");
    }

    @Test
    void row_level_security_that_is_switched_on_counts() throws SQLException {
        source();
        run(
                "DO $$ BEGIN IF to_regrole('finding_reader') IS NULL THEN CREATE ROLE finding_reader; END IF; END $$",
                "GRANT USAGE, CREATE ON SCHEMA finding TO finding_reader",
                "GRANT SELECT ON finding.source TO finding_reader",
                "SET ROLE finding_reader");
        createDifferential(QUERY);
        run(
                "RESET ROLE",
                "ALTER TABLE finding.source ENABLE ROW LEVEL SECURITY",
                "CREATE POLICY few ON finding.source USING (k < 2)",
                "INSERT INTO finding.source VALUES (2, 2, 20)");
        run("SET ROLE finding_reader");
        assertRefreshed(QUERY);
    }

    @Test
    void what_was_written_while_triggers_were_switched_off_is_found() throws SQLException {
        source();
        createDifferential(QUERY);
        run(
                "ALTER TABLE finding.source DISABLE TRIGGER ALL",
                "INSERT INTO finding.source VALUES (2, 2, 20)",
                "ALTER TABLE finding.source ENABLE TRIGGER ALL");
        assertRefreshed(QUERY);
        run("ALTER TABLE finding.source DISABLE TRIGGER USER", "INSERT INTO finding.source VALUES (3, 3, 30)");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.source VALUES (4, 4, 40)");
        assertRefreshed(QUERY);
        run("ALTER TABLE finding.source ENABLE TRIGGER USER", "INSERT INTO finding.source VALUES (5, 5, 50)");
        assertRefreshed(QUERY);
        run("INSERT INTO finding.source VALUES (6, 6, 60)");
        assertRefreshed(QUERY);
        assertThat(modes()).endsWith("FULL", "DIFFERENTIAL");
    }

    @Test
    void a_rewrite_of_the_source_is_found() throws SQLException {
        source();
        createDifferential(QUERY);
        run("ALTER TABLE finding.source DISABLE TRIGGER ALL", "TRUNCATE finding.source");
        run("ALTER TABLE finding.source ENABLE TRIGGER ALL");
        assertRefreshed(QUERY);
    }

    @Test
    void a_row_read_as_one_value_has_columns_that_came_or_went_later() throws SQLException {
        source();
        String query = "SELECT id, to_jsonb(source) AS j FROM finding.source";
        createDifferential(query);
        run("ALTER TABLE finding.source ADD COLUMN w int DEFAULT 7", "INSERT INTO finding.source VALUES (2, 2, 2, 2)");
        assertRefreshed(query);
        run("UPDATE finding.source SET w = 8 WHERE id = 1");
        assertRefreshed(query);
        run("ALTER TABLE finding.source RENAME COLUMN w TO x", "UPDATE finding.source SET x = 9 WHERE id = 2");
        assertRefreshed(query);
        run("ALTER TABLE finding.source DROP COLUMN k", "DELETE FROM finding.source WHERE id = 1");
        assertRefreshed(query);
        run("INSERT INTO finding.source VALUES (3, 3, 3)");
        assertRefreshed(query);
    }
}
