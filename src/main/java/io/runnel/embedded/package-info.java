/**
 * Where the database is: the configured one, or an embedded PostgreSQL that is started for the purpose.
 *
 * <p>A person says it once, as {@code DATABASE_URL} or {@code QUARKUS_DATASOURCE_REACTIVE_URL}; two drivers have to hear
 * it, the reactive one and the JDBC one that Flyway needs. {@link io.runnel.embedded.DatabaseSettings} derives what is
 * missing and never overrides what is there. If nothing is said, {@link io.runnel.embedded.EmbeddedServer} provides.
 *
 * <p>This happens in a configuration source, because the drivers read their settings before any bean exists, and only in
 * the phase in which the application starts, because building it reads the same configuration and must not start a server.
 *
 * <p>The embedded server is a process of its own, so that its data survive everything that can happen to this one:
 *
 * <ul>
 *   <li>Its directory belongs to it alone. Processes that use it hold a shared lock on {@code users}; whoever starts or
 *       stops it holds {@code starting}. The last user stops the server, after everything else in the process has stopped.
 *   <li>A process that was killed leaves the server running; the next one adopts it through {@code postmaster.pid}.
 *   <li>A {@code postmaster.pid} whose process now is something else is removed, because PostgreSQL sees a living process
 *       and would refuse to start. One whose process is gone is left to PostgreSQL, which knows better whether some
 *       orphan still has the data open.
 *   <li>When classes are reloaded during development, a system property says that this process uses the server already.
 *   <li>Tests begin with an empty directory.
 * </ul>
 *
 * <p>It listens on the loopback interface and trusts every local user, and so it is for trying out and for machines with
 * one user.
 */
@NullMarked
@CheckReturnValue
package io.runnel.embedded;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
