/** Reads PostgreSQL's canonical text of a query into an operator tree, or says why it cannot. */
@NullMarked
@CheckReturnValue
package io.runnel.parse;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
