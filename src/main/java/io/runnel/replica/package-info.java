/**
 * Services that share one database.
 *
 * <p>Each holds a lease, a row that it renews ({@link io.runnel.replica.Membership}). One of them leads: it does what is to be
 * done once, and shares the read models out evenly ({@link io.runnel.replica.Allocation}). Which are this process's, and
 * whether it leads, is announced as {@link io.runnel.replica.Share}.
 *
 * <p>Two services that take the same read model for theirs for a moment do no harm: every refresh and every batch locks what it
 * changes in its own transaction, and reads under that lock how far the last one has come. A lease that has run out is ended by
 * the others together with the sessions of its holder, so what a stopped or cut-off process was doing does not stay in the way.
 */
@NullMarked
@CheckReturnValue
package io.runnel.replica;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
