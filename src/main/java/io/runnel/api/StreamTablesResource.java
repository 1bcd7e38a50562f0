package io.runnel.api;

import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
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
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Definitions of stream tables. A client that goes away does not stop what it has begun. */
@Path(StreamTablesResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Consumes(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Stream tables", description = "Tables that are kept equal to a query")
class StreamTablesResource {

    static final String PATH = "/api/v1/stream-tables";

    private static final String WAIT = "10s";

    private final Statuses statuses;
    private final Lookup lookup;
    private final Commands commands;
    private final Polling polling;
    private final Acting acting;

    StreamTablesResource(Statuses statuses, Lookup lookup, Commands commands, Polling polling, Acting acting) {
        this.statuses = statuses;
        this.lookup = lookup;
        this.commands = commands;
        this.polling = polling;
        this.acting = acting;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List all stream tables")
    public Uni<List<StreamTableView>> list() {
        return acting.visible()
                .flatMap(readable -> statuses.all()
                        .map(all -> all.stream()
                                .filter(table -> readable.includes(Lookup.KIND, table.id()))
                                .map(StreamTableView::of)
                                .toList()));
    }

    @POST
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "Create a stream table",
            description = "Waits until it is filled, or has failed to be, but no longer than the given time.")
    @APIResponse(
            responseCode = "201",
            description = "Created",
            content = @Content(schema = @Schema(implementation = StreamTableView.class)))
    @APIResponse(
            responseCode = "202",
            description = "Created, and still being filled",
            content = @Content(schema = @Schema(implementation = StreamTableView.class)))
    @APIResponse(
            responseCode = "400",
            description = "The request or its query is wrong",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    @APIResponse(
            responseCode = "409",
            description = "The name is taken",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> create(
            @Nullable @Valid CreateRequest body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait,
            @Context UriInfo uri) {
        CreateRequest request = Inputs.body(body);
        String given = request.name();
        if (given == null) {
            throw new Failure.Invalid("invalid-request", "name must not be blank", "write schema.table");
        }
        QualifiedName name = Inputs.name(given);
        Duration limit = Inputs.waiting(wait);
        URI location = URI.create(uri.getAbsolutePath() + "/" + encoded(name.display()));
        return commands.create(name, request)
                .flatMap(id -> settled(id, limit))
                .map(table -> answer(table, 201).location(location).build());
    }

    /** Everything that could end the path segment or begin a parameter of it, in percent. */
    private static String encoded(String segment) {
        return URLEncoder.encode(segment, StandardCharsets.UTF_8).replace("+", "%20");
    }

    @GET
    @Path("{name}")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show a stream table")
    public Uni<StreamTableView> get(@PathParam("name") String name) {
        return lookup.find(name).map(StreamTableView::of);
    }

    @PUT
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "Create or replace a stream table",
            description = "Does nothing when it is there already as described. Indexes are added, never removed.")
    public Uni<Response> put(
            @PathParam("name") String path,
            @Nullable @Valid CreateRequest body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        CreateRequest request = Inputs.body(body);
        QualifiedName name = Inputs.name(path);
        String repeated = request.name();
        if (repeated != null && !Inputs.name(repeated).equals(name)) {
            throw new Failure.Invalid(
                    "invalid-request",
                    "the body names " + repeated + ", the path " + path,
                    "leave the name out of the body");
        }
        Duration limit = Inputs.waiting(wait);
        return statuses.find(name)
                .flatMap(before -> commands.createOrReplace(name, request)
                        .flatMap(id -> settled(id, limit))
                        .map(table ->
                                answer(table, before.isPresent() ? 200 : 201).build()));
    }

    @PATCH
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Consumes({MediaType.APPLICATION_JSON, "application/merge-patch+json"})
    @Operation(summary = "Alter the query, schedule, refresh mode or largest share of a stream table")
    public Uni<Response> patch(
            @PathParam("name") String name,
            @Nullable @Valid AlterRequest body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        AlterRequest request = Inputs.body(body);
        Duration limit = Inputs.waiting(wait);
        return lookup.find(name)
                .flatMap(table -> commands.alter(table, request).flatMap(altered -> settled(table.id(), limit)))
                .map(table -> answer(table, 200).build());
    }

    @DELETE
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Operation(summary = "Drop a stream table", description = "Refused while others depend on it, unless cascading.")
    @APIResponse(responseCode = "204", description = "Dropped")
    @APIResponse(
            responseCode = "409",
            description = "Others depend on it",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Void> delete(
            @PathParam("name") String name, @QueryParam("cascade") @DefaultValue("false") String cascade) {
        boolean cascading = Inputs.truth("cascade", cascade);
        return lookup.find(name).flatMap(table -> commands.drop(table, cascading));
    }

    private Uni<StreamTableStatus> settled(long id, Duration limit) {
        return polling.until(StreamTableStatus::settled, limit, () -> lookup.find(id));
    }

    private static Response.ResponseBuilder answer(StreamTableStatus table, int done) {
        return Response.status(table.settled() ? done : 202).entity(StreamTableView.of(table));
    }
}
