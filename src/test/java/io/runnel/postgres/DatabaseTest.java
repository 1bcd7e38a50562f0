package io.runnel.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.SqlClient;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Function;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;

@QuarkusTest
class DatabaseTest {

    /** More than the pool has connections. */
    private static final int OFTEN = 25;

    private static final Sql WRITE = Sql.of("INSERT INTO public.cancelled_work VALUES (1)");
    private static final Sql SLOW = Sql.of("SELECT pg_sleep(0.05)::text");

    @Inject
    Database database;

    @Inject
    DataSource applications;

    @Test
    void connection_comes_back_clean_from_work_that_nobody_waits_for_any_more() throws Throwable {
        try (SqlClient client = new SqlClient(applications)) {
            client.run("CREATE TABLE cancelled_work (a int)");
            for (int i = 0; i < OFTEN; i++) {
                assertThatThrownBy(() -> await(database.transaction(
                                        session -> session.execute(WRITE).flatMap(written -> session.one(SLOW)))
                                .ifNoItem()
                                .after(Duration.ofMillis(10))
                                .fail()))
                        .isInstanceOf(io.smallrye.mutiny.TimeoutException.class);
            }
            assertReusable(client);
            client.run("DROP TABLE cancelled_work");
        }
    }

    @Test
    void connection_comes_back_clean_from_work_that_throws() throws Throwable {
        Function<Session, Uni<String>> thrower = session -> {
            throw new IllegalStateException("a defect");
        };
        for (int i = 0; i < OFTEN; i++) {
            assertThatThrownBy(() -> await(database.session(thrower))).hasMessage("a defect");
            assertThatThrownBy(() -> await(database.transaction(thrower))).hasMessage("a defect");
            assertThatThrownBy(() -> await(database.rehearsal(thrower))).hasMessage("a defect");
        }
        try (SqlClient client = new SqlClient(applications)) {
            assertReusable(client);
        }
    }

    @Test
    void connections_reach_no_schema_that_others_write_to_and_notice_that_the_service_is_gone() throws Throwable {
        assertThat(setting("search_path")).isEqualTo("pg_catalog, pg_temp");
        assertThat(setting("client_connection_check_interval")).isEqualTo("1s");
        assertThat(setting("client_min_messages")).isEqualTo("warning");
    }

    @Test
    void names_in_definitions_are_found_where_people_look_for_them() throws Throwable {
        Function<Session, Uni<Optional<Row>>> path =
                session -> session.one(Sql.of("SELECT current_setting('search_path') AS value"));
        assertThat(await(database.definition(path)).orElseThrow().text("value")).isEqualTo("public");
        assertThat(await(database.draft(path)).orElseThrow().text("value")).isEqualTo("public");
        assertThat(setting("search_path")).isEqualTo("pg_catalog, pg_temp");
    }

    private void assertReusable(SqlClient client) throws Throwable {
        Optional<Row> slept = await(database.session(session -> session.one(SLOW)));
        assertThat(slept).isPresent();
        client.awaitRow("SELECT WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
                + " AND application_name NOT LIKE 'PostgreSQL JDBC%')");
    }

    private String setting(String name) throws Throwable {
        Optional<Row> row =
                await(database.session(session -> session.one(Sql.of("SELECT current_setting($1) AS value"), name)));
        return row.orElseThrow().text("value");
    }

    private static <T> T await(Uni<T> work) throws Throwable {
        return VertxContextSupport.subscribeAndAwait(
                () -> work.ifNoItem().after(Duration.ofSeconds(10)).fail());
    }
}
