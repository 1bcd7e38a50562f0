package io.runnel.projection;

import io.runnel.sql.QualifiedName;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A table to which rows are only added: one that was declared, or that a projection reads.
 *
 * @param declared whether it was created or made immutable by Runnel
 * @param appendable whether {@code runnel.append} can write to it
 * @param projections the names of those that read it
 */
public record EventLog(
        QualifiedName name,
        String owner,
        Optional<String> positionColumn,
        boolean declared,
        boolean appendable,
        Guards guards,
        List<String> projections,
        Optional<Instant> declaredAt) {

    public EventLog {
        projections = List.copyOf(projections);
    }

    /**
     * What becomes of each kind of change: REFUSED with an error, IGNORED without one, or ALLOWED.
     *
     * @param guardedBy the triggers and rules that see to it
     */
    public record Guards(
            boolean immutable, String onUpdate, String onDelete, String onTruncate, List<String> guardedBy) {

        public Guards {
            guardedBy = List.copyOf(guardedBy);
        }
    }
}
