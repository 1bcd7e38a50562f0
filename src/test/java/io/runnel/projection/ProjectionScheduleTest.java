package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import java.sql.SQLException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** When the events of a projection are handled. */
@QuarkusTest
class ProjectionScheduleTest extends ProjectionFixture {

    private static final String SETTINGS =
            "SELECT schedule, schedule_time_zone FROM runnel.projections WHERE name = 'timed'";

    @BeforeEach
    void create() throws SQLException {
        client.run("CREATE TABLE log (position bigserial PRIMARY KEY)");
        client.run("CREATE TABLE handled (position bigint, at timestamptz NOT NULL)");
    }

    private void project(String schedule) throws SQLException {
        client.run("SELECT runnel.create_projection('timed', 'log', 'position', batch_size => 2, schedule => '"
                + schedule + "', default_handler => 'INSERT INTO handled VALUES (event.position, clock_timestamp())')");
    }

    /** More than one batch each time; what would be handled when it arrives is found at any second. */
    @Test
    void cron_expressions_have_all_events_handled_at_their_seconds_and_at_no_others() throws SQLException {
        client.run("INSERT INTO log SELECT FROM generate_series(1, 5)");
        project("0-59/8 * * * * *; 4-59/8 * * * * *");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 5");
        for (int i = 0; i < 12; i++) {
            client.run("INSERT INTO log SELECT FROM generate_series(1, 3)");
            client.run("SELECT pg_sleep(0.7)");
        }
        awaitCaughtUp("timed");
        assertThat(client.rows(
                        "SELECT DISTINCT floor(extract(second FROM at))::int % 4 FROM handled WHERE position > 5"))
                .isSubsetOf("0", "1");
        assertThat(client.rows("SELECT count(*) FROM handled")).containsExactly("41");
        assertThat(client.rows(
                        "SELECT looked_at > now() - interval '10 seconds' FROM runnel_internal.projection_state"))
                .containsExactly("t");
    }

    @Test
    void reader_who_waits_does_not_wait_for_the_clock() throws SQLException {
        project("@yearly");
        client.awaitRow("SELECT FROM runnel_internal.projection_state WHERE looked_at IS NOT NULL");
        client.run("INSERT INTO log DEFAULT VALUES");
        client.run("SELECT pg_sleep(6)");
        assertThat(client.rows("SELECT count(*) FROM handled")).containsExactly("0");
        assertThat(client.rows("SELECT lag_seconds > 0 FROM runnel.read_models WHERE name = 'timed'"))
                .containsExactly("t");
        client.run("CALL runnel.sync('timed', '10s')");
        assertThat(client.rows("SELECT count(*) FROM handled")).containsExactly("1");
    }

    @Test
    void schedule_and_its_time_zone_can_be_altered() throws SQLException {
        client.run("SET TimeZone = 'America/New_York'");
        project("0 3 * * *");
        client.run("SET TimeZone = 'UTC'");
        assertThat(client.rows(SETTINGS)).containsExactly("0 3 * * *|America/New_York");
        client.run("SELECT runnel.alter_projection('timed', schedule_time_zone => 'europe/berlin',"
                + " default_handler => 'INSERT INTO handled VALUES (event.position, now())')");
        assertThat(client.rows(SETTINGS)).containsExactly("0 3 * * *|Europe/Berlin");
        client.awaitRow("SELECT FROM runnel_internal.projection_state WHERE looked_at IS NOT NULL");
        client.run("INSERT INTO log DEFAULT VALUES");
        client.run("SELECT runnel.alter_projection('timed', schedule => 'on-change')");
        client.awaitRow("SELECT FROM handled");
        client.run("INSERT INTO log DEFAULT VALUES");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 2");
        client.run("SELECT runnel.alter_projection('timed', schedule => '* * * * * *')");
        client.run("INSERT INTO log DEFAULT VALUES");
        client.awaitRow("SELECT FROM handled HAVING count(*) = 3");
    }

    @Test
    void pause_after_on_change_collects_events() throws SQLException {
        project("on-change 1s");
        for (int i = 0; i < 30; i++) {
            client.run("INSERT INTO log DEFAULT VALUES");
            client.run("SELECT pg_sleep(0.1)");
        }
        awaitCaughtUp("timed");
        assertThat(client.rows("SELECT count(*) FROM handled")).containsExactly("30");
        assertThat(Integer.parseInt(client.rows("SELECT count(*) FROM (SELECT at - lag(at) OVER (ORDER BY at) AS pause"
                                + " FROM handled) AS steps WHERE pause > interval '0.5 seconds'")
                        .get(0)))
                .isBetween(2, 5);
    }

    @Test
    void what_is_no_schedule_is_refused_with_what_would_be_one() {
        for (String schedule : new String[] {"manual", "downstream"}) {
            assertThatThrownBy(() -> project(schedule))
                    .hasMessageContaining("invalid schedule for a projection: '" + schedule + "'")
                    .hasMessageContaining("cron expressions separated by semicolons");
        }
        assertThatThrownBy(() -> project("0 3 * *")).hasMessageContaining("a cron expression has five fields");
        assertThatThrownBy(() -> project("0 3 31 2 *")).hasMessageContaining("the day never comes in these months");
        assertThatThrownBy(() -> project("0 25 * * *; 0 1 * * *")).hasMessageContaining("is no hour");
        assertThatThrownBy(() -> client.run("SELECT runnel.create_projection('timed', 'log', 'position',"
                        + " default_handler => 'SELECT 1', schedule_time_zone => 'Nowhere')"))
                .hasMessageContaining("invalid time zone: 'Nowhere'");
    }
}
