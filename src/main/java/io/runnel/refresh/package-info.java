/** Moves one stream table from one frontier to the next in one transaction. */
@NullMarked
@CheckReturnValue
package io.runnel.refresh;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
