package io.runnel.api;

import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.Failure;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PATCH;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.time.Duration;
import java.util.List;
import java.util.function.Function;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Managed materialized views, and what can be done to them. A client that goes away does not stop what it has begun. */
@Path(MaterializedViewsResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Materialized views", description = "PostgreSQL's own, refreshed on schedules")
class MaterializedViewsResource {

    static final String PATH = "/api/v1/materialized-views";

    private static final String WAIT = "30s";
    private static final int HISTORY_ROWS_MAX = 1_000;

    private final MaterializedViews views;
    private final MaterializedViewCommands commands;
    private final Polling polling;
    private final Acting acting;

    MaterializedViewsResource(
            MaterializedViews views, MaterializedViewCommands commands, Polling polling, Acting acting) {
        this.views = views;
        this.commands = commands;
        this.polling = polling;
        this.acting = acting;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List all managed materialized views")
    public Uni<List<MaterializedViewView>> list() {
        return acting.visible()
                .flatMap(readable -> views.all()
                        .map(all -> all.stream()
                                .filter(view -> readable.includes(MaterializedViewCommands.KIND, view.id()))
                                .map(MaterializedViewView::of)
                                .toList()));
    }

    @POST
    @RolesAllowed(Roles.ADMIN)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Create a materialized view, or adopt one",
            description = "202 if the first fill takes longer than the given time. Without a query, one that is there.")
    @APIResponse(
            responseCode = "201",
            description = "Created",
            content = @Content(schema = @Schema(implementation = MaterializedViewView.class)))
    @APIResponse(
            responseCode = "400",
            description = "The request or the query is wrong",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    @APIResponse(
            responseCode = "409",
            description = "The name is taken",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> create(
            @Nullable @Valid MaterializedViewRequest body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait,
            @Context UriInfo uri) {
        MaterializedViewRequest request = Inputs.body(body);
        QualifiedName name = Inputs.name(request.name());
        Duration limit = Inputs.waiting(wait);
        return commands.define(name, request)
                .flatMap(created -> polling.until(
                        view -> view.populated() || view.lastError().isPresent(), limit, () -> commands.find(name)))
                .map(view -> Response.status(view.populated() ? 201 : 202)
                        .location(uri.getAbsolutePathBuilder()
                                .segment("{name}")
                                .build(view.name().display()))
                        .entity(MaterializedViewView.of(view))
                        .build());
    }

    @GET
    @Path("{name}")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show a managed materialized view")
    public Uni<MaterializedViewView> get(@PathParam("name") String name) {
        return commands.find(Inputs.name(name)).map(MaterializedViewView::of);
    }

    @PATCH
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Consumes({MediaType.APPLICATION_JSON, "application/merge-patch+json"})
    @Operation(summary = "Alter its schedules or settings")
    public Uni<MaterializedViewView> patch(
            @PathParam("name") String name, @Valid MaterializedViewRequest.@Nullable Alteration body) {
        MaterializedViewRequest.Alteration request = Inputs.body(body);
        return act(name, found -> commands.alter(found, request));
    }

    @DELETE
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "End its refreshes, and drop it",
            description = "A view that was adopted stays, and one that was created here goes, unless told otherwise.")
    @APIResponse(responseCode = "204", description = "Done")
    public Uni<Void> delete(
            @PathParam("name") String name,
            @Parameter(description = "Whether the view itself stays") @QueryParam("keep") @Nullable String keep) {
        @Nullable Boolean kept = keep == null ? null : Inputs.truth("keep", keep);
        return commands.find(Inputs.name(name)).flatMap(view -> commands.drop(view.name(), kept));
    }

    @POST
    @Path("{name}/refresh")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(
            summary = "Refresh it now, whether or not anything has changed",
            description = "202 if that takes longer than the given time.")
    public Uni<Response> refresh(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        Duration limit = Inputs.waiting(wait);
        return commands.find(Inputs.name(name))
                .flatMap(before -> commands.refresh(before.name())
                        .flatMap(request -> polling.until(
                                view -> answered(view, request) || failedSince(view, before),
                                limit,
                                () -> commands.find(before.name())))
                        .map(view -> outcome(view, before)));
    }

    private static boolean answered(MaterializedViewStatus view, long request) {
        return view.progress().answered() >= request;
    }

    private static boolean failedSince(MaterializedViewStatus view, MaterializedViewStatus before) {
        return view.lastError().isPresent() && !view.lastError().equals(before.lastError());
    }

    private static Response outcome(MaterializedViewStatus view, MaterializedViewStatus before) {
        if (failedSince(view, before)) {
            MaterializedViewStatus.LastError error = view.lastError().orElseThrow();
            throw new Failure.Conflict(
                    error.code().orElse("refresh-failed"),
                    "refresh failed: " + error.message(),
                    "",
                    error.hint().orElse("GET " + PATH + "/{name}/history tells what happened before"));
        }
        boolean done = view.progress().answered() >= view.progress().requested();
        return Response.status(done ? 200 : 202)
                .entity(MaterializedViewView.of(view))
                .build();
    }

    @POST
    @Path("{name}/pause")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Stop refreshing it")
    public Uni<MaterializedViewView> pause(@PathParam("name") String name) {
        return act(name, commands::pause);
    }

    @POST
    @Path("{name}/resume")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Go on refreshing it after a pause or errors")
    public Uni<MaterializedViewView> resume(@PathParam("name") String name) {
        return act(name, commands::resume);
    }

    @GET
    @Path("{name}/history")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List its refreshes, the latest first", description = "The last 1,000 are kept.")
    public Uni<List<MaterializedViews.Refresh>> history(
            @PathParam("name") String name, @QueryParam("limit") @DefaultValue("100") String limit) {
        long rows = Inputs.number("limit", limit, 1, HISTORY_ROWS_MAX);
        return commands.find(Inputs.name(name)).flatMap(view -> views.history(view.id(), rows));
    }

    private Uni<MaterializedViewView> act(String name, Function<QualifiedName, Uni<Void>> command) {
        return commands.find(Inputs.name(name))
                .map(MaterializedViewStatus::name)
                .call(found -> command.apply(found))
                .flatMap(commands::find)
                .map(MaterializedViewView::of);
    }
}
