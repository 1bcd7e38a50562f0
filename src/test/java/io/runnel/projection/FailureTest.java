package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What becomes of events that cannot be handled, and of definitions that cannot work. */
@QuarkusTest
class FailureTest extends ProjectionFixture {

    private static final String ACCOUNTS = "SELECT entity, total, positions FROM accounts ORDER BY entity";

    @BeforeEach
    void create() throws SQLException {
        client.run("CREATE TABLE log (position serial PRIMARY KEY, kind text NOT NULL, entity int, amount int)");
        client.run("CREATE TABLE accounts (entity int PRIMARY KEY, total int CHECK (total >= 0), positions int[])");
    }

    private void project(String settings) throws SQLException {
        client.run("""
                SELECT runnel.create_projection('accounts', 'log', 'position', type_column => 'kind',
                    entity_column => 'entity', targets => '{accounts}', batch_size => 3, %s,
                    handlers => jsonb_build_object('booked', $sql$
                        INSERT INTO accounts VALUES (event.entity, 0, '{}') ON CONFLICT DO NOTHING;
                        UPDATE accounts SET total = total + event.amount, positions = positions || event.position
                        WHERE entity = event.entity$sql$))""".formatted(settings));
    }

    private void book(int entity, int amount) throws SQLException {
        client.run("INSERT INTO log (kind, entity, amount) VALUES ('booked', " + entity + ", " + amount + ")");
    }

    @Test
    void projection_that_stops_keeps_what_came_before_and_goes_on_when_resumed() throws SQLException {
        project("failure_policy => 'STOP'");
        book(1, 10);
        book(2, -5);
        book(3, 10);
        awaitStatus("accounts", "SUSPENDED");
        assertThat(client.rows(ACCOUNTS)).containsExactly("1|10|{1}");
        assertThat(client.rows("SELECT last_processed_position, failing_position, last_error_code, consecutive_errors"
                        + " FROM runnel.projections WHERE name = 'accounts'"))
                .containsExactly("1|2|23514|1");
        client.run("INSERT INTO accounts VALUES (2, 100, '{}')");
        client.run("SELECT runnel.resume_projection('accounts')");
        awaitCaughtUp("accounts");
        assertThat(client.rows(ACCOUNTS)).containsExactly("1|10|{1}", "2|95|{2}", "3|10|{3}");
    }

    @Test
    void projection_that_retries_goes_on_by_itself_once_the_cause_is_gone() throws SQLException {
        project("failure_policy => 'RETRY'");
        book(2, -5);
        book(3, 10);
        client.awaitRow("SELECT FROM runnel.projections WHERE name = 'accounts' AND consecutive_errors >= 3");
        assertThat(client.rows(ACCOUNTS)).isEmpty();
        client.run("INSERT INTO accounts VALUES (2, 100, '{}')");
        awaitCaughtUp("accounts");
        assertThat(client.rows(ACCOUNTS)).containsExactly("2|95|{1}", "3|10|{2}");
        assertThat(client.rows("SELECT status, consecutive_errors FROM runnel.projections WHERE name = 'accounts'"))
                .containsExactly("ACTIVE|0");
    }

    @Test
    void projection_that_has_retried_often_enough_stops() throws SQLException {
        project("failure_policy => 'RETRY', attempts_max => 3");
        book(2, -5);
        awaitStatus("accounts", "SUSPENDED");
        assertThat(client.rows("SELECT consecutive_errors FROM runnel.projections WHERE name = 'accounts'"))
                .containsExactly("3");
    }

    @Test
    void dead_letter_holds_back_its_entity_only_until_it_is_retried() throws SQLException {
        project("failure_policy => 'DEAD_LETTER'");
        book(1, 10);
        book(2, -5);
        book(1, 10);
        book(2, 7);
        book(3, 1);
        awaitCaughtUp("accounts");
        assertThat(client.rows(ACCOUNTS)).containsExactly("1|20|{1,3}", "3|1|{5}");
        assertThat(client.rows(
                        "SELECT position, entity, event_type, status, attempts, error_code FROM runnel.dead_letters"
                                + " ORDER BY position"))
                .containsExactly("2|2|booked|FAILED|1|23514", "4|2|booked|WAITING|0|null");
        client.run("SELECT runnel.retry_dead_letters('accounts')");
        client.awaitRow("SELECT FROM runnel.dead_letters WHERE position = 2 AND attempts = 2");
        client.run("INSERT INTO accounts VALUES (2, 100, '{}')");
        book(2, 1);
        client.run("SELECT runnel.retry_dead_letters('accounts', 2)");
        client.awaitRow("SELECT FROM runnel.projections WHERE name = 'accounts' AND dead_letters = 0");
        awaitCaughtUp("accounts");
        assertThat(client.rows(ACCOUNTS)).containsExactly("1|20|{1,3}", "2|103|{2,4,6}", "3|1|{5}");
    }

