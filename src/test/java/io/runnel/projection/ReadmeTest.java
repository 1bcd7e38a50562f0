package io.runnel.projection;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The examples of the README do what it says. */
@QuarkusTest
class ReadmeTest extends ProjectionFixture {

    private static final Pattern SECTION = Pattern.compile("(?ms)^## Projections$(.*?)^## ");
    private static final Pattern EXAMPLE = Pattern.compile("(?s)```sql\n(.*?)```");

    @Test
    void examples_do_what_the_text_says() throws Exception {
        String section = SECTION.matcher(Files.readString(Path.of("README.md")))
                .results()
                .findFirst()
                .orElseThrow()
                .group(1);
        List<String> examples = EXAMPLE.matcher(section)
                .results()
                .map((MatchResult match) -> match.group(1))
                .toList();
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
}
