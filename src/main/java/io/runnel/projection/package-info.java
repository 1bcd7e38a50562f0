/**
 * Projections: tables that handlers keep up to date, event by event, over an event log.
 *
 * <p>What a projection is, how its handlers become one function, and what a batch does is written in the migration that
 * makes the tables and functions, because the same function runs in batches, in the writers' transactions and in replays.
 * Here is what decides when: {@link io.runnel.projection.ProjectionLoop} starts batches, {@link io.runnel.projection.Projector}
 * carries one out, {@link io.runnel.projection.Horizon} tells how far one may go.
 *
 * <p>Two questions are kept apart. That each event is handled exactly once rests on snapshots alone: a batch stores its own
 * as the frontier, in the transaction that moves the checkpoint, and what commits later at a smaller position is known by
 * the transaction that the log's trigger has recorded. That positions are handled in order rests on locks: a gap is passed
 * when no transaction is open that was there when a greater position was first seen. No clock decides either. The memory of
 * the writers is lost with the process or its leadership; then a gap is passed when all transactions that were open at the
 * first look have ended.
 *
 * <p>A position that was taken outside of the transaction that adds the event, from a sequence cache or by an application
 * that reserves numbers, may appear below the checkpoint at any time. It is handled when it appears, before what follows.
 *
 * <p>The events of a projection may be shared out among workers by the hash of their entity. Each worker is by itself what is
 * said here of a projection: it has its own checkpoint, frontier, horizon and errors. Two of them that write to the same row
 * conflict, as REPEATABLE READ transactions do; the one that loses is undone, tried again after a pause below a second, and
 * after {@link io.runnel.projection.Pipeline#CONFLICTS_MAX} conflicts while no other worker of its projection is at work.
 *
 * <p>A side-by-side rebuild is a projection of its own, the shadow, which handles all events into copies of the targets.
 * {@link io.runnel.projection.Exchange} puts it in the place of what it rebuilds once it has caught up: rows, handlers and
 * checkpoint in one transaction. Event logs ({@link io.runnel.projection.EventLogs}) need no projection.
 *
 * <p>Failure: an error of an event is dealt with in the batch, by the projection's policy, and committed with it. Whatever
 * else goes wrong (locks, connections, a replica that was faster) undoes the batch, which is tried again with growing pauses.
 */
@NullMarked
@CheckReturnValue
package io.runnel.projection;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
