/** Relational operators, each with its own delta rule. */
@NullMarked
@CheckReturnValue
package io.runnel.operator;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
