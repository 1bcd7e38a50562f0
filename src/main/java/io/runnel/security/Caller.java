package io.runnel.security;

import io.quarkus.security.identity.SecurityIdentity;
import io.runnel.sql.Identifier;
import java.util.Optional;

/**
 * Who asks.
 *
 * @param name as the audit log shows it
 * @param databaseRole as which it acts; empty for the service's own, where protection is off
 */
public record Caller(String name, Optional<Identifier> databaseRole) {

    static final String DATABASE_ROLE = "runnel.database-role";

    /** The service itself, for what it does on its own account. */
    static final Caller SERVICE = new Caller("service", Optional.empty());

    static final String NOBODY = "anonymous";

    static Caller of(SecurityIdentity identity) {
        return new Caller(
                identity.getPrincipal().getName(),
                Optional.ofNullable(identity.<Identifier>getAttribute(DATABASE_ROLE)));
    }
}
