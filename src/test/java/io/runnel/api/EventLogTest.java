package io.runnel.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.runnel.api.SqlSurface.Session;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Event logs as an ordinary role sees them. */
class EventLogTest extends SqlFixture {

    private static final String GUARDS =
            "SELECT name, position_column, immutable, on_update, on_delete, on_truncate FROM runnel.event_logs";
    private static final String IMMUTABLE = "RN020";
    private static final String OTHER_VERSION = "RN021";
    private static final int APPENDERS = 6;
    private static final int EVENTS_EACH = 40;

    private static final String REFERENCE = """
            CREATE TABLE "events" (
                "id" serial primary key not null, "uuid" uuid NOT NULL, "type" text NOT NULL, "body" jsonb NOT NULL,
                "inserted_at" timestamp(6) NOT NULL DEFAULT statement_timestamp());
            create or replace function fn_trigger_reject_update_or_delete() returns trigger as $$
            begin
                RETURN NULL;
            end;
            $$ language plpgsql security definer;
            create trigger event_reject_update_or_delete before update or delete on events
                for each row execute procedure fn_trigger_reject_update_or_delete();
            INSERT INTO events (uuid, type, body) VALUES (gen_random_uuid(), 'user_create', '{}')""";

    @Test
    void created_log_takes_events_and_refuses_every_change() throws Exception {
        assertThat(app.rows("SELECT runnel.create_event_log('orders', entity_type => 'uuid')"))
                .containsExactly("CREATED");
        String entity = "'11111111-1111-1111-1111-111111111111'";
        assertThat(app.rows("SELECT * FROM runnel.append('orders', " + entity + ", 'Created', '{\"a\": 1}', 0)"))
                .containsExactly("1|1");
        assertThat(app.rows("SELECT * FROM runnel.append('shop.orders', " + entity + ", 'Paid')"))
                .containsExactly("2|2");
        for (String change : List.of(
                "UPDATE orders SET type = 'x'",
                "UPDATE orders SET type = 'x' WHERE false",
                "DELETE FROM orders WHERE false",
                "TRUNCATE orders",
                "INSERT INTO orders (entity, version, type) VALUES (gen_random_uuid(), 1, 'x')"
                        + " ON CONFLICT (entity, version) DO UPDATE SET type = 'y'",
                "MERGE INTO orders USING (SELECT 1) AS one ON false WHEN MATCHED THEN DELETE")) {
            app.fails(change, IMMUTABLE);
        }
        assertThat(app.rows("SELECT version, type, body, metadata FROM orders"))
                .containsExactly("1|Created|{\"a\": 1}|{}", "2|Paid|{}|{}");
        assertThat(app.rows(GUARDS)).containsExactly("shop.orders|position|t|REFUSED|REFUSED|REFUSED");
    }

    @Test
    void event_is_appended_only_at_the_version_that_was_expected() throws Exception {
        app.run("SELECT runnel.create_event_log('orders')");
        app.fails("SELECT runnel.append('orders', 'a', 'Paid', expected_version => 1)", OTHER_VERSION);
        app.run("SELECT runnel.append('orders', 'a', 'Created', expected_version => 0)");
        app.fails("SELECT runnel.append('orders', 'a', 'Created', expected_version => 0)", OTHER_VERSION);
        app.fails("SELECT runnel.append('orders', 'a', 'Paid', expected_version => 2)", OTHER_VERSION);
        app.fails("SELECT runnel.append('orders', 'a', 'Paid', expected_version => -1)", "22023");
        app.fails("SELECT runnel.append('orders', NULL, 'Paid')", "23502");
        app.fails("SELECT runnel.append('nothing', 'a', 'Paid')", "42P01");
        assertThat(app.rows("SELECT version FROM runnel.append('orders', 'a', 'Paid', expected_version => 1)"))
                .containsExactly("2");
        assertThat(app.rows("SELECT version FROM runnel.append('orders', 'b', 'Created')"))
                .containsExactly("1");
        app.run("CREATE TABLE own (id bigserial PRIMARY KEY)");
        app.run("SELECT runnel.create_event_log('own')");
        app.fails("SELECT runnel.append('own', 'a', 'Paid')", "55000");
    }

    @Test
    void one_of_those_who_expect_the_same_version_wins_and_waits_for_none_that_rolls_back() throws Exception {
        app.run("SELECT runnel.create_event_log('orders')");
        try (Session first = surface.session("app");
                Session repeatable = surface.session("app")) {
            first.run("BEGIN");
            repeatable.run("BEGIN ISOLATION LEVEL REPEATABLE READ");
            assertThat(repeatable.rows("SELECT count(*) FROM orders")).containsExactly("0");
            first.run("SELECT runnel.append('orders', 'a', 'Created', expected_version => 0)");
            Future<List<String>> waiting = appendLater(
                    "SELECT version FROM runnel.append('orders', 'a', 'Other', " + "expected_version => 0)");
            first.run("ROLLBACK");
            assertThat(waiting.get(20, TimeUnit.SECONDS)).containsExactly("1");
            repeatable.fails("SELECT runnel.append('orders', 'a', 'Late', expected_version => 0)", "40001");
        }
    }

