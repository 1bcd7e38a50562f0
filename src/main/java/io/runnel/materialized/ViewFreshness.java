package io.runnel.materialized;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.Optional;

/**
 * How far a managed materialized view is behind its sources, measured in the sources.
 *
 * @param frontier a snapshot that sees all that the view shows, for use as a token; empty before the first fill
 * @param lagSeconds no change older than this is missing, in the view or in the read models that it reads; 0 if it is proven
 *     that nothing is; empty before the first refresh, and after one by hand, of which it is not known what it saw
 * @param pendingStatements how many statements have written to the tables that it reads, and are missing; empty if that is
 *     not known
 * @param refreshedAt when the last refresh began
 * @param checkedAt when the contents were last known to be right
 */
public record ViewFreshness(
        QualifiedName name,
        String status,
        Optional<String> frontier,
        Optional<Double> lagSeconds,
        Optional<Long> pendingStatements,
        Optional<Instant> refreshedAt,
        Optional<Instant> checkedAt) {}
