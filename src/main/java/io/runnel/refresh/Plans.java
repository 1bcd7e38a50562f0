package io.runnel.refresh;

import io.runnel.delta.Target;
import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Uni;
import java.util.Collection;

/** Where a refresh finds the plan of a stream table. */
public interface Plans {

    /** The code of the failure while a stream table is being built and there is nothing to refresh yet. */
    String NOT_INITIALIZED = "not-initialized";

    /**
     * The plan of the reconciled definition.
     *
     * @return fails with {@link Failure.Conflict} while the stream table is being initialised
     */
    Uni<MaintenancePlan> plan(long id);

    /** Has the stream table built anew, because its sources are no longer what it was built upon. */
    Uni<Void> outdated(MaintenancePlan plan);

    /** Has the stream table built anew, because a value of its key is too long for an index. */
    Uni<Void> widen(MaintenancePlan plan);

    /** Whether it failed because a value of the key is too long for the index by which rows are found. */
    static boolean tooWide(Target target, Throwable thrown) {
        return target.unique()
                && thrown instanceof Failure failure
                && failure.code().equals("postgres-54000");
    }

    /** Forgets the plan, because the database contradicted it; the next call computes it anew. */
    void forget(long id);

    /** Writes the change capture of sources anew whose columns have changed; what cannot be done now is left undone. */
    Uni<Void> renewCapture(Collection<Long> relations);
}
