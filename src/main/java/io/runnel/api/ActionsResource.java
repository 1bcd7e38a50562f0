package io.runnel.api;

import io.runnel.catalog.StreamTableStatus;
import io.runnel.refresh.RefreshReport;
import io.runnel.refresh.Refresher;
import io.runnel.refresh.Verification;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.util.function.Function;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;

/** What can be done to a stream table besides defining it. A client that goes away does not stop what it has begun. */
@Path(StreamTablesResource.PATH + "/{name}")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Stream tables")
class ActionsResource {

    private static final String WAIT = "5s";

    private final Lookup lookup;
    private final Commands commands;
    private final Refresher refresher;
    private final Polling polling;

    ActionsResource(Lookup lookup, Commands commands, Refresher refresher, Polling polling) {
        this.lookup = lookup;
        this.commands = commands;
        this.refresher = refresher;
        this.polling = polling;
    }

    @POST
    @Path("refresh")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Refresh now; answers when done")
    public Uni<Refreshed> refresh(@PathParam("name") String name) {
        return lookup.findOwn(name)
                .flatMap(table -> refresher.refresh(table.id()).map(report -> Refreshed.of(table, report)));
    }

    @POST
    @Path("verify")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Compare with the query at one snapshot")
    public Uni<Verified> verify(@PathParam("name") String name) {
        return lookup.findOwn(name)
                .flatMap(table -> refresher.verify(table.id()).map(found -> Verified.of(table, found)));
    }

    @POST
    @Path("reinitialize")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Fill it anew; 202 if that takes longer than the given time")
    public Uni<Response> reinitialize(
            @PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        return act(name, wait, commands::reinitialize);
    }

    @POST
    @Path("pause")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Stop refreshing it")
    public Uni<Response> pause(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        return act(name, wait, commands::pause);
    }

    @POST
    @Path("resume")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(summary = "Go on refreshing it after a pause or a suspension")
    public Uni<Response> resume(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        return act(name, wait, commands::resume);
    }

    @POST
    @Path("approve")
    @RolesAllowed(Roles.OPERATOR)
    @Operation(
            summary = "Let a refresh change more than maxChangedShare, once",
            description =
                    "For a stream table that was stopped with change-too-large: it goes on, and the next refresh that"
                            + " succeeds may change as much as it has to.")
    @APIResponse(
            responseCode = "409",
            description = "No refresh of it waits for approval",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> approve(@PathParam("name") String name, @QueryParam("wait") @DefaultValue(WAIT) String wait) {
        return act(name, wait, commands::approve);
    }

    private Uni<Response> act(String name, String wait, Function<StreamTableStatus, Uni<Void>> command) {
        Duration limit = Inputs.waiting(wait);
        return lookup.find(name)
                .call(table -> command.apply(table))
                .flatMap(table -> polling.until(StreamTableStatus::settled, limit, () -> lookup.find(table.id())))
                .map(table -> Response.status(table.settled() ? 200 : 202)
                        .entity(StreamTableView.of(table))
                        .build());
    }

    record Refreshed(
            String name,

            @Schema(description = "DIFFERENTIAL, FULL, or NONE if there was nothing to do")
            String mode,

            String reason,
            @Schema(description = "Change rows consumed") long changes,
            long rowsInserted,
            long rowsUpdated,
            long rowsDeleted,
            long durationMillis) {

        static Refreshed of(StreamTableStatus table, RefreshReport report) {
            return new Refreshed(
                    table.name().display(),
                    report.mode(),
                    report.reason(),
                    report.changes(),
                    report.inserted(),
                    report.updated(),
                    report.deleted(),
                    report.duration().toMillis());
        }
    }

    record Verified(
            String name,
            boolean equal,
            long rows,

            @Schema(description = "Rows that the query has and the table lacks")
            long missing,

            @Schema(description = "Rows that the table has and the query lacks")
            long surplus,

            @Schema(description = "Changes not yet applied; with some, differences are to be expected")
            long pendingChanges) {

        static Verified of(StreamTableStatus table, Verification found) {
            return new Verified(
                    table.name().display(),
                    found.equal(),
                    found.rows(),
                    found.missing(),
                    found.surplus(),
                    found.pendingChanges());
        }
    }
}
