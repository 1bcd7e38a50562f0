/** Decides which read models are due, and in which order. */
@NullMarked
@CheckReturnValue
package io.runnel.schedule;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
