package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.projection.ProjectionFreshness;
import io.runnel.projection.Projections;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.UriInfo;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** How far a projection is behind its log. */
@Path(ProjectionsResource.PATH + "/{name}/freshness")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Projections")
class ProjectionFreshnessResource {

    private static final String KIND = "PROJECTION";

    private final Projections projections;
    private final ProjectionLookup lookup;
    private final Tokens tokens;

    ProjectionFreshnessResource(Projections projections, ProjectionLookup lookup, Tokens tokens) {
        this.projections = projections;
        this.lookup = lookup;
        this.tokens = tokens;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "Tell how far behind it is, and whether it includes a transaction",
            description = "With a token, waits until all events that the token sees are handled or dead letters, but no"
                    + " longer than the given time, and not while the projection is paused or suspended.")
    public Uni<View> freshness(
            @PathParam("name") String name,
            @Parameter(
                            description =
                                    "What pg_current_xact_id() returned in the writing transaction, or pg_current_snapshot() after it")
                    @QueryParam("token")
                    @Nullable
                    String token,
            @QueryParam("wait") @DefaultValue("0s") String wait,
            @Context UriInfo uri) {
        Inputs.refuseEmptyToken(token, uri);
        Duration limit = Inputs.waiting(wait);
        return lookup.find(name)
                .flatMap(found -> tokens.answer(KIND, found.id(), token, limit, true)
                        .flatMap(included -> projections
                                .freshness(found.name())
                                .map(fresh -> View.of(fresh.orElseThrow(() -> gone(name)), included))));
    }

    private static Failure gone(String name) {
        return new Failure.NotFound("no-projection", "projection " + name + " was dropped meanwhile", "");
    }

    @Schema(name = "ProjectionFreshness")
    record View(
            String name,
            String status,
            String mode,

            @Schema(description = "A token that includes all that the targets show")
            String frontier,

            @Schema(description = "No event older than this is missing; absent if that is not known")
            Optional<Double> lagSeconds,

            @Schema(description = "Positions of the log after the last one that was handled; some may be gaps")
            long positionsBehind,

            @Schema(description = "Events that came at earlier positions and are not handled yet")
            long eventsLate,

            @Schema(description = "Events that were put aside: not applied, and not waited for")
            long deadLetters,

            Optional<Long> lastProcessedPosition,
            Optional<Instant> lastEventAt,
            Optional<Instant> updatedAt,

            @Schema(description = "Whether it includes the token")
            Optional<Boolean> includes) {

        static View of(ProjectionFreshness found, Optional<Boolean> includes) {
            return new View(
                    found.name(),
                    found.status(),
                    found.mode(),
                    found.frontier(),
                    found.lagSeconds(),
                    found.positionsBehind(),
                    found.eventsLate(),
                    found.deadLetters(),
                    found.lastProcessedPosition(),
                    found.lastEventAt(),
                    found.updatedAt(),
                    includes);
        }
    }
}
