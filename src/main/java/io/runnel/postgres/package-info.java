/**
 * The only code that talks to the database driver.
 *
 * <p>{@link io.runnel.postgres.Database} hands out sessions and transactions, {@link io.runnel.postgres.Session} runs statements,
 * and whatever the driver throws becomes a {@link io.runnel.postgres.Failure}: a sealed family with a stable code that fixes
 * the HTTP status and whether to retry. Values go in as numbers, texts and booleans, and come out the same way; other
 * types are cast in the SQL, because the driver silently returns null for those it does not know.
 *
 * <p>{@link io.runnel.postgres.Listener} holds the one session that listens, holds the armed locks, and makes this process the
 * leader. When it is lost all of these are lost together, and are taken anew together. Background work runs on one
 * event loop ({@link io.runnel.postgres.EventLoop}), so that its state needs no locks.
 */
@NullMarked
@CheckReturnValue
package io.runnel.postgres;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
