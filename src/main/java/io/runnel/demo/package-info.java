/**
 * Something to look at: an order domain in schema {@code demo}, its three read models, and a trickle of events.
 *
 * <p>Off unless the service is started with {@code --demo} or {@code runnel.demo=true}. Everything is created through the
 * SQL surface, as a user would, and only where it does not exist yet; nothing else in the service knows of it. A failure
 * is logged and ends the demo, never the service. {@code DROP SCHEMA demo CASCADE} after the drop of the read models
 * removes it.
 */
@NullMarked
package io.runnel.demo;

import org.jspecify.annotations.NullMarked;
