package io.runnel.materialized;

import io.runnel.postgres.Database;
import io.runnel.postgres.EventLoop;
import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/** Has the stream tables and projections refreshed that a view reads, as far as they wait for somebody to need them. */
@ApplicationScoped
class Upstream {

    private static final Duration PAUSE_MIN = Duration.ofMillis(20);
    private static final Duration PAUSE_MAX = Duration.ofMillis(500);

    private static final Sql APPROACH = Sql.of("""
            SELECT look.awaited::text AS awaited, look.asked::text AS asked, look.notes, look.ready, look.waits_for
            FROM runnel_internal.approach_upstream($1, $2::text::pg_snapshot, $3::text::jsonb, $4::text[]) AS look""");

    private final Database database;
    private final EventLoop loop;
    private final Duration longest;

    Upstream(
            Database database,
            EventLoop loop,
            @ConfigProperty(name = "runnel.refresh.upstream-wait-max", defaultValue = "10s") Duration longest) {
        this.database = database;
        this.loop = loop;
        this.longest = longest;
    }

    /** Waits until they are as fresh as they get, but not for long; tells which of them are not, and why. */
    Uni<List<String>> freshen(ManagedView view) {
        return Uni.createFrom()
                .deferred(() -> again(view, Look.FIRST, PAUSE_MIN, System.nanoTime() + longest.toNanos()));
    }

    private Uni<List<String>> again(ManagedView view, Look before, Duration pause, long deadline) {
        return look(view, before).flatMap(look -> {
            Optional<String> missing = look.waitsFor();
            if (missing.isEmpty()) {
                return Uni.createFrom().item(look.notes());
            } else if (System.nanoTime() >= deadline) {
                List<String> notes = new ArrayList<>(look.notes());
                notes.add(missing.get() + " was not fresh within " + longest.toMillis() + " ms");
                return Uni.createFrom().item(notes);
            }
            Duration next = pause.multipliedBy(3).dividedBy(2);
            return sleep(pause)
                    .flatMap(slept -> again(view, look, next.compareTo(PAUSE_MAX) > 0 ? PAUSE_MAX : next, deadline));
        });
    }

    private Uni<Look> look(ManagedView view, Look before) {
        return database.session(session -> session.one(
                        APPROACH,
                        view.id(),
                        before.awaited(),
                        before.asked(),
                        before.notes().toArray(new String[0])))
                .map(found -> look(found.orElseThrow()));
    }

    private static Look look(Row row) {
        return new Look(
                row.text("awaited"),
                row.text("asked"),
                row.texts("notes"),
                row.truth("ready") ? Optional.empty() : row.optionalText("waits_for"));
    }

    private Uni<Void> sleep(Duration pause) {
        return Uni.createFrom().emitter(emitter -> loop.after(pause, () -> emitter.complete(null)));
    }

    /**
     * How far a wait is.
     *
     * @param awaited what the next one must include; null before the first look
     * @param asked those that are done, and the requests of those that are not
     * @param notes why some are not waited for
     */
    private record Look(@Nullable String awaited, String asked, List<String> notes, Optional<String> waitsFor) {
        static final Look FIRST = new Look(null, "{}", List.of(), Optional.empty());
    }
}
