package io.runnel.security;

import io.quarkus.security.identity.IdentityProviderManager;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.request.AuthenticationRequest;
import io.quarkus.security.runtime.QuarkusPrincipal;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.quarkus.vertx.http.runtime.security.ChallengeData;
import io.quarkus.vertx.http.runtime.security.HttpAuthenticationMechanism;
import io.quarkus.vertx.http.runtime.security.HttpSecurityUtils;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Knows callers by the header {@code X-API-Key}, and everybody where protection is off. Bearer tokens are left to OIDC. */
@ApplicationScoped
class CallerMechanism implements HttpAuthenticationMechanism {

    static final String HEADER = "X-API-Key";

    private static final int BEFORE_TOKENS = DEFAULT_PRIORITY + 1000;

    private static final SecurityIdentity ANYBODY = QuarkusSecurityIdentity.builder()
            .setPrincipal(new QuarkusPrincipal(Caller.NOBODY))
            .addRoles(Roles.upTo(Roles.ADMIN))
            .build();

    private final Guard guard;

    CallerMechanism(Guard guard) {
        this.guard = guard;
    }

    @Override
    public Uni<SecurityIdentity> authenticate(RoutingContext context, IdentityProviderManager identities) {
        if (!guard.on()) {
            return Uni.createFrom().item(ANYBODY);
        }
        @Nullable String key = context.request().getHeader(HEADER);
        if (key == null) {
            return Uni.createFrom().nullItem();
        }
        ApiKeyRequest request = new ApiKeyRequest(key.strip());
        HttpSecurityUtils.setRoutingContextAttribute(request, context);
        return identities.authenticate(request);
    }

    @Override
    public Uni<ChallengeData> getChallenge(RoutingContext context) {
        return Uni.createFrom().item(new ChallengeData(401, "WWW-Authenticate", Roles.CHALLENGE));
    }

    @Override
    public Set<Class<? extends AuthenticationRequest>> getCredentialTypes() {
        return Set.of(ApiKeyRequest.class);
    }

    @Override
    public int getPriority() {
        return BEFORE_TOKENS;
    }
}
