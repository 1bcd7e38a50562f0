/**
 * The REST surface: read models of all kinds and event logs, what can be done to them, and what the service knows.
 *
 * <p>It writes the same definition rows as the SQL surface, through the same SQL functions, so that the two cannot differ:
 * a resource checks the shape of its input ({@link io.runnel.api.Inputs}), calls the function as its caller would in
 * {@code psql}, and turns the row that results into JSON. What the SQL surface is, is written in the migrations.
 *
 * <p>Definition files are a third way to write definitions ({@link io.runnel.api.DefinitionFiles}): their documents are the
 * requests over REST, and go the same way.
 *
 * <p>Every failure is an {@code application/problem+json} ({@link io.runnel.api.Problem}): the code of the {@code Failure}
 * fixes the status, and what was not foreseen becomes {@code internal} with an instance that the log has too, never a
 * stack trace. Requests cannot be cancelled half-way: a client that hangs up does not leave a transaction open.
 */
@NullMarked
@CheckReturnValue
package io.runnel.api;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
