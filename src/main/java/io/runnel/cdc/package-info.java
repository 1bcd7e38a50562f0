/** Records the changes of sources in change buffers and wakes up those who wait for them. */
@NullMarked
@CheckReturnValue
package io.runnel.cdc;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
