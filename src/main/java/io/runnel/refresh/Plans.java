package io.runnel.refresh;

import io.smallrye.mutiny.Uni;

/** Where a refresh finds the plan of a stream table. */
public interface Plans {

    /**
     * The plan of the reconciled definition.
     *
     * @return fails with {@link io.runnel.postgres.Failure.Conflict} while the stream table is being initialised
     */
    Uni<MaintenancePlan> plan(long id);

    /** Has the stream table built anew, because its sources are no longer what it was built upon. */
    Uni<Void> outdated(MaintenancePlan plan);

    /** Forgets the plan, because the database contradicted it; the next call computes it anew. */
    void forget(long id);
}
