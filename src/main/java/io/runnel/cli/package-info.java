/**
 * The command line: a client of the REST interface, and the entry of the program.
 *
 * <p>Whoever calls the program with a command wants to talk to a service that runs elsewhere; nothing of the service starts
 * then, no database, no Quarkus. A command says in its exit code how it went ({@link io.runnel.cli.Exit}). What it prints is a
 * table for people, or with {@code --json} what the service has answered, unchanged.
 *
 * <p>The key comes from the environment or a file, never from an argument, which everybody on the machine can see.
 */
@NullMarked
@CheckReturnValue
package io.runnel.cli;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
