/**
 * Records the changes of sources in change buffers and wakes up those who wait for them.
 *
 * <p>One buffer table per source, whatever the number of its dependants, with the union of the columns that they need.
 * Statement-level triggers write the old and new rows with weights -1 and +1 under the id of the top-level transaction;
 * partitioned tables have row-level triggers, which partitions inherit. TRUNCATE leaves a row with weight 0, which makes
 * the next refresh of each dependant a full one.
 *
 * <p>Invariants: a buffer row commits with its change; a trigger function never fails for a value that the source
 * accepts, nor because columns were renamed, dropped or given other types, and never waits; capture is committed before the first snapshot that relies on it, and installing it took a
 * lock that no open writer shares, so that nobody writes past it. Columns are only ever added: an older dependant reads
 * the ones it knows. One that changed its type, which nobody can be reading, starts again empty.
 *
 * <p>Buffers name columns by number, trigger functions by name. A function that no longer knows the columns leaves a row
 * with weight 2; the next refresh of each dependant is then a full one, and has the function written anew.
 *
 * <p>Waking: {@link io.runnel.cdc.Arming} holds a source's advisory lock while the service sleeps, and a trigger notifies
 * only if it cannot share that lock. Cleaning: {@link io.runnel.cdc.Cleanup} deletes what every dependant's frontier
 * includes, in batches, with row locks only.
 *
 * <p>Failure: a lock that cannot be had within milliseconds is given up and tried again later, so that no writer queues
 * behind it. Capture of a source that nobody reads any more is removed in the same way.
 */
@NullMarked
@CheckReturnValue
package io.runnel.cdc;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
