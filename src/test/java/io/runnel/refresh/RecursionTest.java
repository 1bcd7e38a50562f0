package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a recursion that lost rows follows, and where it stops. */
@QuarkusTest
class RecursionTest {

    private static final String REACHED = "WITH RECURSIVE reached(place) AS (SELECT 1 UNION ALL"
            + " SELECT e.b FROM reached r JOIN recursion.edge e ON e.a = r.place) SELECT place FROM reached";

    @Inject
    DataSource database;

    @BeforeEach
    void create() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run("CREATE SCHEMA recursion");
            client.run("CREATE TABLE recursion.edge (a int, b int)");
            client.run("INSERT INTO recursion.edge SELECT i, i + 1 FROM generate_series(1, 50) AS i");
            client.run("SELECT runnel.create_stream_table('recursion.reached', '" + REACHED
                    + "', schedule => 'manual', refresh_mode => 'DIFFERENTIAL')");
            client.run("CALL runnel.refresh('recursion.reached', '30s')");
        }
    }

    @AfterEach
    void drop() throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run("SELECT runnel.drop_stream_table('recursion.reached')");
            client.run("DROP SCHEMA recursion CASCADE");
        }
    }

    @Test
    void what_followed_from_a_lost_row_is_lost() throws SQLException {
        assertRefreshed(1 + 20, "DELETE FROM recursion.edge WHERE a = 21");
        assertRefreshed(1 + 20 + 30, "INSERT INTO recursion.edge VALUES (1, 22)");
        assertRefreshed(1, "DELETE FROM recursion.edge WHERE a = 1");
    }

    /** What is lost leads, through the edges there are now, round and round. */
    @Test
    void circle_that_is_no_longer_entered_is_not_followed_for_ever() throws SQLException {
        assertRefreshed(
                1, "WITH d AS (DELETE FROM recursion.edge WHERE a = 1) INSERT INTO recursion.edge VALUES (40, 30)");
        assertRefreshed(1, "INSERT INTO recursion.edge VALUES (7, 6)");
        assertRefreshed(
                3,
                "WITH d AS (DELETE FROM recursion.edge WHERE a > 1) INSERT INTO recursion.edge VALUES (1, 9), (1, 8)");
    }

    private void assertRefreshed(int rows, String change) throws SQLException {
        try (SqlClient client = new SqlClient(database)) {
            client.run(change);
            client.run("CALL runnel.refresh('recursion.reached', '30s')");
            client.assertEquals("recursion.reached", REACHED);
            assertThat(client.rows("SELECT mode FROM runnel.refresh_history WHERE table_name = 'reached'"
                            + " ORDER BY id DESC LIMIT 1"))
                    .containsExactly("DIFFERENTIAL");
            assertThat(client.rows("SELECT count(*) FROM recursion.reached")).containsExactly(String.valueOf(rows));
        }
    }
}
