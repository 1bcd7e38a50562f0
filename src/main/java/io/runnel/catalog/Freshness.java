package io.runnel.catalog;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * How far a stream table is behind its sources, measured in the sources.
 *
 * @param frontier the snapshot up to which all changes are applied; empty before the first fill
 * @param refreshedAt when that snapshot was taken
 * @param pendingChanges change rows of its direct sources that it does not include yet; empty before the first fill
 * @param lagSeconds no change older than this is missing, counting what the read models that it reads are missing;
 *     0 if nothing is; empty before the first fill, and if it is not known for a projection or materialized view
 *     that it reads
 * @param upstream ids of the stream tables that it reads
 */
public record Freshness(
        long id,
        QualifiedName name,
        Optional<String> frontier,
        Optional<Instant> refreshedAt,
        Optional<Long> pendingChanges,
        Optional<Double> lagSeconds,
        List<Long> upstream) {

    public Freshness {
        upstream = List.copyOf(upstream);
    }
}
