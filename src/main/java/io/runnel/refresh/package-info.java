/**
 * Moves one stream table from one frontier to the next in one transaction.
 *
 * <p>A refresh excludes others of its table by an advisory lock, begins a REPEATABLE READ transaction, locks its sources
 * against TRUNCATE and rewrites, and only then takes its snapshot, with the query that reads what is pending
 * ({@link io.runnel.refresh.Situation}). It applies the delta or, where there is none or the frontier is of no use, the
 * differences between query and table; then it writes the snapshot as the new frontier, and the history. The query runs
 * as the table's owner.
 *
 * <p>In mode AUTO a refresh with many changes may compute everything anew because that is cheaper
 * ({@link io.runnel.refresh.PlanChoice}); what either has cost is kept beside the frontier. The time at which a query looks at
 * the clock is that of the transaction; it is kept with the frontier too, and the next refresh looks for rows whose comparison
 * with it has changed since.
 *
 * <p>Invariants: contents and frontier commit together; the changes applied are those that the new snapshot sees and the
 * old frontier does not; the frontier's row is locked, so that a stale owner fails. A crash at any moment leaves the table
 * as it was, with a frontier that says so.
 *
 * <p>Failure: rolled back and recorded; the scheduler decides when to try again. A refresh that finds the contents not to
 * be what the last one left stops that table for good.
 */
@NullMarked
@CheckReturnValue
package io.runnel.refresh;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
