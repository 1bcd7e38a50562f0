package io.runnel.api;

import io.runnel.replica.Membership;
import io.runnel.replica.Replica;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;

/** The services on this database. */
@Path("/api/v1/replicas")
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Service", description = "All read models together, and their sources")
class ReplicasResource {

    private final Membership membership;

    ReplicasResource(Membership membership) {
        this.membership = membership;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "List the services on this database, and how many read models each was given",
            description = "What nobody was given is kept fresh by the one that leads.")
    public Uni<List<Replica>> list() {
        return membership.replicas();
    }
}
