/**
 * Relational operators, each with its own delta rule.
 *
 * <p>A relation is a Z-set: rows with integer weights. An operator is one record with its columns, its inputs, its result
 * as SQL, and its delta as SQL over the deltas and states of its inputs, which it knows by name only. It never looks
 * inside an input. What a rule needs to remember between refreshes is an {@link io.runnel.operator.AuxiliaryState}, written in
 * the statement that reads it.
 *
 * <p>Two values that compare equal but print differently (1.0 and 1.00) are different images: deltas are netted by image,
 * keys and groups are matched by equality ({@link io.runnel.operator.Cancellation}, {@link io.runnel.operator.Keys}).
 *
 * <p>To add an operator: one file here, permitted by {@link io.runnel.operator.Operator}, an example with its golden file, and
 * whatever reads it in {@code parse}. To add an aggregate function: one {@link io.runnel.operator.AggregateFunction}.
 */
@NullMarked
@CheckReturnValue
package io.runnel.operator;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
