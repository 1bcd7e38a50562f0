package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Refreshes that choose between applying changes and computing anew, and say why. */
@QuarkusTest
class PlanChoiceIntegrationTest {

    private static final String QUERY =
            "SELECT part, count(*) AS n, sum(amount) AS total, min(amount) AS least FROM choice_source GROUP BY part";
    private static final int ROWS = 20_000;

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(database);
        client.run("CREATE TABLE choice_source (id int PRIMARY KEY, part int, amount numeric)");
        client.run("INSERT INTO choice_source SELECT i, i % 500, i FROM generate_series(1, " + ROWS + ") AS i");
        client.run("ANALYZE choice_source");
    }

    @AfterEach
    void drop() throws SQLException {
        client.run("SELECT runnel.drop_stream_table('choice')");
        client.run("DROP TABLE choice_source");
        client.close();
    }

    @Test
    void huge_change_is_computed_anew_and_a_small_one_afterwards_is_applied() throws SQLException {
        create("AUTO");
        change(ROWS);
        assertThat(last()).startsWith("FULL|40,000 changes of about ").endsWith(": that many were not applied before");
        change(10);
        assertThat(last()).isEqualTo("DIFFERENTIAL|changes");
        change(2_000);
        assertThat(last()).startsWith("DIFFERENTIAL|4,000 changes of about ");
    }

    @Test
    void auxiliary_tables_are_left_alone_while_everything_is_computed_anew() throws SQLException {
        create("AUTO");
        change(ROWS);
        String first = auxiliary();
        change(ROWS - 1);
        assertThat(last()).startsWith("FULL|");
        assertThat(auxiliary()).isEqualTo(first);
        change(10);
        assertThat(last()).isEqualTo("FULL|the auxiliary tables are computed again: changes");
        assertThat(auxiliary()).isNotEqualTo(first);
        change(10);
        assertThat(last()).isEqualTo("DIFFERENTIAL|changes");
        change(ROWS);
        change(ROWS);
        client.run("SELECT runnel.alter_stream_table('choice', refresh_mode => 'DIFFERENTIAL')");
        change(10);
        change(10);
        assertThat(last()).isEqualTo("DIFFERENTIAL|changes");
    }

    /** What the youngest auxiliary table holds. */
    private String auxiliary() throws SQLException {
        String table = client.rows("SELECT oid::regclass FROM pg_class WHERE relname LIKE 'state\\_%' AND relkind = 'r'"
                        + " ORDER BY oid DESC LIMIT 1")
                .get(0);
        return client.rows("SELECT md5(string_agg(s::text, ',' ORDER BY s::text)) FROM " + table + " AS s")
                .get(0);
    }

    @Test
    void what_refreshes_have_cost_decides() throws SQLException {
        create("AUTO");
        change(2_000);
        assertThat(costs()).containsExactly("FULL|0|1", "n|11|0");
        believe(100, 0.01);
        change(2_000);
        assertThat(last()).startsWith("FULL|4,000 changes: about ").contains(" differentially, ");
        assertThat(costs()).containsExactly("FULL|0|0", "n|11|1");
        believe(0.01, 100);
        change(2_000);
        assertThat(last()).startsWith("DIFFERENTIAL|4,000 changes: about ").contains(" differentially, ");
        assertThat(costs()).containsExactly("FULL|0|1", "n|11|0");
        client.run("SELECT runnel.reinitialize_stream_table('choice')");
        client.awaitRow("SELECT FROM runnel.refresh_history WHERE table_name = 'choice' AND reason LIKE 'reinit%'");
        client.run("SELECT runnel.alter_stream_table('choice', query => 'SELECT id, amount FROM choice_source')");
        client.awaitRow("SELECT FROM runnel_internal.stream_table AS s WHERE table_name = 'choice'"
                + " AND version = reconciled_version AND status = 'ACTIVE' AND NOT EXISTS (SELECT"
                + " FROM runnel_internal.refresh_cost AS c WHERE c.stream_table_id = s.id AND c.plan <> 'FULL')");
        client.assertSyncedEquals("choice", "SELECT id, amount FROM choice_source");
    }

    @Test
    void in_mode_differential_changes_are_applied_whatever_it_costs() throws SQLException {
        create("DIFFERENTIAL");
        change(ROWS);
        assertThat(last()).isEqualTo("DIFFERENTIAL|changes");
        assertThat(costs()).isEmpty();
    }

    private void create(String mode) throws SQLException {
        client.run("SELECT runnel.create_stream_table('choice', '" + QUERY + "', 'manual', '" + mode + "')");
        client.assertSyncedEquals("choice", QUERY);
        assertThat(client.effectiveMode("choice")).isEqualTo("DIFFERENTIAL");
    }

    private void change(int rows) throws SQLException {
        client.run("UPDATE choice_source SET amount = amount + 1, part = (part + 1) % 500 WHERE id <= " + rows);
        client.assertSyncedEquals("choice", QUERY);
    }

    private String last() throws SQLException {
        return client.rows(
                        "SELECT mode, reason FROM runnel.refresh_history WHERE table_name = 'choice' ORDER BY id DESC LIMIT 1")
                .get(0);
    }

    private List<String> costs() throws SQLException {
        return client.rows("SELECT regexp_replace(plan, '^\\d+$', 'n'), magnitude, passed_over"
                + " FROM runnel_internal.refresh_cost WHERE stream_table_id = (SELECT id FROM runnel.stream_tables"
                + " WHERE table_name = 'choice') AND magnitude IN (0, 11) ORDER BY 1");
    }

    private void believe(double applied, double anew) throws SQLException {
        client.run("UPDATE runnel_internal.refresh_cost SET seconds = CASE plan WHEN 'FULL' THEN " + anew + " ELSE "
                + applied + " END");
    }
}
