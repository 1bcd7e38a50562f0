/** The REST and SQL surface. */
@NullMarked
@CheckReturnValue
package io.runnel.api;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