    private Future<List<String>> appendLater(String sql) throws SQLException {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        Session session = surface.session("app");
        Future<List<String>> result = executor.submit(() -> {
            try (session) {
                return session.rows(sql);
            }
        });
        executor.shutdown();
        return result;
    }

    @Test
    void concurrent_appenders_get_versions_without_gaps_or_duplicates() throws Exception {
        app.run("SELECT runnel.create_event_log('orders')");
        ExecutorService executor = Executors.newFixedThreadPool(APPENDERS);
        List<Future<Integer>> appenders = new ArrayList<>();
        for (int i = 0; i < APPENDERS; i++) {
            boolean expecting = i % 2 == 0;
            appenders.add(executor.submit(() -> append(expecting)));
        }
        int conflicts = 0;
        for (Future<Integer> appender : appenders) {
            conflicts += appender.get(60, TimeUnit.SECONDS);
        }
        executor.shutdown();
        assertThat(app.rows("SELECT version FROM orders ORDER BY version"))
                .isEqualTo(IntStream.rangeClosed(1, APPENDERS * EVENTS_EACH)
                        .mapToObj(Integer::toString)
                        .toList());
        assertThat(app.rows("SELECT count(*) FROM orders o JOIN orders p ON p.version = o.version + 1"
                        + " WHERE p.body->>'after' IS NOT NULL AND (p.body->>'after')::bigint <> o.version"))
                .containsExactly("0");
        assertThat(conflicts).isNotNegative();
    }

    /** Appends its events, each after what it has read if it expects a version; returns how often others were faster. */
    private static int append(boolean expecting) throws SQLException {
        int conflicts = 0;
        try (Session session = surface.session("app")) {
            for (int done = 0; done < EVENTS_EACH; ) {
                String version = session.rows("SELECT coalesce(max(version), 0) FROM orders WHERE entity = 'a'")
                        .get(0);
                String arguments = expecting
                        ? "body => '{\"after\": " + version + "}', expected_version => " + version
                        : "body => '{}'";
                try {
                    session.run("SELECT runnel.append('orders', 'a', 'Changed', " + arguments + ")");
                    done++;
                } catch (SQLException refused) {
                    assertThat(refused.getSQLState()).isEqualTo(OTHER_VERSION);
                    conflicts++;
                }
            }
        }
        return conflicts;
    }

    @Test
    void table_that_ignores_changes_is_recognised_and_left_as_it_is() throws Exception {
        app.run(REFERENCE);
        assertThat(app.rows("SELECT runnel.create_event_log('events')")).containsExactly("MADE IMMUTABLE");
        assertThat(app.rows("SELECT runnel.create_event_log('events')")).containsExactly("IMMUTABLE");
        assertThat(app.rows(GUARDS)).containsExactly("shop.events|id|t|IGNORED|IGNORED|REFUSED");
        app.run("UPDATE events SET type = 'x'");
        app.run("DELETE FROM events");
        app.fails("TRUNCATE events", IMMUTABLE);
        assertThat(app.rows("SELECT type FROM events")).containsExactly("user_create");
        app.run("SELECT runnel.drop_event_log('events')");
        app.run("TRUNCATE events");
    }

    @Test
    void rules_and_triggers_are_read_for_what_they_do() throws Exception {
        app.run("CREATE TABLE log (id bigserial PRIMARY KEY, a int)");
        app.run("CREATE RULE no_update AS ON UPDATE TO log DO INSTEAD NOTHING");
        app.run("CREATE RULE some_deletes AS ON DELETE TO log WHERE old.a = 1 DO INSTEAD NOTHING");
        trigger("loud", "begin -- never\n raise exception 'no'; return null; end", "TRUNCATE", "STATEMENT");
        assertThat(guards()).containsExactly("IGNORED|ALLOWED|REFUSED");
        trigger("useless", "begin return null; end", "DELETE", "STATEMENT");
        trigger("notice", "begin raise notice 'x'; return null; end", "DELETE", "ROW");
        trigger("maybe", "begin if old.a = 1 then return null; end if; return old; end", "DELETE", "ROW");
        trigger("caught", "begin raise 'x'; exception when others then return old; end", "DELETE", "ROW");
        assertThat(guards()).containsExactly("IGNORED|ALLOWED|REFUSED");
        trigger("silent", "declare\n  unused integer;\nbegin\n  /* why */ return NULL;\nend", "DELETE", "ROW");
        assertThat(guards()).containsExactly("IGNORED|IGNORED|REFUSED");
        app.run("ALTER TABLE log DISABLE TRIGGER silent");
        assertThat(guards()).containsExactly("IGNORED|ALLOWED|REFUSED");
        assertThat(app.rows("SELECT runnel.create_event_log('log')")).containsExactly("MADE IMMUTABLE");
        app.fails("DELETE FROM log WHERE false", "RN020");
        assertThat(guards()).containsExactly("IGNORED|REFUSED|REFUSED");
        app.run("DROP RULE no_update ON log");
        assertThat(guards()).containsExactly("ALLOWED|REFUSED|REFUSED");
        app.run("SELECT runnel.create_event_log('log')");
        assertThat(guards()).containsExactly("REFUSED|REFUSED|REFUSED");
        app.fails("DELETE FROM log WHERE false", "RN020");
    }

