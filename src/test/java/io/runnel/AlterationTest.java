package io.runnel;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.postgresql.util.PSQLException;

/** What administrators do to stream tables and their sources while the service runs. */
@QuarkusTest
class AlterationTest extends FaultFixture {

    @Test
    void paused_table_stands_still_and_catches_up_when_resumed() throws Exception {
        client.run("SELECT runnel.pause_stream_table('fault_totals')");
        client.awaitStatus("fault_totals", "PAUSED");
        List<String> before = client.rows("SELECT * FROM fault_totals ORDER BY region");
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('late', 3)");
        PSQLException refused = refused("CALL runnel.sync('fault_totals')");
        assertThat(refused.getSQLState()).isEqualTo("55000");
        assertThat(refused.getMessage()).contains("PAUSED");
        assertThat(client.rows("SELECT * FROM fault_totals ORDER BY region")).isEqualTo(before);
        client.run("SELECT runnel.resume_stream_table('fault_totals')");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'late'");
        client.assertSyncedEquals("fault_totals", TOTALS);
        assertThat(client.modes("fault_totals")).endsWith("DIFFERENTIAL");
    }

    @Test
    void altered_schedule_takes_effect_at_once() throws Exception {
        client.run("SELECT runnel.alter_stream_table('fault_totals', schedule => 'manual')");
        client.awaitRow("SELECT FROM runnel_internal.stream_table WHERE table_name = 'fault_totals'"
                + " AND version = reconciled_version");
        client.run("INSERT INTO fault_orders (region, amount) VALUES ('later', 3)");
        client.run("SELECT runnel.alter_stream_table('fault_totals', schedule => '50ms')");
        client.awaitRow("SELECT FROM fault_totals WHERE region = 'later'");
        client.assertSyncedEquals("fault_totals", TOTALS);
    }

    @Test
    void altered_query_with_the_same_columns_is_filled_and_maintained() throws Exception {
        String altered = TOTALS.replace("GROUP BY", "WHERE amount > 20 GROUP BY");
        client.run("CREATE INDEX fault_index ON fault_totals (region)");
        alter("fault_totals", altered);
        insert(client, 10);
        client.assertSyncedEquals("fault_totals", altered);
        assertThat(client.rows("SELECT FROM pg_indexes WHERE indexname = 'fault_index'"))
                .hasSize(1);
        assertThat(client.effectiveMode("fault_totals")).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void altered_query_with_other_columns_is_filled_and_maintained() throws Exception {
        String altered = "SELECT amount, max(id) AS latest, min(region) AS region FROM fault_orders GROUP BY amount";
        alter("fault_totals", altered);
        client.assertSyncedEquals("fault_totals", altered);
        insert(client, 10);
        client.run("DELETE FROM fault_orders WHERE id % 3 = 0");
        client.assertSyncedEquals("fault_totals", altered);
        assertThat(client.effectiveMode("fault_totals")).isEqualTo("DIFFERENTIAL");
    }

    @Test
    void query_altered_in_the_middle_of_writes_loses_no_change() throws Exception {
        String altered = "SELECT region, max(amount) AS most FROM fault_orders GROUP BY region";
        duringWrites(round -> alter("fault_totals", round % 2 == 0 ? altered : TOTALS));
        client.assertSyncedEquals("fault_totals", BLOWS % 2 == 1 ? altered : TOTALS);
    }

    @Test
    void stream_table_over_a_stream_table_equals_its_query_after_sync() throws Exception {
        String above = "SELECT orders, count(*) AS regions, sum(total) AS total FROM fault_totals GROUP BY orders";
        create("fault_above", above, "5s");
        client.assertSyncedEquals("fault_above", above);
        for (int i = 0; i < 5; i++) {
            insert(client, i);
            client.run("DELETE FROM fault_orders WHERE id % 10 = " + i);
            client.assertSyncedEquals("fault_above", above);
            client.assertEquals("fault_totals", TOTALS);
        }
        assertThat(client.effectiveMode("fault_above")).isEqualTo("DIFFERENTIAL");
        client.run("SELECT runnel.drop_stream_table('fault_above')");
    }

    @Test
    void view_over_a_source_is_read_through() throws Exception {
        client.run("CREATE VIEW fault_view AS SELECT id, upper(region) AS name, amount FROM fault_orders");
        String query = "SELECT name, sum(amount) AS total FROM fault_view GROUP BY name";
        create("fault_viewed", query, "100ms");
        client.assertSyncedEquals("fault_viewed", query);
        insert(client, 10);
        client.run("UPDATE fault_orders SET amount = amount + 1 WHERE id % 5 = 0");
        client.assertSyncedEquals("fault_viewed", query);
        assertThat(client.effectiveMode("fault_viewed")).isEqualTo("DIFFERENTIAL");
        client.run("SELECT runnel.drop_stream_table('fault_viewed')");
        client.run("DROP VIEW fault_view");
    }

    @Test
    void drop_is_refused_while_a_stream_table_depends_on_it() throws Exception {
        create("fault_above", "SELECT sum(total) AS total FROM fault_totals", "5s");
        client.sync("fault_above");
        PSQLException refused = refused("SELECT runnel.drop_stream_table('fault_totals')");
        assertThat(refused.getSQLState()).isEqualTo("2BP01");
        assertThat(refused.getMessage()).contains("fault_above").contains("Hint");
        insert(client, 10);
        client.assertSyncedEquals("fault_above", "SELECT sum(amount) AS total FROM fault_orders");
    }

    @Test
    void direct_writes_are_refused_with_a_hint_and_harm_nothing() throws Exception {
        for (String write : List.of(
                "INSERT INTO fault_totals VALUES ('x', 1, 1)",
                "UPDATE fault_totals SET orders = 0",
                "DELETE FROM fault_totals",
                "TRUNCATE fault_totals")) {
            PSQLException refused = refused(write);
            assertThat(refused.getSQLState()).as(write).isEqualTo("42809");
            assertThat(refused.getMessage()).contains("Hint: Write to its sources");
        }
        insert(client, 5);
        client.assertSyncedEquals("fault_totals", TOTALS);
    }
}
