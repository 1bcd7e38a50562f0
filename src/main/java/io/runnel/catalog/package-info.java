/**
 * What is stored about read models, as the rest of the service reads it.
 *
 * <p>Three kinds of rows. Definitions ({@link io.runnel.catalog.StreamTable}) are what people asked for and what was made of
 * it; they change rarely and are read through Hibernate. Frontiers and refresh history are written by every refresh, in
 * its own transaction, by plain SQL in {@code refresh}; here they are only read. Captured sources belong to {@code cdc}.
 *
 * <p>A definition has a version, which every change of it raises, and a reconciled version: where the two differ the
 * database does not match yet. Freshness ({@link io.runnel.catalog.Freshnesses}) is measured against the sources, never
 * against what this service did last, so that a scheduler that has died looks behind.
 */
@NullMarked
@CheckReturnValue
package io.runnel.catalog;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
