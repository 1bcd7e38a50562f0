package io.runnel.refresh.random;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import org.junit.jupiter.api.Test;

/** Expressions that a delta evaluates for rows for which the query does not: the refresh is then done in full. */
@QuarkusTest
class InapplicableTest extends Finding {

    @Test
    void pair_of_an_old_and_a_new_row_may_have_no_value() throws SQLException {
        run(
                "CREATE TABLE finding.low (id int PRIMARY KEY, low int)",
                "CREATE TABLE finding.high (id int PRIMARY KEY, high int)",
                "INSERT INTO finding.low VALUES (1, 1), (2, 5)",
                "INSERT INTO finding.high VALUES (1, 2), (2, 9)");
        String query =
                "SELECT l.id, int4range(l.low, h.high) AS r FROM finding.low l JOIN finding.high h ON l.id = h.id";
        createDifferential(query);
        run(
                "BEGIN",
                "UPDATE finding.low SET low = low + 100 WHERE id = 1",
                "UPDATE finding.high SET high = high + 100 WHERE id = 1",
                "COMMIT");
        assertRefreshed(query);
        run("UPDATE finding.high SET high = high + 1");
        assertRefreshed(query);
        assertThat(modes()).endsWith("FULL", "DIFFERENTIAL");
    }

    @Test
    void column_that_nobody_reads_may_have_no_value() throws SQLException {
        run("CREATE TABLE finding.source (id int, a int, b int)", "INSERT INTO finding.source VALUES (1, 4, 2)");
        run("CREATE VIEW finding.quotients AS SELECT id, b, a / b AS q FROM finding.source");
        String query = "SELECT count(*) AS n FROM finding.quotients";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES (2, 5, 0), (3, 9, 3)");
        assertRefreshed(query);
    }

    @Test
    void argument_of_an_aggregate_may_have_no_value_for_rows_that_its_filter_leaves_out() throws SQLException {
        run("CREATE TABLE finding.source (id int, t text)", "INSERT INTO finding.source VALUES (1, '4'), (2, 'x')");
        String query = "SELECT sum(t::int) FILTER (WHERE t ~ '^[0-9]+$') AS total, count(*) AS n FROM finding.source";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES (3, 'y'), (4, '3')");
        assertRefreshed(query);
    }

    @Test
    void error_of_the_query_itself_is_told_until_it_is_gone() throws SQLException {
        run("CREATE TABLE finding.source (id int, a int)", "INSERT INTO finding.source VALUES (1, 4)");
        String query = "SELECT id, 8 / a AS q FROM finding.source";
        createDifferential(query);
        run("INSERT INTO finding.source VALUES (2, 0)");
        assertThat(refused("CALL runnel.refresh('finding.result', '2s')")).contains("division by zero");
        assertThat(state()).contains("division by zero");
        run("UPDATE finding.source SET a = 2 WHERE id = 2");
        assertRefreshed(query);
    }
}
