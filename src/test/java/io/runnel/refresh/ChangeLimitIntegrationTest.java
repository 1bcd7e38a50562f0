package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import jakarta.inject.Inject;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Stream tables that stop when a refresh would change too much of them, until somebody approves. */
@QuarkusTest
class ChangeLimitIntegrationTest {

    private static final String QUERY = "SELECT id, amount FROM guarded_source";

    @Inject
    DataSource database;

    private SqlClient client;

    @BeforeEach
    void create_source() throws SQLException {
        client = new SqlClient(database);
        clean();
        client.run("CREATE TABLE guarded_source (id int PRIMARY KEY, amount numeric NOT NULL)");
        client.run("INSERT INTO guarded_source SELECT i, i FROM generate_series(1, 1000) AS i");
    }

    @AfterEach
    void drop() throws SQLException {
        clean();
        client.close();
    }

    private void clean() throws SQLException {
        client.run("RESET ROLE; SET client_min_messages = error");
        client.run("SELECT runnel.drop_stream_table('guarded') FROM runnel.stream_tables WHERE table_name = 'guarded'");
        client.run("DROP TABLE IF EXISTS guarded_source");
        client.run("DO $$ BEGIN IF to_regrole('guarded_reader') IS NOT NULL THEN DROP OWNED BY guarded_reader CASCADE;"
                + " DROP ROLE guarded_reader; END IF; END $$");
    }

    private void create(String mode, String share) throws SQLException {
        client.run("SELECT runnel.create_stream_table('guarded', '" + QUERY + "', 'on-change', '" + mode
                + "', max_changed_share => " + share + ")");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'");
        client.assertSyncedEquals("guarded", QUERY);
    }

