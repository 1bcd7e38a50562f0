package io.runnel.api;

import io.runnel.materialized.MaterializedViews;
import io.runnel.materialized.ViewFreshness;
import io.runnel.postgres.Failure;
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

/** How far a managed materialized view is behind its sources. */
@Path(MaterializedViewsResource.PATH + "/{name}/freshness")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Materialized views")
class MaterializedViewFreshnessResource {

    private static final String KIND = "MATERIALIZED_VIEW";

    private final MaterializedViews views;
    private final MaterializedViewCommands commands;
    private final Tokens tokens;

    MaterializedViewFreshnessResource(MaterializedViews views, MaterializedViewCommands commands, Tokens tokens) {
        this.views = views;
        this.commands = commands;
        this.tokens = tokens;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "Tell how far behind it is, in seconds and statements, and whether it includes a transaction",
            description =
                    "With a token and a time to wait, asks for the refreshes that are missing, those of the read models"
                            + " below included, and waits for them, but not while one of them is paused or suspended.")
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
        return commands.find(Inputs.name(name))
                .flatMap(found -> tokens.answer(KIND, found.id(), token, limit, true)
                        .flatMap(included -> views.freshness(found.id())
                                .map(fresh -> View.of(fresh.orElseThrow(() -> gone(name)), included))));
    }

    private static Failure gone(String name) {
        return new Failure.NotFound("no-materialized-view", "materialized view " + name + " was dropped meanwhile", "");
    }

    @Schema(name = "MaterializedViewFreshness")
    record View(
            String name,
            String status,

            @Schema(description = "A token that includes all that the view shows; absent before the first fill")
            Optional<String> frontier,

            @Schema(
                    description = "No change older than this is missing; 0 if it is proven that nothing is,"
                            + " absent if it is not known")
            Optional<Double> lagSeconds,

            @Schema(
                    description = "How many statements have written to the tables that it reads, and are missing;"
                            + " absent if it is not known, as of a view that is never skipped, or was altered or refreshed"
                            + " by hand since, or reads a materialized view that was. What the read models below are missing"
                            + " does not count")
            Optional<Long> pendingStatements,

            @Schema(description = "When the last refresh began")
            Optional<Instant> refreshedAt,

            @Schema(description = "When the contents were last known to be right")
            Optional<Instant> checkedAt,

            @Schema(description = "Whether it includes the token")
            Optional<Boolean> includes) {

        static View of(ViewFreshness found, Optional<Boolean> includes) {
            return new View(
                    found.name().display(),
                    found.status(),
                    found.frontier(),
                    found.lagSeconds(),
                    found.pendingStatements(),
                    found.refreshedAt(),
                    found.checkedAt(),
                    includes);
        }
    }
}
