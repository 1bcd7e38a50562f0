package io.runnel.refresh;

/**
 * A stream table compared with its query at one snapshot, as of its own frontier if nothing is pending.
 *
 * @param pendingChanges changes that the table does not include yet; with some, differences are to be expected
 * @param missing rows that the query has and the table lacks
 * @param surplus rows that the table has and the query lacks
 */
public record Verification(long pendingChanges, long rows, long missing, long surplus) {

    public boolean equal() {
        return missing == 0 && surplus == 0;
    }
}
