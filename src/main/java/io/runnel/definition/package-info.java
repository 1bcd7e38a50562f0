/**
 * Creates, alters, drops and validates read models: makes the database match the definition rows.
 *
 * <p>{@link io.runnel.definition.Compiler} turns a query into a {@link io.runnel.definition.Compilation}: PostgreSQL checks it
 * as a view and prints it, {@code parse} reads the print, and what the parser cannot know is looked up here: volatility of
 * the functions used, equality and hashing of the types, keys and kinds of the relations. The print of the parsed tree is
 * canonicalised again and compared, so that a query is unsupported rather than misread.
 *
 * <p>{@link io.runnel.definition.Reconciler} brings one definition to its current version: capture of the sources, each in a
 * transaction of its own, then one transaction ({@link io.runnel.definition.Construction}) for the definition view, the
 * dependencies, the auxiliary tables, the columns and the index of the visible table, and an empty frontier. The fill is
 * the first refresh. {@link io.runnel.definition.ReconcileLoop} runs it when a definition is announced, and looks for
 * unreconciled ones from time to time, because an announcement may be lost.
 *
 * <p>Failure: what a person has to mend (a missing right, a dropped source, a query that does not fit any more) ends in
 * status ERROR with its reason; what passes (locks, connections) is tried again with growing pauses. Altering keeps the old
 * contents until the new ones are there.
 *
 * <p>The definition view is created by the service after the creator's commit, not by the SQL function: there the query
 * text would run with the rights of the service.
 */
@NullMarked
@CheckReturnValue
package io.runnel.definition;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
