package io.runnel.materialized;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * A view that is to be refreshed.
 *
 * @param lastLook when it was last refreshed or found unchanged; empty if it has no contents and is due at once
 * @param requested whether somebody asked for a refresh
 * @param layered whether it reads stream tables or projections, which may have to be refreshed first
 * @param upstream the managed views that it reads, through views and other materialized views too
 */
record ManagedView(
        long id,
        QualifiedName name,
        RefreshTimes times,
        Optional<Instant> lastLook,
        boolean requested,
        boolean layered,
        Set<Long> upstream) {

    ManagedView {
        upstream = Set.copyOf(upstream);
    }

    /** Empty for never. */
    Optional<Instant> due(Instant now) {
        return requested || lastLook.isEmpty() ? Optional.of(now) : lastLook.flatMap(times::next);
    }

    ManagedView lookedAt(Instant when) {
        return new ManagedView(id, name, times, Optional.of(when), false, layered, upstream);
    }
}
