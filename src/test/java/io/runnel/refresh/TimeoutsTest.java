package io.runnel.refresh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.vertx.VertxContextSupport;
import io.runnel.SqlClient;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.event.Event;
import jakarta.inject.Inject;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Collection;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Refreshes that take or wait longer than they may. */
@QuarkusTest
class TimeoutsTest {

    private static final String STATE = "SELECT status, consecutive_errors, last_error_code, last_error_hint <> ''"
            + " FROM runnel.stream_tables WHERE table_name = 'timed'";

    @Inject
    DataSource jdbc;

    @Inject
    Database database;

    @Inject
    Plans plans;

    @Inject
    RefreshCosts costs;

    @Inject
    Event<RefreshCompleted> completed;

    @Inject
    Event<RefreshFailed> failed;

    private SqlClient client;

    @BeforeEach
    void create() throws SQLException {
        client = new SqlClient(jdbc);
        client.run("CREATE TABLE timed_source (id int PRIMARY KEY)");
        client.run("CREATE TABLE timed_slowness AS SELECT 0.0 AS seconds");
        client.run("CREATE FUNCTION timed_slow(id int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
                + " PERFORM pg_sleep(seconds) FROM public.timed_slowness; RETURN id; END $$");
        client.run("INSERT INTO timed_source VALUES (1), (2)");
        client.run("SELECT runnel.create_stream_table('timed',"
                + " 'SELECT id, timed_slow(id) AS same FROM timed_source', 'manual')");
        client.awaitStatus("timed", "ACTIVE");
    }

    @AfterEach
    void drop() throws SQLException {
        client.run("SELECT runnel.drop_stream_table('timed')");
        client.run("DROP TABLE timed_source, timed_slowness");
        client.run("DROP FUNCTION timed_slow");
        client.close();
    }

    @Test
    void refresh_that_takes_too_long_is_an_error_that_says_so() throws Throwable {
        client.run("UPDATE timed_slowness SET seconds = 5");
        client.run("INSERT INTO timed_source VALUES (3)");
        assertThatThrownBy(() -> refresh(Duration.ofMillis(200), Duration.ofSeconds(10)))
                .isInstanceOf(Failure.Conflict.class)
                .hasMessage("a refresh of public.timed took longer than 200 ms");
        assertThat(client.rows(STATE)).containsExactly("ACTIVE|1|refresh-timeout|t");
        client.run("UPDATE timed_slowness SET seconds = 0");
        assertThat(refresh(Duration.ofSeconds(60), Duration.ofSeconds(10)).inserted())
                .isEqualTo(1);
        assertThat(client.rows(STATE)).containsExactly("ACTIVE|0|null|null");
    }

    @Test
    void lock_that_is_waited_for_too_long_is_told_and_suspends_nothing() throws Throwable {
        client.run("INSERT INTO timed_source VALUES (3)");
        assertThat(refresh(Duration.ofSeconds(60), Duration.ofSeconds(10)).inserted())
                .isEqualTo(1);
        client.run("INSERT INTO timed_source VALUES (4)");
        try (SqlClient holder = new SqlClient(jdbc)) {
            holder.begin();
            holder.run("LOCK TABLE timed_source IN ACCESS EXCLUSIVE MODE");
            for (int i = 0; i < 6; i++) {
                assertThatThrownBy(() -> refresh(Duration.ofSeconds(60), Duration.ofMillis(50)))
                        .isInstanceOf(Failure.Unavailable.class)
                        .hasMessageStartingWith("a refresh of public.timed has waited for a lock longer than 50 ms");
            }
            assertThat(client.rows(STATE)).containsExactly("ACTIVE|0|lock-timeout|t");
            holder.commit();
        }
        assertThat(refresh(Duration.ofSeconds(60), Duration.ofSeconds(10)).inserted())
                .isEqualTo(1);
        assertThat(client.rows(STATE)).containsExactly("ACTIVE|0|null|null");
        assertThat(client.modes("timed")).containsExactly("FULL", "FULL", "FULL");
    }

    @Test
    void times_that_are_none_are_refused() {
        assertThatThrownBy(() -> new Timeouts(Duration.ZERO, Duration.ofSeconds(1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    private RefreshReport refresh(Duration statement, Duration lock) throws Throwable {
        long id = Long.parseLong(client.rows("SELECT id FROM runnel.stream_tables WHERE table_name = 'timed'")
                .get(0));
        Refresher refresher = new Refresher(
                database, new Hurried(plans, new Timeouts(statement, lock)), costs, completed, failed, false);
        return VertxContextSupport.subscribeAndAwait(() -> refresher.refresh(id));
    }

    /** The plans of the service, with other time-outs. */
    private record Hurried(Plans plans, Timeouts timeouts) implements Plans {
        @Override
        public Uni<MaintenancePlan> plan(long id) {
            return plans.plan(id)
                    .map(plan -> new MaintenancePlan(
                            plan.id(),
                            plan.version(),
                            plan.target(),
                            plan.owner(),
                            plan.runner(),
                            plan.searchPath(),
                            plan.timeZone(),
                            plan.view(),
                            plan.viewColumns(),
                            plan.sources(),
                            plan.delta(),
                            plan.timeDependent(),
                            plan.automatic(),
                            plan.shape(),
                            timeouts));
        }

        @Override
        public Uni<Void> outdated(MaintenancePlan plan) {
            return plans.outdated(plan);
        }

        @Override
        public Uni<Void> widen(MaintenancePlan plan) {
            return plans.widen(plan);
        }

        @Override
        public void forget(long id) {
            plans.forget(id);
        }

        @Override
        public Uni<Void> renewCapture(Collection<Long> relations) {
            return plans.renewCapture(relations);
        }
    }
}