    private List<String> guards() throws SQLException {
        return app.rows("SELECT on_update, on_delete, on_truncate FROM runnel_internal.log_guards('log'::regclass)");
    }

    private void trigger(String name, String body, String operation, String level) throws SQLException {
        app.run("CREATE FUNCTION fn_" + name + "() RETURNS trigger LANGUAGE plpgsql AS $fn$" + body + "$fn$");
        app.run("CREATE TRIGGER " + name + " BEFORE " + operation + " ON log FOR EACH " + level
                + " EXECUTE FUNCTION fn_" + name + "()");
    }

    @Test
    void partitions_and_children_are_immutable_too() throws Exception {
        app.run("CREATE TABLE parted (id bigint GENERATED ALWAYS AS IDENTITY, region int, PRIMARY KEY (id, region))"
                + " PARTITION BY LIST (region)");
        app.run("CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1)");
        app.run("SELECT runnel.create_event_log('parted')");
        app.run("INSERT INTO parted (region) VALUES (1)");
        app.fails("UPDATE parted_1 SET region = 1 WHERE false", IMMUTABLE);
        app.fails("TRUNCATE parted_1", IMMUTABLE);
        app.fails("DELETE FROM parted WHERE false", IMMUTABLE);
        app.run("CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2)");
        app.run("INSERT INTO parted (region) VALUES (2)");
        app.fails("UPDATE parted_2 SET region = 2", IMMUTABLE);
        assertThat(app.rows(GUARDS)).containsExactly("shop.parted|id|f|REFUSED|REFUSED|ALLOWED");
        app.run("SELECT runnel.create_event_log('parted')");
        app.fails("TRUNCATE parted_2", IMMUTABLE);
        assertThat(app.rows(GUARDS)).containsExactly("shop.parted|id|t|REFUSED|REFUSED|REFUSED");
        app.fails("SELECT runnel.create_event_log('parted_1')", "42809");
        app.run("CREATE TABLE parent (id bigserial PRIMARY KEY)");
        app.run("CREATE TABLE child () INHERITS (parent)");
        app.run("SELECT runnel.create_event_log('parent')");
        app.fails("DELETE FROM child", IMMUTABLE);
        app.run("SELECT runnel.drop_event_log('parent')");
        app.run("SELECT runnel.drop_event_log('parted')");
        app.run("DELETE FROM child; DELETE FROM parted_1; TRUNCATE parted, parent");
    }

    @Test
    void only_the_owner_declares_a_table_and_others_see_what_they_may_read() throws Exception {
        app.run("CREATE TABLE log (id bigserial PRIMARY KEY); GRANT SELECT ON log TO stranger");
        app.run("GRANT USAGE ON SCHEMA shop TO stranger");
        try (Session stranger = surface.session("stranger")) {
            stranger.fails("SELECT runnel.create_event_log('log')", "42501");
            stranger.fails("SELECT runnel_internal.declare_log('log'::regclass, 'id', true)", "42501");
            app.run("SELECT runnel.create_event_log('log')");
            app.run("SELECT runnel.create_event_log('hidden')");
            assertThat(stranger.rows("SELECT name, declared FROM runnel.event_logs"))
                    .containsExactly("shop.log|t");
            stranger.fails("SELECT runnel.drop_event_log('log')", "42501");
            stranger.fails("SELECT runnel.append('hidden', 'a', 'b')", "42501");
        }
    }

    @Test
    void wrong_arguments_are_refused() throws Exception {
        app.run("CREATE TABLE bare (a int); CREATE VIEW seen AS SELECT 1 AS a");
        app.run("CREATE TABLE two (a int PRIMARY KEY, b bigint NOT NULL UNIQUE)");
        app.fails("SELECT runnel.create_event_log('bare')", "22023");
        app.fails("SELECT runnel.create_event_log('two')", "22023");
        app.fails("SELECT runnel.create_event_log('two', 'c')", "42703");
        app.fails("SELECT runnel.create_event_log('two', 'b', entity_type => 'uuid')", "42P07");
        app.run("SELECT runnel.create_event_log('two', 'b')");
        app.fails("SELECT runnel.create_event_log('seen')", "42809");
        app.fails("SELECT runnel.create_event_log(NULL)", "42602");
        app.fails("SELECT runnel.create_event_log('nowhere.log')", "3F000");
        app.fails("SELECT runnel.create_event_log('runnel.log')", "42939");
        app.fails("SELECT runnel.create_event_log('new', entity_type => 'nothing')", "42704");
        app.run("SELECT runnel.create_stream_table('totals', 'SELECT 1 AS a')");
        app.fails("SELECT runnel.create_event_log('totals')", "42809");
        app.fails("SELECT runnel.drop_event_log('bare')", "P0002");
        app.fails("SELECT runnel.drop_event_log('nothing')", "42P01");
    }
}
