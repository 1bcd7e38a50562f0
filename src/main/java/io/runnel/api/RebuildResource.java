package io.runnel.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.postgres.Failure;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.runnel.projection.Rebuild;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.NotSupportedException;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.function.Function;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Handles all events of a projection again: into emptied target tables, or side by side. */
@Path(ProjectionsResource.PATH + "/{name}/rebuild")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Projections")
class RebuildResource {

    private static final String WAIT = "5s";

    private final Projections projections;
    private final ProjectionLookup lookup;
    private final ProjectionCommands commands;
    private final Polling polling;
    private final ObjectMapper json;

    RebuildResource(
            Projections projections,
            ProjectionLookup lookup,
            ProjectionCommands commands,
            Polling polling,
            ObjectMapper json) {
        this.projections = projections;
        this.lookup = lookup;
        this.commands = commands;
        this.polling = polling;
        this.json = json;
    }

    @POST
    @RolesAllowed(Roles.ADMIN)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Empty the target tables and handle all events again, or rebuild them side by side",
            description =
                    "In place, answers with the projection at once. Side by side, answers with the rebuild: 200 when"
                            + " it has taken its place or failed, 202 if that takes longer than the given time.")
    public Uni<Response> rebuild(
            @PathParam("name") String name,
            @Valid ProjectionRequest.@Nullable Rebuilding body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        ProjectionRequest.Rebuilding request =
                body == null ? new ProjectionRequest.Rebuilding(null, null, null, null) : body;
        Duration limit = Inputs.waiting(wait);
        Uni<String> begun =
                lookup.find(name).map(ProjectionStatus::name).call(found -> commands.rebuild(found, request));
        return request.isSideBySide()
                ? begun.flatMap(found -> answer(found, limit))
                : begun.flatMap(lookup::find)
                        .map(status ->
                                Response.ok(ProjectionView.of(status, json)).build());
    }

    /** Without a body, in place; any other body than JSON would be ignored, and the tables emptied all the same. */
    @POST
    @RolesAllowed(Roles.ADMIN)
    @Operation(hidden = true)
    public Uni<Response> rebuild(@PathParam("name") String name, @Context HttpHeaders headers) {
        if (headers.getLength() > 0 || headers.getHeaderString("Transfer-Encoding") != null) {
            throw new NotSupportedException();
        }
        return rebuild(name, (ProjectionRequest.Rebuilding) null, WAIT);
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show how far the side-by-side rebuild is")
    public Uni<Rebuild> get(@PathParam("name") String name) {
        return lookup.find(name).map(ProjectionStatus::name).flatMap(this::find);
    }

    @DELETE
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "Cancel the side-by-side rebuild",
            description = "Before it has taken its place, without a trace. A roll-back that is under way is given up.")
    public Uni<Void> cancel(@PathParam("name") String name) {
        return act(name, commands::cancelRebuild).replaceWithVoid();
    }

    @POST
    @Path("roll-back")
    @RolesAllowed(Roles.ADMIN)
    @Operation(summary = "Exchange the rebuild and the previous version, which is kept up to date, again")
    public Uni<Response> rollBack(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        Duration limit = Inputs.waiting(wait);
        return act(name, commands::rollBackRebuild).flatMap(found -> answer(found, limit));
    }

    @POST
    @Path("resume")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Go on with the side-by-side rebuild after an error")
    public Uni<Response> resume(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        Duration limit = Inputs.waiting(wait);
        return act(name, commands::resumeRebuild).flatMap(found -> answer(found, limit));
    }

    @POST
    @Path("finish")
    @RolesAllowed(Roles.ADMIN)
    @Operation(summary = "Give the version up that is not in use")
    public Uni<Void> finish(@PathParam("name") String name) {
        return act(name, commands::finishRebuild).replaceWithVoid();
    }

    private Uni<String> act(String name, Function<String, Uni<Void>> command) {
        return lookup.find(name).map(ProjectionStatus::name).call(found -> command.apply(found));
    }

    private Uni<Response> answer(String name, Duration limit) {
        return polling.until(Rebuild::over, limit, () -> find(name))
                .map(rebuild -> Response.status(rebuild.over() ? 200 : 202)
                        .entity(rebuild)
                        .build());
    }

    private Uni<Rebuild> find(String name) {
        return projections
                .rebuild(name)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-rebuild",
                        "projection " + name + " has no side-by-side rebuild",
                        "POST " + ProjectionsResource.PATH + "/" + name
                                + "/rebuild with {\"sideBySide\": true} begins one")));
    }
}