    private void awaitStopped() throws SQLException {
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'SUSPENDED'"
                + " AND last_error_code = 'change-too-large' AND consecutive_errors = 1 AND NOT approved");
    }

    private void approve() throws SQLException {
        client.run("SELECT runnel.approve_refresh('guarded')");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'"
                + " AND last_error_code IS NULL AND NOT approved");
        client.assertSyncedEquals("guarded", QUERY);
    }

    @Test
    void differential_refresh_that_changes_too_much_is_stopped_at_once_and_approved_once() throws SQLException {
        create("DIFFERENTIAL", "0.3");
        client.run("UPDATE guarded_source SET amount = amount + 1 WHERE id <= 300");
        client.assertSyncedEquals("guarded", QUERY);
        String before = sum("guarded");
        client.run("UPDATE guarded_source SET amount = amount + 1 WHERE id <= 301");
        awaitStopped();
        assertThat(sum("guarded")).isEqualTo(before);
        assertThat(client.rows("SELECT last_error FROM runnel.stream_tables WHERE table_name = 'guarded'"))
                .containsExactly("a refresh of public.guarded would change 301 of 1,000 rows,"
                        + " more than its largest share of 0.3");
        assertThat(client.rows("SELECT mode, reason FROM runnel.refresh_history WHERE table_name = 'guarded'"
                        + " ORDER BY id DESC LIMIT 1"))
                .containsExactly("FAILED|change-too-large");
        // Writers go on, and what they have written is not lost.
        client.run("DELETE FROM guarded_source WHERE id > 900");
        assertThat(sum("guarded")).isEqualTo(before);
        approve();
        client.run("UPDATE guarded_source SET amount = amount + 1 WHERE id <= 400");
        awaitStopped();
        approve();
    }

    @Test
    void full_refresh_that_changes_too_much_is_stopped() throws SQLException {
        create("FULL", "0.3");
        client.run("DELETE FROM guarded_source WHERE id <= 200");
        client.assertSyncedEquals("guarded", QUERY);
        client.run("DELETE FROM guarded_source WHERE id <= 500");
        awaitStopped();
        assertThat(client.rows("SELECT count(*) FROM guarded")).containsExactly("800");
        approve();
    }

    @Test
    void refresh_that_chooses_to_compute_anew_is_stopped_too() throws SQLException {
        create("AUTO", "0.5");
        client.run("UPDATE guarded_source SET amount = amount + 1");
        awaitStopped();
        approve();
        assertThat(client.rows("SELECT mode FROM runnel.refresh_history WHERE table_name = 'guarded'"
                        + " ORDER BY id DESC LIMIT 1"))
                .containsExactly("FULL");
    }

    @Test
    void truncated_source_is_stopped_and_rows_are_kept() throws SQLException {
        create("AUTO", "1");
        client.run("TRUNCATE guarded_source");
        client.assertSyncedEquals("guarded", QUERY);
        client.run("INSERT INTO guarded_source SELECT i, i FROM generate_series(1, 1000) AS i");
        client.assertSyncedEquals("guarded", QUERY);
        client.run("SELECT runnel.alter_stream_table('guarded', max_changed_share => 0.9)");
        client.run("TRUNCATE guarded_source");
        awaitStopped();
        assertThat(client.rows("SELECT count(*) FROM guarded")).containsExactly("1000");
        approve();
    }

    @Test
    void who_resumes_without_approval_is_stopped_again_unless_the_limit_was_raised() throws SQLException {
        create("AUTO", "0.3");
        client.run("DELETE FROM guarded_source WHERE id <= 500");
        awaitStopped();
        client.run("SELECT runnel.resume_stream_table('guarded')");
        client.awaitRow("SELECT FROM runnel.refresh_history WHERE table_name = 'guarded' HAVING"
                + " count(*) FILTER (WHERE reason = 'change-too-large') = 2");
        awaitStopped();
        client.run("SELECT runnel.alter_stream_table('guarded', max_changed_share => 0)");
        client.run("SELECT runnel.resume_stream_table('guarded')");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'"
                + " AND max_changed_share IS NULL AND last_error_code IS NULL");
        client.assertSyncedEquals("guarded", QUERY);
    }

    @Test
    void reinitialization_and_another_query_may_change_everything() throws SQLException {
        create("AUTO", "0.1");
        client.run("UPDATE guarded_source SET amount = amount + 1");
        awaitStopped();
        client.run("SELECT runnel.reinitialize_stream_table('guarded')");
        client.run("SELECT runnel.resume_stream_table('guarded')");
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'"
                + " AND last_error_code IS NULL");
        client.assertSyncedEquals("guarded", QUERY);
        String other = "SELECT id, -amount AS amount FROM guarded_source";
        client.run("SELECT runnel.alter_stream_table('guarded', query => '" + other + "')");
        client.awaitRow("SELECT FROM guarded HAVING max(amount) < 0");
        client.assertSyncedEquals("guarded", other);
    }

    @Test
    void few_rows_have_no_limit() throws SQLException {
        client.run("DELETE FROM guarded_source WHERE id >= 100");
        create("AUTO", "0.01");
        client.run("DELETE FROM guarded_source");
        client.assertSyncedEquals("guarded", QUERY);
    }

    @Test
    void only_what_was_stopped_can_be_approved_and_only_by_its_owner() throws SQLException {
        create("AUTO", "0.3");
        client.run("CREATE ROLE guarded_reader");
        client.run("GRANT SELECT ON guarded TO guarded_reader");
        assertThatThrownBy(() -> client.run("SELECT runnel.approve_refresh('guarded')"))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("waits for approval");
        client.run("DELETE FROM guarded_source WHERE id <= 500");
        awaitStopped();
        client.run("SET ROLE guarded_reader");
        assertThatThrownBy(() -> client.run("SELECT runnel.approve_refresh('guarded')"))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("must be owner");
        client.run("RESET ROLE");
        approve();
        assertThatThrownBy(() -> client.run("SELECT runnel.approve_refresh('guarded')"))
                .isInstanceOf(SQLException.class)
                .hasMessageContaining("waits for approval");
        assertThat(client.rows("SELECT before ->> 'approvals', after ->> 'approvals', after ->> 'wanted'"
                        + " FROM runnel.audit_log WHERE name = 'public.guarded' ORDER BY id DESC LIMIT 1"))
                .containsExactly("0|1|ACTIVE");
    }

    @Test
    void approval_is_kept_until_a_refresh_has_used_it_whatever_fails_meanwhile() throws SQLException {
        create("AUTO", "0.3");
        client.run("DELETE FROM guarded_source WHERE id <= 500");
        awaitStopped();
        try (SqlClient holder = new SqlClient(database)) {
            // A refresh cannot succeed while the frontier is held; the second approval adds nothing.
            holder.begin();
            holder.run("SELECT FROM runnel_internal.frontier WHERE stream_table_id ="
                    + " (SELECT id FROM runnel.stream_tables WHERE table_name = 'guarded') FOR UPDATE");
            client.run("SELECT runnel.approve_refresh('guarded')");
            client.run("SELECT runnel.approve_refresh('guarded')");
            assertThat(client.rows("SELECT approved FROM runnel.stream_tables WHERE table_name = 'guarded'"))
                    .containsExactly("t");
            holder.commit();
        }
        client.awaitRow("SELECT FROM runnel.stream_tables WHERE table_name = 'guarded' AND status = 'ACTIVE'"
                + " AND last_error_code IS NULL AND NOT approved");
        client.assertSyncedEquals("guarded", QUERY);
        client.run("DELETE FROM guarded_source WHERE id <= 900");
        awaitStopped();
    }

    @Test
    void shares_that_are_none_are_refused() {
        for (String share : new String[] {"-0.1", "1.01", "'NaN'", "'Infinity'"}) {
            assertThatThrownBy(() -> create("AUTO", share))
                    .as(share)
                    .hasMessageContaining("invalid share of changed rows");
        }
    }

    private String sum(String table) throws SQLException {
        return client.rows("SELECT count(*), sum(amount) FROM " + table).get(0);
    }
}
