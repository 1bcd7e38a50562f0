package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.projection.EventLog;
import io.runnel.projection.EventLogs;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Event logs, which the SQL functions declare. */
@Path(EventLogsResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Event logs", description = "Tables to which rows are only added")
class EventLogsResource {

    static final String PATH = "/api/v1/event-logs";

    private static final Sql CREATE = Sql.of("SELECT runnel.create_event_log($1::text, $2::text, $3::text) AS outcome");
    private static final Sql DROP = Sql.of("SELECT FROM runnel.drop_event_log($1::text)");

    /** Those whose table the caller's role may read. */
    private static final Sql READABLE =
            Sql.of("SELECT schema_name::text AS schema_name, table_name::text AS table_name FROM runnel.event_logs");

    private final Acting acting;
    private final EventLogs logs;

    EventLogsResource(Acting acting, EventLogs logs) {
        this.acting = acting;
        this.logs = logs;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "List the event logs",
            description = "Those that were declared, and those that projections read.")
    public Uni<List<View>> list() {
        return readable()
                .flatMap(readable -> logs.all()
                        .map(all -> all.stream()
                                .filter(log -> readable.contains(log.name()))
                                .map(View::of)
                                .toList()));
    }

    private Uni<Set<QualifiedName>> readable() {
        return acting.transaction(session -> session.query(READABLE))
                .map(rows -> rows.stream()
                        .map(row -> QualifiedName.of(row.text("schema_name"), row.text("table_name")))
                        .collect(Collectors.toSet()));
    }

    @POST
    @RolesAllowed(Roles.ADMIN)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(
            summary = "Make a table immutable, or create an event log",
            description = "An existing table keeps its columns and rows; from then on rows are only added to it.")
    @APIResponse(
            responseCode = "201",
            description = "Declared",
            content = @Content(schema = @Schema(implementation = View.class)))
    @APIResponse(
            responseCode = "403",
            description = "The table belongs to somebody else",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> create(@Nullable @Valid Request body, @Context UriInfo uri) {
        Request request = Inputs.body(body);
        QualifiedName name = Inputs.name(request.name());
        return acting.transaction(session -> session.query(
                        CREATE,
                        name.sql().text(),
                        text("positionColumn", request.positionColumn()),
                        text("entityType", request.entityType())))
                .flatMap(declared -> find(name))
                .map(log -> Response.created(uri.getAbsolutePathBuilder()
                                .segment("{name}")
                                .build(log.name().display()))
                        .entity(View.of(log))
                        .build());
    }

    @GET
    @Path("{name}")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show an event log")
    public Uni<View> get(@PathParam("name") String name) {
        return find(Inputs.name(name)).map(View::of);
    }

    @DELETE
    @Path("{name}")
    @RolesAllowed(Roles.ADMIN)
    @Operation(summary = "Make the table an ordinary one again", description = "It keeps its rows.")
    @APIResponse(responseCode = "204", description = "Done")
    public Uni<Void> delete(@PathParam("name") String name) {
        return find(Inputs.name(name))
                .flatMap(log -> acting.transaction(
                        session -> session.query(DROP, log.name().sql().text())))
                .replaceWithVoid();
    }

    private Uni<EventLog> find(QualifiedName name) {
        return logs.find(name)
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-event-log",
                        "event log " + name.display() + " does not exist",
                        "GET " + PATH + " lists the event logs")))
                .call(log -> readable().invoke(readable -> {
                    if (!readable.contains(log.name())) {
                        throw new Failure.Forbidden(
                                "not-permitted",
                                "the caller's role of the database may not read "
                                        + log.name().display(),
                                "",
                                "GRANT SELECT on it to that role");
                    }
                }));
    }

    private static @Nullable String text(String property, @Nullable String value) {
        return value == null ? null : Inputs.text(property, value);
    }

    @Schema(name = "EventLogRequest", examples = """
            {"name": "order_events", "entityType": "uuid"}""")
    record Request(
            @NotBlank String name,

            @Schema(description = "Of an existing table; may be absent where only one column can be it") @Nullable
            String positionColumn,

            @Schema(description = "Of a table that is created, text by default; absent for an existing one") @Nullable
            String entityType) {}

    @Schema(name = "EventLog")
    record View(
            String name,
            String owner,
            Optional<String> positionColumn,

            @Schema(description = "Whether it was created or made immutable by Runnel")
            boolean declared,

            @Schema(description = "Whether runnel.append can write to it")
            boolean appendable,

            boolean immutable,

            @Schema(description = "REFUSED with an error, IGNORED without one, or ALLOWED")
            String onUpdate,

            String onDelete,
            String onTruncate,

            @Schema(description = "The triggers and rules that see to it")
            List<String> guardedBy,

            List<String> projections,
            Optional<Instant> declaredAt) {

        static View of(EventLog log) {
            EventLog.Guards guards = log.guards();
            return new View(
                    log.name().display(),
                    log.owner(),
                    log.positionColumn(),
                    log.declared(),
                    log.appendable(),
                    guards.immutable(),
                    guards.onUpdate(),
                    guards.onDelete(),
                    guards.onTruncate(),
                    guards.guardedBy(),
                    log.projections(),
                    log.declaredAt());
        }
    }
}
