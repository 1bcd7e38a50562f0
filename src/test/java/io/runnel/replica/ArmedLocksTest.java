package io.runnel.replica;

import static org.assertj.core.api.Assertions.assertThat;

import io.quarkus.test.junit.QuarkusTest;
import io.runnel.SqlClient;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Listener;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The other services are sessions of the test. */
@QuarkusTest
class ArmedLocksTest {

    private static final int ID = 7;
    private static final String TAKE = "SELECT pg_advisory_lock(4711, 7)";
    private static final String RELEASE = "SELECT pg_advisory_unlock(4711, 7)";
    private static final String HELD =
            "SELECT FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND objid = 7"
                    + " AND mode = 'ExclusiveLock' AND granted";

    @Inject
    Listener listener;

    @Inject
    EventLoop loop;

    @Inject
    DataSource dataSource;

    private final BlockingQueue<Integer> disarmed = new LinkedBlockingQueue<>();
    private ArmedLocks locks;
    private SqlClient holder;
    private SqlClient third;
    private volatile boolean watching = true;

    @BeforeEach
    void connect() throws Exception {
        locks = new ArmedLocks(listener, Sql.of("4711"), "armed_locks_test");
        locks.shared(true);
        holder = new SqlClient(dataSource);
        third = new SqlClient(dataSource);
    }

    @AfterEach
    void close() throws Exception {
        watching = false;
        await(locks::releaseAll);
        for (SqlClient session : new SqlClient[] {holder, third}) {
            session.run("SELECT pg_advisory_unlock_all()");
            session.close();
        }
    }

    @Test
    void one_holds_a_lock_and_others_rely_on_it() throws Exception {
        assertThat(await(() -> locks.take(ID))).isTrue();
        assertThat(holder.rows(HELD)).hasSize(1);
        await(() -> locks.release(ID));
        assertThat(holder.rows(HELD)).isEmpty();
        holder.run(TAKE);
        assertThat(await(() -> locks.take(ID))).isTrue();
        assertThat(locks.armed(ID)).isTrue();
        assertThat(locks.told(ID)).isTrue();
        assertThat(locks.armed(ID)).isFalse();
        assertThat(locks.told(ID)).isFalse();
    }

    @Test
    void nobody_is_relied_on_by_a_service_that_is_alone() throws Exception {
        locks.shared(false);
        holder.run(TAKE);
        assertThat(await(() -> locks.take(ID))).isFalse();
        assertThat(locks.armed(ID)).isFalse();
    }

    /** A writer has shared it, and the writer's notification would have been skipped. */
    @Test
    void lock_that_a_writer_shares_is_not_to_be_relied_on() throws Exception {
        holder.run("SELECT pg_advisory_lock_shared(4711, 7)");
        assertThat(await(() -> locks.take(ID))).isFalse();
    }

    /** Between the two a writer may have found nobody. */
    @Test
    void lock_is_abandoned_although_another_service_has_taken_it() throws Exception {
        holder.run(TAKE);
        assertThat(await(() -> locks.take(ID))).isTrue();
        loop.run(() -> locks.watch(loop, () -> watching, disarmed::add));
        assertThat(disarmed.poll(1_500, TimeUnit.MILLISECONDS)).isNull();
        holder.run(RELEASE);
        third.run(TAKE);
        assertThat(disarmed.poll(3, TimeUnit.SECONDS)).isEqualTo(ID);
        assertThat(locks.armed(ID)).isFalse();
    }

    /** Its answer comes when nobody waits for it any more. */
    @Test
    void lock_that_was_asked_for_before_all_were_released_is_not_kept() throws Exception {
        CompletableFuture<Boolean> taken = new CompletableFuture<>();
        CompletableFuture<Void> released = new CompletableFuture<>();
        loop.run(() -> {
            loop.start(locks.take(ID), taken::complete, taken::completeExceptionally);
            loop.run(() ->
                    loop.start(locks.releaseAll(), done -> released.complete(null), released::completeExceptionally));
        });
        released.get(10, TimeUnit.SECONDS);
        assertThat(taken.get(10, TimeUnit.SECONDS)).isFalse();
        assertThat(holder.rows(HELD)).isEmpty();
        assertThat(locks.armed(ID)).isFalse();
    }

    private <T> T await(Supplier<Uni<T>> work) throws Exception {
        CompletableFuture<T> result = new CompletableFuture<>();
        loop.run(() -> loop.start(work.get(), result::complete, result::completeExceptionally));
        return result.get(10, TimeUnit.SECONDS);
    }
}
