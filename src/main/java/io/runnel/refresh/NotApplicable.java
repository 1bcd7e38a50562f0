package io.runnel.refresh;

import io.runnel.postgres.Failure;

/**
 * Changes that cannot be applied to what is there, although the query may well have a result. The terms of a delta
 * evaluate expressions for rows that the query does not: pairs of an old and a new row, or rows that PostgreSQL leaves out
 * before it divides by their zero. What helps is a refresh in full, whose own errors are then those of the query.
 */
final class NotApplicable extends RuntimeException {

    private static final long serialVersionUID = 1L;

    NotApplicable(Throwable cause) {
        super("the changes alone could not be applied: " + cause.getMessage(), cause, false, false);
    }

    /**
     * Whether a refresh in full may do better.
     *
     * @param strict whether rows that are not where they should be are a defect to be told, as they are in tests
     */
    static boolean because(Throwable thrown, boolean strict) {
        if (!(thrown instanceof Failure failure)) {
            return false;
        }
        boolean ofData =
                failure.code().startsWith("postgres-22") || failure.code().equals("postgres-21000");
        boolean ofContents = failure.code().equals(RefreshFailures.DIFFERENT)
                || failure.code().equals("postgres-23505");
        return ofData || (ofContents && !strict);
    }
}
