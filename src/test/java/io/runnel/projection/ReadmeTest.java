package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;

/** The examples of the README do what it says. */
@QuarkusTest
class ReadmeTest extends ProjectionFixture {

    private static final Pattern SECTION = Pattern.compile("(?ms)^## ([^\n]*)$(.*?)(?=^## )");
    private static final Pattern EXAMPLE = Pattern.compile("(?s)```sql\n(.*?)```");

    @Test
    void examples_do_what_the_text_says() throws Exception {
        List<String> examples = examples("Projections");
        assertThat(examples).hasSize(6);
        client.run(examples.get(0));
        client.run(examples.get(1));
        client.run(examples.get(2));
        awaitCaughtUp("balances");
        assertThat(client.rows("SELECT * FROM balances ORDER BY customer")).containsExactly("ann|6", "bob|5");
        assertThat(client.rows("SELECT position, entity, status FROM runnel.dead_letters ORDER BY position"))
                .containsExactly("4|bob|FAILED", "5|bob|WAITING");
        client.run(examples.get(3));
        client.awaitRow("SELECT FROM balances WHERE customer = 'bob' AND amount = 6");
        client.run(examples.get(4));
        client.awaitRow(
                "SELECT FROM runnel.projections WHERE name = 'balances' AND dead_letters = 2 AND NOT replaying");
        awaitCaughtUp("balances");
        assertThat(client.rows("SELECT * FROM balances ORDER BY customer")).containsExactly("ann|6", "bob|5");
        client.run(examples.get(5));
        client.awaitRow("SELECT FROM runnel.projection_rebuilds WHERE status = 'EXCHANGED'");
        assertThat(client.rows("SELECT * FROM balances ORDER BY customer")).containsExactly("ann|6", "bob|5");
        client.run("SELECT runnel.finish_rebuild('balances')");
    }

    @Test
    void event_logs_take_events_and_refuse_changes() throws Exception {
        List<String> examples = examples("Event logs");
        assertThat(examples).hasSize(2);
        client.run(examples.get(0));
        assertThat(client.rows("SELECT position, version, type FROM account_events"))
                .containsExactly("1|1|opened", "2|2|deposited");
        assertThatThrownBy(() -> client.run("UPDATE account_events SET type = 'closed'"))
                .asInstanceOf(InstanceOfAssertFactories.type(SQLException.class))
                .extracting(SQLException::getSQLState)
                .isEqualTo("RN020");
        client.run(examples.get(1));
        assertThat(
                        client.rows(
                                "SELECT name, position_column, immutable FROM runnel.event_logs WHERE schema_name = 'projected'"))
                .containsExactlyInAnyOrder("projected.account_events|position|t", "projected.audit|id|t");
    }

    @Test
    void materialized_views_are_refreshed_and_adopted() throws Exception {
        List<String> examples = examples("Materialized views");
        assertThat(examples).hasSize(3);
        client.run(examples.get(0));
        client.awaitRow(
                "SELECT FROM runnel.materialized_views WHERE view_name = 'daily_revenue' AND status = 'ACTIVE'");
        client.run(examples.get(1));
        client.awaitRow("SELECT FROM daily_revenue WHERE revenue = 24.90 AND payments = 2");
        assertThat(client.rows("SELECT kind FROM runnel.materialized_view_history ORDER BY id"))
                .containsExactly("PLAIN", "CONCURRENTLY");
        client.run(examples.get(2));
        assertThat(client.rows("SELECT * FROM largest")).containsExactly("EUR|19.90");
        client.run("SELECT runnel.drop_materialized_view('daily_revenue')");
    }

    /** What is to be run in a section. */
    private static List<String> examples(String section) throws IOException {
        String text = SECTION.matcher(Files.readString(Path.of("README.md")))
                .results()
                .filter(match -> match.group(1).equals(section))
                .findFirst()
                .orElseThrow()
                .group(2);
        return EXAMPLE.matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
    }
}
