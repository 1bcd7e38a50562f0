/** SQL text that cannot be injected. */
@NullMarked
@CheckReturnValue
package io.runnel.sql;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
