package io.runnel.api;

import io.runnel.catalog.ReadModel;
import io.runnel.catalog.ReadModels;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import jakarta.ws.rs.core.UriInfo;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.enums.ParameterIn;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;

/** All kinds of read models, and their rows. */
@Path(ReadModelsResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Read models", description = "All kinds side by side, and their rows")
class ReadModelsResource {

    static final String PATH = "/api/v1/read-models";

    private final ReadModels models;
    private final FreshRows rows;
    private final Acting acting;

    ReadModelsResource(ReadModels models, FreshRows rows, Acting acting) {
        this.acting = acting;
        this.models = models;
        this.rows = rows;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List the read models of all kinds")
    public Uni<List<View>> list() {
        return acting.visible()
                .flatMap(readable -> models.all()
                        .map(all -> all.stream()
                                .filter(model -> readable.includes(model.kind(), model.id()))
                                .map(View::of)
                                .toList()));
    }

    @GET
    @Path("{name}/rows")
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "Read rows, as fresh as they must be",
            description =
                    "Every other parameter is a condition on the column of that name: eq.5, not.in.(a,b), is.null,"
                            + " like.a%25 and so on; several are joined by AND. A column whose name is one of the parameters"
                            + " below is written in double quotes.")
    @Parameter(name = "select", in = ParameterIn.QUERY, description = "Columns to show, as in a,b")
    @Parameter(
            name = "order",
            in = ParameterIn.QUERY,
            description =
                    "Columns to order by, as in a.desc.nullslast,b; rows that are equal in them come in a fixed order")
    @Parameter(name = "limit", in = ParameterIn.QUERY, description = "Rows in a page: 1 to 1000, 100 by default")
    @Parameter(name = "cursor", in = ParameterIn.QUERY, description = "Where the last page ended; see next")
    @Parameter(
            name = "maxStaleness",
            in = ParameterIn.QUERY,
            description = "How old what is missing may be, as in 5s; without it rows are shown as they are")
    @Parameter(name = "token", in = ParameterIn.QUERY, description = "A transaction or snapshot that must be included")
    @Parameter(
            name = "wait",
            in = ParameterIn.QUERY,
            description = "How long to wait for that: 0s by default, up to 60s")
    @Parameter(
            name = "fallback",
            in = ParameterIn.QUERY,
            description = "What to do when that was not enough: error (default), stale, or live, which runs the query")
    @APIResponse(
            responseCode = "200",
            description = "A page: rows, next. The headers Runnel-Freshness (fresh, waited, live, stale),"
                    + " Runnel-Staleness (seconds) and Runnel-Snapshot (a token) tell how fresh it is")
    @APIResponse(
            responseCode = "400",
            description = "A column, operator, value or cursor is wrong",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    @APIResponse(
            responseCode = "503",
            description = "The rows are not fresh enough, or it took too long; Retry-After tells when to try again",
            content = @Content(mediaType = Problem.MEDIA_TYPE, schema = @Schema(implementation = Problem.class)))
    public Uni<Response> rows(@PathParam("name") String name, @Context UriInfo uri) {
        return rows.read(name, RowsParameters.of(uri), uri.getRequestUri());
    }

    @Schema(name = "ReadModel")
    record View(
            String name,

            @Schema(description = "stream-table, projection, materialized-view")
            String kind,

            String owner,
            String status,
            String schedule,
            Optional<Instant> refreshedAt,

            @Schema(description = "Nothing older than this is missing; absent if that is not known")
            Optional<Double> lagSeconds,

            long consecutiveErrors,
            Optional<String> lastError) {

        static View of(ReadModel model) {
            return new View(
                    model.name(),
                    model.kind().toLowerCase(Locale.ROOT).replace('_', '-'),
                    model.owner(),
                    model.status(),
                    model.schedule(),
                    model.refreshedAt(),
                    model.lagSeconds(),
                    model.consecutiveErrors(),
                    model.lastError());
        }
    }
}