    @Test
    void retry_is_not_lost_that_is_asked_for_while_a_batch_finds_nothing_to_retry() throws Exception {
        project("failure_policy => 'DEAD_LETTER'");
        book(2, -5);
        awaitCaughtUp("accounts");
        client.run("SELECT runnel.pause_projection('accounts')");
        client.run("UPDATE runnel_internal.projection_state SET recheck = true");
        try (SqlClient batch = client()) {
            batch.run("BEGIN; UPDATE runnel_internal.projection_state SET recheck = false");
            CompletableFuture<Void> retry = CompletableFuture.runAsync(() -> retry("accounts"));
            client.awaitRow("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
            batch.run("COMMIT");
            retry.get(10, TimeUnit.SECONDS);
        }
        assertThat(client.rows("SELECT recheck FROM runnel_internal.projection_state"))
                .containsExactly("t");
    }

    private void retry(String projection) {
        try (SqlClient person = client()) {
            person.run("SELECT runnel.retry_dead_letters('" + projection + "')");
        } catch (SQLException thrown) {
            throw new AssertionError(thrown);
        }
    }

    @Test
    void dismissed_dead_letter_lets_those_behind_it_pass() throws SQLException {
        project("failure_policy => 'DEAD_LETTER', attempts_max => 2");
        book(2, -5);
        book(2, 7);
        book(2, -100);
        book(2, 1);
        awaitCaughtUp("accounts");
        client.run("SELECT runnel.dismiss_dead_letter('accounts', 1)");
        client.awaitRow("SELECT FROM accounts");
        client.awaitRow("SELECT FROM runnel.dead_letters WHERE position = 3 AND status = 'FAILED'");
        client.run("SELECT runnel.dismiss_dead_letter('accounts', 3)");
        client.awaitRow("SELECT FROM accounts WHERE total = 8");
        assertThat(client.rows(ACCOUNTS)).containsExactly("2|8|{2,4}");
        assertThat(client.rows("SELECT * FROM runnel.dead_letters")).isEmpty();
        assertThatThrownBy(() -> client.run("SELECT runnel.dismiss_dead_letter('accounts', 3)"))
                .hasMessageContaining("no failed dead letter at position 3");
    }

    @Test
    void target_that_is_gone_stops_every_policy_instead_of_burying_every_event() throws SQLException {
        project("failure_policy => 'DEAD_LETTER'");
        client.run("ALTER TABLE accounts RENAME TO others");
        book(1, 10);
        awaitStatus("accounts", "SUSPENDED");
        assertThat(client.rows("SELECT last_error_code, dead_letters FROM runnel.projections WHERE name = 'accounts'"))
                .containsExactly("42P01|0");
        client.run("ALTER TABLE others RENAME TO accounts");
        client.run("SELECT runnel.resume_projection('accounts')");
        awaitCaughtUp("accounts");
        assertThat(client.rows(ACCOUNTS)).containsExactly("1|10|{1}");
    }

    @Test
    void type_without_a_handler_fails_when_not_all_are_ignored() throws SQLException {
        project("ignored_types => '{seen}'");
        client.run("INSERT INTO log (kind) VALUES ('seen'), ('strange')");
        awaitStatus("accounts", "SUSPENDED");
        assertThat(client.rows(
                        "SELECT last_processed_position, last_error FROM runnel.projections WHERE name = 'accounts'"))
                .containsExactly("1|no handler for event type 'strange'");
        client.run("SELECT runnel.alter_projection('accounts', ignored_types => '{seen,strange}')");
        client.run("SELECT runnel.resume_projection('accounts')");
        awaitCaughtUp("accounts");
    }

    @Test
    void dropped_log_suspends_its_projection_and_the_projection_can_still_be_dropped() throws SQLException {
        project("failure_policy => 'STOP'");
        assertThatThrownBy(() -> client.run("DROP TABLE log")).hasMessageContaining("depend");
        client.run("DROP TABLE log CASCADE");
        awaitStatus("accounts", "SUSPENDED");
        client.run("SELECT runnel.drop_projection('accounts')");
        assertThat(client.rows("SELECT * FROM runnel.projections")).isEmpty();
    }

    @Test
    void dropped_projection_leaves_nothing_behind() throws SQLException {
        project("failure_policy => 'STOP'");
        book(1, 1);
        awaitCaughtUp("accounts");
        client.run("SELECT runnel.drop_projection('accounts')");
        client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM runnel_internal.event_log)");
        assertThat(client.rows("SELECT tgname FROM pg_trigger WHERE tgrelid = 'log'::regclass"))
                .isEmpty();
        assertThat(client.rows("SELECT relname FROM pg_class WHERE relname LIKE 'appended%'"))
                .isEmpty();
        client.run("DROP TABLE log");
    }

