/** Rewrites operator trees and turns them into delta plans. */
@NullMarked
@CheckReturnValue
package io.runnel.delta;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
