package io.runnel.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.util.List;
import java.util.function.Function;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Definitions of projections, and what can be done to them. A client that goes away does not stop what it has begun. */
@Path(ProjectionsResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Projections", description = "Tables that handlers keep up to date, event by event")
class ProjectionsResource {

    static final String PATH = "/api/v1/projections";

    private final Projections projections;
    private final ProjectionLookup lookup;
    private final ProjectionCommands commands;
    private final ObjectMapper json;
    private final Acting acting;

    ProjectionsResource(
            Projections projections,
            ProjectionLookup lookup,
            ProjectionCommands commands,
            ObjectMapper json,
            Acting acting) {
        this.projections = projections;
        this.lookup = lookup;
        this.commands = commands;
        this.json = json;
        this.acting = acting;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List all projections")
    public Uni<List<ProjectionView>> list() {
        return acting.visible()
                .flatMap(readable -> projections
                        .all()
                        .map(all -> all.stream()
                                .filter(status -> readable.includes(ProjectionLookup.KIND, status.id()))
                                .map(status -> ProjectionView.of(status, json))
                                .toList()));
    }

    @POST
    @RolesAllowed(Roles.ADMIN)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Create a projection",
            description = "Existing events are handled after the answer, or before it if the mode is SYNCHRONOUS.")
    @APIResponse(
            responseCode = "201",
            description = "Created",
            content = @Content(schema = @Schema(implementation = ProjectionView.class)))
    @APIResponse(
            responseCode = "400",
            description = "The request or a handler is wrong",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    @APIResponse(
            responseCode = "409",
            description = "The name is taken",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> create(@Nullable @Valid ProjectionRequest body, @Context UriInfo uri) {
        ProjectionRequest request = Inputs.body(body);
        return commands.create(request)
                .flatMap(created -> lookup.find(request.name()))
                .map(status -> Response.created(
                                uri.getAbsolutePathBuilder().segment("{name}").build(status.name()))
                        .entity(ProjectionView.of(status, json))
                        .build());
    }

    @GET
    @Path("{name}")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show a projection")
    public Uni<ProjectionView> get(@PathParam("name") String name) {
        return lookup.find(name).map(status -> ProjectionView.of(status, json));
    }

    @PATCH
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Consumes({MediaType.APPLICATION_JSON, "application/merge-patch+json"})
    @Operation(
            summary = "Alter the handlers or settings of a projection",
            description = "New handlers are for the events that are not handled yet; rebuild to have them handle all.")
    public Uni<ProjectionView> patch(
            @PathParam("name") String name, @Valid ProjectionRequest.@Nullable Alteration body) {
        ProjectionRequest.Alteration request = Inputs.body(body);
        return act(name, found -> commands.alter(found, request));
    }

    @DELETE
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Operation(summary = "Drop a projection", description = "Its target tables stay.")
    @APIResponse(responseCode = "204", description = "Dropped")
    public Uni<Void> delete(@PathParam("name") String name) {
        return lookup.find(name).flatMap(status -> commands.drop(status.name()));
    }

    @POST
    @Path("{name}/pause")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Stop handling events")
    public Uni<ProjectionView> pause(@PathParam("name") String name) {
        return act(name, commands::pause);
    }

    @POST
    @Path("{name}/resume")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Go on after a pause or an error")
    public Uni<ProjectionView> resume(@PathParam("name") String name) {
        return act(name, commands::resume);
    }

    private Uni<ProjectionView> act(String name, Function<String, Uni<Void>> command) {
        return lookup.find(name)
                .map(ProjectionStatus::name)
                .call(found -> command.apply(found))
                .flatMap(lookup::find)
                .map(status -> ProjectionView.of(status, json));
    }
}
