/**
 * Managed materialized views: PostgreSQL's own, refreshed on one or several schedules.
 *
 * <p>What a view is, when a refresh is superfluous, and what is stored of one is written in the migration that makes the
 * tables and functions. Here is what decides when: {@link io.runnel.materialized.RefreshTimes} tells the next time,
 * {@link io.runnel.materialized.ViewLoop} starts refreshes in an order in which views come after those that they read,
 * {@link io.runnel.materialized.ViewRefresher} carries one out.
 *
 * <p>Invariants: a refresh is one REPEATABLE READ transaction with the owner's rights, whose snapshot is stored as the
 * frontier; the contents are the result as of that snapshot. A refresh is left out only if the contents are proven to be the
 * result as of the present snapshot too. Two refreshes of one view exclude each other by an advisory lock.
 *
 * <p>States: INITIALIZING until a view has contents, ACTIVE, PAUSED by a person, SUSPENDED after
 * {@link io.runnel.materialized.ViewRefresher#CONSECUTIVE_ERRORS_MAX} errors in a row.
 *
 * <p>Failure: locks that cannot be had, and connections that are lost, count as no error; the refresh is tried again with
 * growing pauses, and the status tells whom it waits for. Other errors count. A time that passed while no service ran is made
 * up for once.
 */
@NullMarked
@CheckReturnValue
package io.runnel.materialized;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
