/**
 * Probes and meters.
 *
 * <p>Liveness: the event loop turns. Readiness: the database answers, the migrations are done, the listener is connected.
 * Neither looks at read models, because a user's broken query must not restart the service; those have a health group of
 * their own, {@code stream-tables}. Meters count what happened in this process; gauges of lag and buffers are measured in
 * the database, at the interval {@code runnel.metrics.interval}.
 */
@NullMarked
@CheckReturnValue
package io.runnel.health;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