    @Test
    void handlers_that_cannot_work_are_refused_with_their_place() {
        refused(
                "INSERT INTO accounts (entity) SELECT event.nope",
                "the event has no column nope",
                "At character 38 of handler 1");
        refused(
                "INSERT INTO accounts (entity, nope) SELECT 1, 2",
                "column \"nope\" of relation \"accounts\" does not exist",
                "");
        refused("UPDATE nowhere SET a = 1", "relation \"nowhere\" does not exist", "");
        refused("no_function(event.entity)", "function no_function(integer) does not exist", "");
        refused("DROP TABLE accounts", "a handler cannot do this: DROP TABLE accounts", "");
        refused("INSERT INTO accounts VALUES (1", "syntax error", "");
        refused(" ; -- nothing", "one has no SQL", "");
        refused("SELECT 1'; DROP TABLE accounts; --", "unterminated quoted string", "");
    }

    private void refused(String sql, String message, String detail) {
        assertThatThrownBy(() -> client.run("SELECT runnel.create_projection('accounts', 'log', 'position',"
                        + " type_column => 'kind', handlers => jsonb_build_object('booked', $sql$" + sql + "$sql$))"))
                .describedAs(sql)
                .hasMessageContaining(message)
                .hasMessageContaining(detail);
    }

    @Test
    void handlers_run_with_the_rights_of_the_owner() throws SQLException {
        client.run("CREATE ROLE projector");
        client.run("GRANT USAGE, CREATE ON SCHEMA projected TO projector; GRANT SELECT ON log TO projector");
        client.run("GRANT USAGE ON SEQUENCE log_position_seq TO projector");
        try (SqlClient projector = client()) {
            projector.run("SET ROLE projector");
            assertThatThrownBy(() -> projector.run("SELECT runnel.create_projection('theirs', 'log', 'position',"
                            + " default_handler => 'INSERT INTO accounts VALUES (event.entity, 1)')"))
                    .hasMessageContaining("permission denied for table accounts");
            projector.run("CREATE TABLE who (name text, position int)");
            projector.run("SELECT runnel.create_projection('theirs', 'log', 'position',"
                    + " default_handler => 'INSERT INTO who VALUES (current_user, event.position)')");
            book(1, 1);
            awaitCaughtUp("theirs");
            assertThat(projector.rows("SELECT * FROM who")).containsExactly("projector|1");
            projector.run("SELECT runnel.alter_projection('theirs',"
                    + " default_handler => $$SELECT set_config('role', 'postgres', true)$$)");
            book(1, 1);
            awaitStatus("theirs", "SUSPENDED");
            assertThat(projector
                            .rows("SELECT last_error FROM runnel.projections WHERE name = 'theirs'")
                            .get(0))
                    .contains("cannot set parameter \"role\" within security-definer function");
            projector.run("SELECT runnel.drop_projection('theirs')");
            projector.run("RESET ROLE");
        }
        client.run("DROP OWNED BY projector; DROP ROLE projector");
    }

    @Test
    void who_does_not_own_a_projection_is_refused_and_not_ignored() throws SQLException {
        project("failure_policy => 'STOP'");
        client.run("CREATE ROLE stranger");
        try (SqlClient stranger = client()) {
            stranger.run("SET ROLE stranger");
            for (String action : List.of("pause", "resume", "drop")) {
                assertThatThrownBy(() -> stranger.run("SELECT runnel." + action + "_projection('accounts')"))
                        .as(action)
                        .hasMessageContaining("must be owner of projection accounts");
            }
            stranger.run("RESET ROLE");
        } finally {
            client.run("DROP ROLE stranger");
        }
        assertThat(client.rows("SELECT status FROM runnel.projections")).containsExactly("ACTIVE");
    }

    @Test
    void handler_may_be_several_statements_of_every_kind() throws SQLException {
        client.run("CREATE TABLE steps (place serial, step text)");
        client.run("""
                SELECT runnel.create_projection('steps', 'log', 'position', type_column => 'kind', handlers => jsonb_build_array(
                    jsonb_build_object('types', ARRAY['a', 'b'], 'sql', $sql$
                        -- A comment; with a semicolon, and a quote: '
                        INSERT INTO steps (step) VALUES ('first; ' || event.kind || $q$ $; $q$);
                        /* another ; /* nested */ */
                        INSERT INTO steps (step) SELECT "event".kind FROM log WHERE log.position = event.position RETURNING place;
                        WITH added AS (INSERT INTO steps (step) VALUES (E'it\\'s; with') RETURNING *) SELECT * FROM added;
                        SELECT pg_notify('projected', event.entity::text);
                        MERGE INTO steps USING (SELECT event.kind AS kind) AS e ON step = e.kind
                            WHEN MATCHED THEN UPDATE SET step = upper(step);
                        DELETE FROM steps WHERE step LIKE '%never%';
                    $sql$)), default_handler => 'INSERT INTO steps (step) VALUES (event::text)')""");
        client.run("INSERT INTO log (kind, entity) VALUES ('b', 1), ('other', 2)");
        awaitCaughtUp("steps");
        assertThat(client.rows("SELECT step FROM steps ORDER BY place"))
                .containsExactly("first; b $; ", "B", "it's; with", "(2,other,2,)");
    }
}
