package io.runnel.security;

import io.quarkus.oidc.AccessTokenCredential;
import io.quarkus.runtime.configuration.ConfigurationException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/**
 * Maps the roles that a token claims to what they are good for here. Which claim that is, {@code
 * quarkus.oidc.roles.role-claim-path} says. A token without a role that is mapped may do nothing.
 */
@ApplicationScoped
class ClaimedRoles implements SecurityIdentityAugmentor {

    private final List<Grant> grants;

    ClaimedRoles(Settings settings) {
        this.grants = settings.oidcRoles().map(ClaimedRoles::configured).orElse(List.of());
    }

    private static List<Grant> configured(String claims) {
        try {
            return Grant.claims(claims);
        } catch (IllegalArgumentException wrong) {
            throw new ConfigurationException("runnel.security.oidc-roles, " + wrong.getMessage(), wrong);
        }
    }

    @Override
    public Uni<SecurityIdentity> augment(SecurityIdentity identity, AuthenticationRequestContext context) {
        if (identity.isAnonymous() || identity.getCredential(AccessTokenCredential.class) == null) {
            return Uni.createFrom().item(identity);
        }
        QuarkusSecurityIdentity.Builder mapped = QuarkusSecurityIdentity.builder()
                .setPrincipal(identity.getPrincipal())
                .addCredentials(identity.getCredentials());
        grants.stream()
                .filter(grant -> identity.getRoles().contains(grant.name()))
                .findFirst()
                .ifPresent(grant -> mapped.addRoles(Roles.upTo(grant.role()))
                        .addAttribute(Caller.DATABASE_ROLE, grant.databaseRole()));
        return Uni.createFrom().item(mapped.build());
    }
}
