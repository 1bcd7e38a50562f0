/** Probes and meters. */
@NullMarked
@CheckReturnValue
package io.runnel.health;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
