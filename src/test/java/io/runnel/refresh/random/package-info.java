/**
 * Random queries over small tables under random changes, each generated from one number. Only queries whose result is
 * defined are generated: nothing shows one of several equal values that print differently, no order is left open, and
 * floats are such that every sum of them is exact.
 */
@NullMarked
@CheckReturnValue
package io.runnel.refresh.random;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
