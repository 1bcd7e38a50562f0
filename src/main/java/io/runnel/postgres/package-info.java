/** The only code that talks to the database driver. */
@NullMarked
@CheckReturnValue
package io.runnel.postgres;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
