package io.runnel.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.security.AuditLog;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** Who changed which definition. */
@Path("/api/v1/audit-log")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Service")
class AuditResource {

    private static final int ROWS_MAX = 1_000;

    private final AuditLog log;
    private final ObjectMapper json;

    AuditResource(AuditLog log, ObjectMapper json) {
        this.log = log;
        this.json = json;
    }

    @GET
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "List the changes of definitions, the latest first",
            description = "As far as the caller's role owns what was changed. Changes by SQL are there, too.")
    public Uni<List<View>> latest(
            @QueryParam("name") @Nullable String name, @QueryParam("limit") @DefaultValue("100") String limit) {
        long rows = Inputs.number("limit", limit, 1, ROWS_MAX);
        Optional<String> wanted = Optional.ofNullable(name).map(given -> Inputs.text("name", given));
        return log.latest(wanted, rows)
                .map(changes -> changes.stream().map(this::view).toList());
    }

    private View view(AuditLog.Change change) {
        return new View(
                change.changedAt(),
                change.action(),
                change.kind(),
                change.name(),
                change.owner(),
                change.role(),
                change.sessionRole(),
                change.caller(),
                change.before().map(this::tree),
                change.after().map(this::tree));
    }

    private JsonNode tree(String text) {
        try {
            return json.readTree(text);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("PostgreSQL has printed JSON that is none", impossible);
        }
    }

    @Schema(name = "DefinitionChange")
    record View(
            Instant changedAt,

            @Schema(description = "CREATE, ALTER or DROP") String action,

            @Schema(description = "STREAM_TABLE, PROJECTION, MATERIALIZED_VIEW or EVENT_LOG")
            String kind,

            String name,
            Optional<String> owner,

            @Schema(description = "The role of the database that made the change")
            String role,

            @Schema(description = "The role as which its session had logged in")
            String sessionRole,

            @Schema(description = "Who asked the service; absent for a change by SQL")
            Optional<String> caller,

            @Schema(type = SchemaType.OBJECT) Optional<JsonNode> before,

            @Schema(type = SchemaType.OBJECT) Optional<JsonNode> after) {}
}
