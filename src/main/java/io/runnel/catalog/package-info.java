/** Definitions of read models, their frontiers and their refresh history. */
@NullMarked
@CheckReturnValue
package io.runnel.catalog;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
