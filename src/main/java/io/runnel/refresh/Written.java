package io.runnel.refresh;

import io.runnel.postgres.Row;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;

/** How many rows of the visible table a refresh wrote. */
record Written(long inserted, long updated, long deleted) {

    /** What its row is declared as. */
    static final Sql COLUMNS = Sql.of("inserted bigint, updated bigint, deleted bigint, came bigint, gone bigint");

    static final Written NOTHING = new Written(0, 0, 0);

    long rows() {
        return inserted + updated + deleted;
    }

    /** Reads {@link io.runnel.delta.Application#COUNTS}; fails if not all rows were found that were to be written. */
    static Uni<Written> of(MaintenancePlan plan, Row row) {
        long inserted = row.number("inserted");
        long updated = row.number("updated");
        long deleted = row.number("deleted");
        if (inserted + updated != row.number("came") || deleted + updated != row.number("gone")) {
            return Uni.createFrom().failure(RefreshFailures.inconsistent(plan));
        }
        return Uni.createFrom().item(new Written(inserted, updated, deleted));
    }
}
