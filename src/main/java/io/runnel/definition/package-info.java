/** Creates, alters, drops and validates read models. */
@NullMarked
@CheckReturnValue
package io.runnel.definition;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
