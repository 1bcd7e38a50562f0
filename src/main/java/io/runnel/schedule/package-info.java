/**
 * Decides which read models are due, and in which order.
 *
 * <p>{@link io.runnel.schedule.Scheduler} is a pure state machine: the shell tells it events and the time, and carries
 * out what it decides. It never looks at the database, so everything that it believes is a hint; what must hold even if a
 * hint is wrong (no change lost, none applied twice) holds in the refresh transaction.
 *
 * <p>Each table is idle, ready or running, and never has two runs at once. It is dirty when something it reads was woken
 * up and no refresh has started since. It is covered by a source while a change there would be heard of; what is not
 * covered is polled at its cadence, so that no moment of handing over between waking and polling can lose a change. A
 * ready table waits for what it reads, once: an upstream table that is busy, slow or broken delays it by one refresh at
 * most, a suspended one or one that backs off by none.
 *
 * <p>A source is armed when a listener of it is clean and none is about to apply a wake-up. Waiting for the dirty ones
 * that are not due yet was rejected: a table with a long cadence, or a failing one, would keep all others on polling.
 *
 * <p>Failure: a table backs off by itself and is suspended after a number of errors in a row. A clock set back
 * shortens waiting and never lengthens it.
 */
@NullMarked
@CheckReturnValue
package io.runnel.schedule;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
