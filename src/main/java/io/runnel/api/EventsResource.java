package io.runnel.api;

import com.fasterxml.jackson.databind.JsonNode;
import io.runnel.postgres.Failure;
import io.runnel.projection.EventLogs;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.PositiveOrZero;
import jakarta.validation.constraints.Size;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Instant;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Appends events to a log that Runnel has created. */
@Path(EventLogsResource.PATH + "/{name}/events")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Event logs")
class EventsResource {

    /** How many events one request appends; its body is limited by {@code quarkus.http.limits.max-body-size}. */
    static final int EVENTS_MAX = 1_000;

    /** How the function that appends tells which version an entity has. */
    private static final Pattern ACTUAL = Pattern.compile("has version (\\d+)\\.$");

    private final Acting acting;
    private final EventLogs logs;

    EventsResource(Acting acting, EventLogs logs) {
        this.acting = acting;
        this.logs = logs;
    }

    @POST
    @RolesAllowed(Roles.OPERATOR)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Append events",
            description =
                    "All of them in one transaction, in their order, or none. With an expected version an event is"
                            + " appended only if the last one of its entity has that version, 0 for none.")
    @APIResponse(
            responseCode = "201",
            description = "Appended",
            content = @Content(schema = @Schema(implementation = Appended.class)))
    @APIResponse(
            responseCode = "400",
            description = "An event is wrong",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    @APIResponse(
            responseCode = "409",
            description =
                    "version-conflict: the entity has another version, which is actualVersion; nothing was appended",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> append(@PathParam("name") String name, @Nullable @Valid Request body) {
        Request request = Inputs.body(body);
        QualifiedName log = Inputs.name(name);
        return logs.find(log)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-event-log",
                        "event log " + log.display() + " does not exist",
                        "GET " + EventLogsResource.PATH + " lists the event logs")))
                .flatMap(found -> acting.confined(
                        Identifier.of(found.owner()), confined -> Appending.append(confined, log, request.events())))
                .map(appended -> Response.status(Response.Status.CREATED)
                        .entity(new Appended(appended))
                        .build())
                .onFailure(EventsResource::conflicting)
                .recoverWithItem(thrown -> conflict((Failure) thrown));
    }

    private static boolean conflicting(Throwable thrown) {
        return thrown instanceof Failure failure && failure.code().equals(Appending.CONFLICT);
    }

    private static Response conflict(Failure failure) {
        Matcher actual = ACTUAL.matcher(failure.detail());
        return Problem.of(failure)
                .withActualVersion(actual.find() ? Long.valueOf(actual.group(1)) : null)
                .response();
    }

    @Schema(name = "EventsRequest", examples = """
            {"events": [{"entity": "order-7", "type": "OrderPaid", "body": {"amount": 12.50}, "expectedVersion": 1}]}""")
    record Request(@NotNull @Size(min = 1, max = EVENTS_MAX) List<@NotNull @Valid Event> events) {}

    @Schema(name = "Event")
    record Event(
            @NotNull String entity,
            @NotBlank String type,

            @Schema(
                    description = "Any JSON, kept with all its digits; an empty object by default",
                    type = SchemaType.OBJECT)
            @Nullable
            JsonNode body,

            @Schema(description = "Of the last event of the entity, 0 for none; absent for whatever there is")
            @PositiveOrZero
            @Nullable
            Long expectedVersion,

            @Schema(type = SchemaType.OBJECT) @Nullable JsonNode metadata,

            @Schema(description = "Now by default") @Nullable
            Instant occurredAt) {}

    @Schema(name = "AppendedEvents")
    record Appended(List<Place> events) {}

    /** Where an event stands, in the order in which they were given. */
    @Schema(name = "AppendedEvent")
    record Place(long position, long version) {}
}
