/**
 * Who may do what over HTTP.
 *
 * <p>A caller is known by an API key or a bearer token, has one of three roles, and acts in the database as the role that its
 * key or its claim is mapped to: what it defines belongs to that role, and it reads what that role may read. Whether it may is
 * asked of PostgreSQL, never decided here. What a caller may do at all is on the methods of the resources, as
 * {@code @RolesAllowed}; a method without that is denied.
 *
 * <p>Keys are kept as SHA-256 only. They are long and random, so a slow hash would gain nothing. The file is read again when it
 * has changed; one that cannot be read leaves the keys that were there in force, with a warning at each attempt.
 *
 * <p>Protection is off only where nobody else can connect, or where somebody has said so; then every request is that of an
 * administrator with the rights of the service, as before there were callers. A service that others can reach and that knows no
 * caller does not start.
 */
@NullMarked
@CheckReturnValue
package io.runnel.security;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
