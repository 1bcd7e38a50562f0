/**
 * SQL text that cannot be injected.
 *
 * <p>{@link io.runnel.sql.Sql} has three doors: constants of this source code, quoted names, and expressions that PostgreSQL
 * itself printed. The compiler checks the first. Everything that generates SQL builds values of these types; only
 * {@code postgres} takes their text out again. A user's query is the one exception, and has a method of its own there.
 */
@NullMarked
@CheckReturnValue
package io.runnel.sql;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
