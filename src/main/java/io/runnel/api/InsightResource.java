package io.runnel.api;

import io.runnel.catalog.Freshnesses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.definition.Explanation;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.DefaultValue;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.Context;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.UriInfo;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** What can be learnt about a stream table: how it is maintained, what was done, how far behind it is. */
@Path(StreamTablesResource.PATH + "/{name}")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Stream tables")
class InsightResource {

    private static final int HISTORY_ROWS_MAX = 1_000;

    private final Lookup lookup;
    private final Commands commands;
    private final Freshnesses freshnesses;
    private final History history;
    private final Tokens tokens;

    InsightResource(Lookup lookup, Commands commands, Freshnesses freshnesses, History history, Tokens tokens) {
        this.lookup = lookup;
        this.commands = commands;
        this.freshnesses = freshnesses;
        this.history = history;
        this.tokens = tokens;
    }

    @GET
    @Path("explain")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show how it is maintained, and why not differentially")
    public Uni<Explanation> explain(@PathParam("name") String name) {
        return lookup.find(name).flatMap(table -> commands.explain(table.id()));
    }

    @GET
    @Path("history")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List its refreshes, the latest first")
    public Uni<List<History.Entry>> history(
            @PathParam("name") String name, @QueryParam("limit") @DefaultValue("100") String limit) {
        long rows = Inputs.number("limit", limit, 1, HISTORY_ROWS_MAX);
        return lookup.find(name).flatMap(table -> history.of(table.id(), rows));
    }

    @GET
    @Path("freshness")
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "Tell how far behind it is, and whether it includes a transaction",
            description = "With a token, waits until the table includes it, but no longer than the given time, and"
                    + " asks for a refresh if there is time to wait.")
    public Uni<FreshnessView> freshness(
            @PathParam("name") String name,
            @Parameter(
                            description =
                                    "What pg_current_xact_id() returned in the writing transaction, or pg_current_snapshot() after it")
                    @QueryParam("token")
                    @Nullable
                    String token,
            @QueryParam("wait") @DefaultValue("0s") String wait,
            @Context UriInfo uri) {
        Inputs.refuseEmptyToken(token, uri);
        Duration limit = Inputs.waiting(wait);
        return lookup.find(name)
                .flatMap(table -> tokens.answer(
                                Lookup.KIND,
                                table.id(),
                                token,
                                limit,
                                table.status().equals("ACTIVE"))
                        .flatMap(included -> measure(table, included)));
    }

    private Uni<FreshnessView> measure(StreamTableStatus table, Optional<Boolean> included) {
        return freshnesses
                .find(table.id())
                .map(found -> new FreshnessView(
                        table.name().display(),
                        table.status(),
                        found.flatMap(freshness -> freshness.frontier()),
                        found.flatMap(freshness -> freshness.refreshedAt()),
                        found.flatMap(freshness -> freshness.lagSeconds()),
                        found.flatMap(freshness -> freshness.pendingChanges()),
                        included));
    }

    record FreshnessView(
            String name,
            String status,

            @Schema(description = "The snapshot up to which all changes are applied")
            Optional<String> frontier,

            Optional<Instant> refreshedAt,

            @Schema(description = "No change older than this is missing")
            Optional<Double> lagSeconds,

            @Schema(description = "Change rows of its direct sources that are not applied yet")
            Optional<Long> pendingChanges,

            @Schema(description = "Whether it includes the token")
            Optional<Boolean> includes) {}
}
