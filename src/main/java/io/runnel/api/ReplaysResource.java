package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.projection.DeadLetter;
import io.runnel.projection.Projections;
import io.runnel.projection.Replay;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Events that a projection handles once more: those that are replayed, and those that failed. */
@Path(ProjectionsResource.PATH + "/{name}")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Projections")
class ReplaysResource {

    private static final String WAIT = "5s";
    private static final int ROWS_MAX = 1_000;

    private final Projections projections;
    private final ProjectionLookup lookup;
    private final ProjectionCommands commands;
    private final Polling polling;

    ReplaysResource(Projections projections, ProjectionLookup lookup, ProjectionCommands commands, Polling polling) {
        this.projections = projections;
        this.lookup = lookup;
        this.commands = commands;
        this.polling = polling;
    }

    @POST
    @Path("replay")
    @RolesAllowed(Roles.OPERATOR)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Handle events once more: all, or those of some types, of one entity, from a position or time on",
            description = "New events wait until it is done. 202 if that takes longer than the given time.")
    public Uni<Response> replay(
            @PathParam("name") String name,
            ProjectionRequest.@Nullable Selection body,
            @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        ProjectionRequest.Selection selection =
                body == null ? new ProjectionRequest.Selection(null, null, null, null) : body;
        Duration limit = Inputs.waiting(wait);
        return lookup.find(name)
                .flatMap(found -> commands.replay(found.name(), selection))
                .flatMap(id -> polling.until(Replay::over, limit, () -> find(name, id)))
                .map(replay -> Response.status(replay.over() ? 200 : 202)
                        .entity(replay)
                        .build());
    }

    @GET
    @Path("replays")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List its replays, the latest first")
    public Uni<List<Replay>> replays(
            @PathParam("name") String name, @QueryParam("limit") @DefaultValue("100") String limit) {
        long rows = Inputs.number("limit", limit, 1, ROWS_MAX);
        return lookup.find(name).flatMap(found -> projections.replays(found.name(), rows));
    }

    @DELETE
    @Path("replays/{id}")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "End a replay where it is")
    public Uni<Void> cancel(@PathParam("name") String name, @PathParam("id") String id) {
        long number = Inputs.number("id", id, 1, Long.MAX_VALUE);
        return find(name, number).flatMap(replay -> commands.cancel(number));
    }

    @GET
    @Path("dead-letters")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List the events that were put aside, in the order of their positions")
    public Uni<List<DeadLetter>> deadLetters(
            @PathParam("name") String name, @QueryParam("limit") @DefaultValue("100") String limit) {
        long rows = Inputs.number("limit", limit, 1, ROWS_MAX);
        return lookup.find(name).flatMap(found -> projections.deadLetters(found.name(), rows));
    }

    @POST
    @Path("dead-letters/retry")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Try all failed events again, and those that wait behind them")
    public Uni<Retried> retryAll(@PathParam("name") String name) {
        return lookup.find(name)
                .flatMap(found -> commands.retry(found.name(), null))
                .map(Retried::new);
    }

    @POST
    @Path("dead-letters/{position}/retry")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Try a failed event again, and those that wait behind it")
    public Uni<Retried> retry(@PathParam("name") String name, @PathParam("position") String position) {
        long number = Inputs.number("position", position, Long.MIN_VALUE, Long.MAX_VALUE);
        return lookup.find(name)
                .flatMap(found -> commands.retry(found.name(), number))
                .map(Retried::new);
    }

    @DELETE
    @Path("dead-letters/{position}")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Give a failed event up; those that wait behind it are handled")
    public Uni<Void> dismiss(@PathParam("name") String name, @PathParam("position") String position) {
        long number = Inputs.number("position", position, Long.MIN_VALUE, Long.MAX_VALUE);
        return lookup.find(name).flatMap(found -> commands.dismiss(found.name(), number));
    }

    private Uni<Replay> find(String name, long id) {
        return projections
                .replay(name, id)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-replay",
                        "projection " + name + " has no replay " + id,
                        "GET " + ProjectionsResource.PATH + "/" + name + "/replays lists them")));
    }

    record Retried(
            @Schema(description = "How many failed events are tried again")
            long retried) {}
}
