/**
 * From an operator tree to the statements that maintain a stream table.
 *
 * <p>{@link io.runnel.delta.DeltaPlan} is what a refresh asks: the statement for the set of sources that have changed. The
 * rules of the operators write it together ({@link io.runnel.delta.DeltaQuery}), as common table expressions that all see
 * the refresh's one snapshot; {@link io.runnel.delta.Application} ends it by writing the net change to the visible table:
 * an update where a key stays, nothing where old and new are identical.
 *
 * <p>Invariants: no I/O; the same tree and changes give the same text; terms over sources without changes are not written;
 * the statement counts what it wrote and what it should have written, so that a difference is noticed before the commit.
 *
 * <p>Everything is materialised, because a delta that is read twice must not be computed twice, and because the planner
 * then sees small inputs where it would otherwise guess.
 */
@NullMarked
@CheckReturnValue
package io.runnel.delta;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
