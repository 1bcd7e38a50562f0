package io.runnel.api;

import io.runnel.catalog.Freshnesses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.definition.Explanation;
import io.runnel.postgres.Connectivity;
import io.runnel.postgres.Failure;
import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;

/** What is wrong with a stream table, in sentences. */
@Path(StreamTablesResource.PATH + "/{name}/diagnose")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Stream tables")
class DiagnoseResource {

    /** How many of its last refreshes are looked at. */
    private static final long REFRESHES = 20;

    private static final String WRITING_SINCE = Diagnosis.WRITER_MIN.toSeconds() + "s";

    private final Lookup lookup;
    private final Commands commands;
    private final Freshnesses freshnesses;
    private final History history;
    private final Surroundings surroundings;
    private final Connectivity connectivity;

    DiagnoseResource(
            Lookup lookup,
            Commands commands,
            Freshnesses freshnesses,
            History history,
            Surroundings surroundings,
            Connectivity connectivity) {
        this.lookup = lookup;
        this.commands = commands;
        this.freshnesses = freshnesses;
        this.history = history;
        this.surroundings = surroundings;
        this.connectivity = connectivity;
    }

    @GET
    @RolesAllowed(Roles.VIEWER)
    @Operation(
            summary = "Say what is slow or broken, why, and what to do",
            description =
                    "From its state, errors, lag, history and plan, the indexes and change buffers of its sources,"
                            + " and who is writing to them.")
    public Uni<Diagnosis.View> diagnose(@PathParam("name") String name) {
        return lookup.find(name)
                .flatMap(table -> explanation(table).flatMap(explained -> facts(table, explained)))
                .map(Diagnosis::of);
    }

    /** Empty if the query means nothing any more, which the state tells. */
    private Uni<Optional<Explanation>> explanation(StreamTableStatus table) {
        return commands.explain(table.id())
                .map(Optional::of)
                .onFailure(thrown -> thrown instanceof Failure && !(thrown instanceof Failure.Unavailable))
                .recoverWithItem(Optional.empty());
    }

    private Uni<Diagnosis.Facts> facts(StreamTableStatus table, Optional<Explanation> explained) {
        List<Explanation.Lookup> lookups = explained.map(Explanation::lookups).orElse(List.of());
        return Uni.combine()
                .all()
                .unis(
                        freshnesses.find(table.id()),
                        history.of(table.id(), REFRESHES),
                        surroundings.look(table.id(), lookups, WRITING_SINCE))
                .asTuple()
                .map(found -> new Diagnosis.Facts(
                        table,
                        found.getItem1(),
                        found.getItem2(),
                        explained,
                        found.getItem3(),
                        connectivity.listenerConnected()));
    }
}
