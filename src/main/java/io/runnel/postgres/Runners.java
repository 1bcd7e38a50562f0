package io.runnel.postgres;

import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** Has functions made by which statements run with the rights of roles. */
@ApplicationScoped
public class Runners {

    private final Database database;

    /** By role. A role whose functions were taken away, or that was dropped and created again, has others. */
    private final Map<String, Runner> known = new ConcurrentHashMap<>();

    Runners(Database database) {
        this.database = database;
    }

    /** In a transaction of its own, because others may need them before the caller's ends. */
    public Uni<Runner> of(String role) {
        return database.session(session -> Runner.of(session, role)).invoke(runner -> known.put(role, runner));
    }

    /** Work that finds out by itself if what was known is gone, and is then done once more. */
    public <T> Uni<T> with(String role, Function<Runner, Uni<T>> work) {
        Runner runner = known.get(role);
        return runner == null
                ? of(role).flatMap(work::apply)
                : work.apply(runner).onFailure(Runner::gone).recoverWithUni(failure -> of(role).flatMap(work::apply));
    }
}
