package io.runnel.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.oneOf;

import io.quarkus.test.junit.QuarkusTest;
import io.restassured.path.json.JsonPath;
import io.runnel.schedule.Schedule;
import jakarta.inject.Inject;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

/** One grammar of schedules: what one surface takes the other takes, and the scheduler reads all of it. */
@QuarkusTest
class ScheduleInputTest extends RestFixture {

    private static final List<String> ACCEPTED = List.of(
            "500ms",
            "5s",
            "5S",
            "1h30m",
            "366d",
            "10ms",
            "2w",
            "manual",
            " Manual ",
            "downstream",
            "CALCULATED",
            "on-change",
            "on-change 20ms",
            "ON-CHANGE 1H",
            "on-change 0s",
            "*/5 * * * *",
            "0 0 9 * * MON-FRI",
            "@hourly",
            "@Daily",
            "0  30 4\t1 * *",
            "0 30 4 1 * * ; @hourly",
            "0 0 * * 1-5\n0 12 * * SUN;",
            "0 0 L * *",
            "0 0 * * 5L",
            "0 0 * * 1#2",
            "0 0 29 2 *",
            "0 0 30 2 1",
            "1,2,5-7/2 */3 1/5 jan-mar,DEC *",
            "0 0 * * 0,6-7");

    private static final List<String> REFUSED = List.of(
            "",
            " ",
            ";",
            "often",
            "5",
            "5x",
            "-5s",
            "1.5s",
            "9ms",
            "0s",
            "367d",
            "999999999w999999999w",
            "1s1s1s1s1s1s1s",
            "99999999999s",
            "5 s",
            "on-change x",
            "on-change 367d",
            "on-changes",
            "on-change 5s 5s",
            "@never",
            "* * *",
            "* * * * * * *",
            "61 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "*/99 * * * *",
            "22-2 * * * *",
            "0 0 30 2 *",
            "0 0 31 4,6,9-9 *",
            "0 0 ? * *",
            "0 0 * * 1#5",
            "0 0 W * *",
            "0 0 * * fri-tue",
            "a b c d e",
            "1,,2 * * * *",
            ", * * * *",
            "1- * * * *",
            "0 0 * * * ; x",
            "0 0 * * *|0 1 * * *",
            "\u0663s",
            "5s;6s",
            "'; SELECT 1",
            "* * * * *;".repeat(21),
            "1".repeat(1001));

    @Inject
    DataSource source;

    @Test
    void schedules_are_accepted_by_both_surfaces_and_read_by_the_scheduler() throws Throwable {
        table("rest.totals", QUERY, "manual");
        for (String written : ACCEPTED) {
            String stored = send("PATCH", TOTALS + "?wait=0s", Map.of("schedule", written))
                    .statusCode(oneOf(200, 202))
                    .extract()
                    .path("schedule");
            assertThat(alter(written)).as(written).isEmpty();
            given().get(TOTALS).then().body("schedule", equalTo(stored));
            assertThat(Schedule.parse(stored)).as(written).isEqualTo(Schedule.parse(written));
        }
    }

    @Test
    void what_is_no_schedule_is_refused_by_both_surfaces_with_the_same_words() throws Throwable {
        table("rest.totals", QUERY, "manual");
        for (String written : REFUSED) {
            JsonPath told = problem(send("PATCH", TOTALS, Map.of("schedule", written)), 400, "postgres-22023")
                    .extract()
                    .jsonPath();
            String words = told.getString("detail").replaceFirst("': ", "'\n  Detail: ") + "\n  Hint: "
                    + told.getString("hint");
            assertThat(alter(written))
                    .as(written)
                    .hasValueSatisfying(message -> assertThat(message)
                            .startsWith("ERROR: invalid schedule: '")
                            .contains(words));
        }
        given().get(TOTALS).then().body("schedule", equalTo("manual"));
    }

    /** The message of the failure, if it fails. */
    private Optional<String> alter(String schedule) throws SQLException {
        try (Connection connection = source.getConnection();
                PreparedStatement statement =
                        connection.prepareStatement("SELECT runnel.alter_stream_table('rest.totals', schedule => ?)")) {
            statement.setString(1, schedule);
            statement.execute();
            return Optional.empty();
        } catch (SQLException refused) {
            return Optional.of(String.valueOf(refused.getMessage()));
        }
    }

    @Test
    void whatever_is_stored_the_scheduler_reads() throws SQLException {
        String[] fields = {
            "*",
            "*/7",
            "*/1",
            "1-5",
            "31",
            "30",
            "2",
            "0",
            "7",
            "L",
            "1,15",
            "30/1",
            "1#4",
            "5L",
            "feb",
            "sun",
            "fri-sun",
            "*/31",
            "0-6/2",
            "feb-apr/2",
            "2,4",
            "0L",
            "7#1",
            "59",
            "23",
            "12"
        };
        Random random = new Random(7);
        int accepted = 0;
        try (Connection connection = source.getConnection();
                PreparedStatement statement = connection.prepareStatement("SELECT runnel_internal.schedule(?)")) {
            for (int round = 0; round < 6_000; round++) {
                StringBuilder text = new StringBuilder(fields[random.nextInt(fields.length)]);
                int count = 4 + random.nextInt(2);
                for (int field = 0; field < count; field++) {
                    text.append(' ').append(fields[random.nextInt(fields.length)]);
                }
                statement.setString(1, text.toString());
                try (ResultSet stored = statement.executeQuery()) {
                    stored.next();
                    assertThat(Schedule.parse(stored.getString(1)).text()).isNotBlank();
                    accepted++;
                } catch (SQLException refused) {
                    assertThat(refused.getSQLState()).isEqualTo("22023");
                }
            }
        }
        assertThat(accepted).isGreaterThan(50);
    }
}
