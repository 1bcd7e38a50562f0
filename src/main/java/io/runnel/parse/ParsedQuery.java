package io.runnel.parse;

import io.runnel.operator.Operator;
import io.runnel.operator.Unsupported;
import java.util.List;

/**
 * What a query means.
 *
 * @param root the operator tree; its columns are the query's, in order, under names that are the query's own except
 *     where these are reserved
 * @param unsupported everything without a delta rule, by position; empty if the tree can be maintained incrementally
 * @param printedBack the query, without the wrapper, printed from what was read; empty if its structure was not
 *     understood. Wrapped again and canonicalised it must equal the canonical text canonicalised
 * @param counts what the query's own text contains, views not expanded
 */
public record ParsedQuery(Operator root, List<Unsupported> unsupported, String printedBack, Counts counts) {

    public ParsedQuery {
        unsupported = List.copyOf(unsupported);
    }

    /**
     * Numbers to be compared with the stored tree: if they differ, the query was misread.
     *
     * @param aggregates calls of aggregate functions that are not window calls; an item of ORDER BY that repeats one of
     *     the SELECT list is not counted, because PostgreSQL stores it once
     * @param sublinks queries inside expressions, counted likewise
     * @param windowCalls calls with OVER, counted likewise
     * @param times readings of the clock, counted likewise
     */
    public record Counts(int aggregates, int sublinks, int windowCalls, int times) {}

    public boolean isSupported() {
        return unsupported.isEmpty();
    }
}
