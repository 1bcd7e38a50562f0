package io.runnel.api;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.catalog.CapturedSource;
import io.runnel.catalog.CapturedSources;
import io.runnel.catalog.ReadModel;
import io.runnel.catalog.ReadModels;
import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.definition.Explanation;
import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.Connectivity;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.runnel.security.Acting;
import io.runnel.security.Roles;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.validation.Valid;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jboss.resteasy.reactive.server.Cancellable;
import org.jspecify.annotations.Nullable;

/** The service as a whole. */
@Path("/api/v1")
@Produces(MediaType.APPLICATION_JSON)
@Cancellable(false)
@Tag(name = "Service", description = "All read models together, and their sources")
class ServiceResource {

    private static final int FAILING_MAX = 100;

    /** How many the summary names. */
    private static final int SUMMARISED_MAX = 3;

    private final Commands commands;
    private final Statuses statuses;
    private final Projections projections;
    private final MaterializedViews views;
    private final ObjectMapper json;
    private final CapturedSources sources;
    private final Graph graph;
    private final Connectivity connectivity;
    private final String version;
    private final Acting acting;
    private final ReadModels models;

    ServiceResource(
            Commands commands,
            Statuses statuses,
            Projections projections,
            MaterializedViews views,
            ObjectMapper json,
            CapturedSources sources,
            Graph graph,
            Connectivity connectivity,
            Acting acting,
            ReadModels models,
            @ConfigProperty(name = "quarkus.application.version", defaultValue = "unknown") String version) {
        this.commands = commands;
        this.statuses = statuses;
        this.projections = projections;
        this.views = views;
        this.json = json;
        this.sources = sources;
        this.graph = graph;
        this.connectivity = connectivity;
        this.version = version;
        this.acting = acting;
        this.models = models;
    }

    @POST
    @Path("validate")
    @RolesAllowed(Roles.VIEWER)
    @Consumes(MediaType.APPLICATION_JSON)
    @Operation(summary = "Tell how a query would be maintained, without creating anything")
    public Uni<Explanation> validate(@Nullable @Valid ValidateRequest body) {
        return commands.validateAsCaller(Inputs.body(body).query());
    }

    @GET
    @Path("status")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show the whole service")
    public Uni<Status> status() {
        return Uni.combine()
                .all()
                .unis(statuses.all(), sources.all(), projections.all(), views.all(), acting.visible(), models.all())
                .asTuple()
                .map(all -> {
                    Acting.Visible readable = all.getItem5();
                    List<StreamTableStatus> tables = all.getItem1().stream()
                            .filter(table -> readable.includes(Lookup.KIND, table.id()))
                            .toList();
                    List<CapturedSource> captured = all.getItem2();
                    List<ProjectionStatus> projected = all.getItem3().stream()
                            .filter(projection -> readable.includes(ProjectionLookup.KIND, projection.id()))
                            .toList();
                    List<MaterializedViewStatus> managed = all.getItem4().stream()
                            .filter(view -> readable.includes(MaterializedViewCommands.KIND, view.id()))
                            .toList();
                    List<ReadModel> shown = all.getItem6().stream()
                            .filter(model -> readable.includes(model.kind(), model.id()))
                            .toList();
                    List<NotFresh> notFresh =
                            shown.stream().flatMap(NotFresh::of).toList();
                    return new Status(
                            notFresh.isEmpty(),
                            summary(shown.size(), notFresh),
                            notFresh.stream().limit(FAILING_MAX).toList(),
                            version,
                            connectivity.listenerConnected(),
                            tables.size(),
                            tables.stream()
                                    .collect(Collectors.groupingBy(
                                            StreamTableStatus::status, TreeMap::new, Collectors.counting())),
                            tables.stream()
                                    .filter(table -> table.failed() || table.consecutiveErrors() > 0)
                                    .limit(FAILING_MAX)
                                    .map(StreamTableView::of)
                                    .toList(),
                            projected.size(),
                            projected.stream()
                                    .filter(projection -> projection.failed()
                                            || projection.progress().consecutiveErrors() > 0
                                            || projection.progress().deadLetters() > 0)
                                    .limit(FAILING_MAX)
                                    .map(projection -> ProjectionView.of(projection, json))
                                    .toList(),
                            managed.size(),
                            managed.stream()
                                    .filter(view ->
                                            view.failed() || view.progress().consecutiveErrors() > 0)
                                    .limit(FAILING_MAX)
                                    .map(MaterializedViewView::of)
                                    .toList(),
                            captured.size(),
                            captured.stream().mapToLong(CapturedSource::rows).sum(),
                            captured.stream().mapToLong(CapturedSource::bytes).sum());
                });
    }

    @GET
    @Path("graph")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "Show which read model reads what")
    public Uni<Graph.View> graph() {
        return graph.read();
    }

    @GET
    @Path("sources")
    @RolesAllowed(Roles.VIEWER)
    @Operation(summary = "List the tables whose changes are captured")
    public Uni<List<SourceView>> sources() {
        return Uni.combine()
                .all()
                .unis(sources.all(), statuses.all(), acting.visible())
                .asTuple()
                .map(all -> {
                    Set<QualifiedName> readable = all.getItem2().stream()
                            .filter(table -> all.getItem3().includes(Lookup.KIND, table.id()))
                            .map(StreamTableStatus::name)
                            .collect(Collectors.toSet());
                    return all.getItem1().stream()
                            .filter(source -> all.getItem3().everything()
                                    || source.dependants().stream().anyMatch(readable::contains))
                            .map(source -> SourceView.of(source, readable))
                            .toList();
                });
    }

    private static String summary(int models, List<NotFresh> notFresh) {
        return notFresh.isEmpty()
                ? "All " + models + " read models are as fresh as their schedules promise."
                : notFresh.size() + " of " + models + " read models are not fresh: "
                        + notFresh.stream()
                                .limit(SUMMARISED_MAX)
                                .map(model -> model.name() + " " + model.why())
                                .collect(Collectors.joining("; "))
                        + (notFresh.size() > SUMMARISED_MAX ? "; and others." : ".");
    }

    record Status(
            @Schema(description = "Whether every read model is as fresh as its schedule promises")
            boolean fresh,

            @Schema(description = "The same in a sentence") String summary,

            @Schema(description = "Which are not, and why, the first 100")
            List<NotFresh> notFresh,

            String version,

            @Schema(description = "Whether notifications of writers arrive")
            boolean listenerConnected,

            long streamTables,

            @Schema(description = "How many stream tables are in each state")
            Map<String, Long> byStatus,

            @Schema(description = "Stream tables with errors, the first 100")
            List<StreamTableView> failing,

            long projections,

            @Schema(description = "Projections with errors or dead letters, the first 100")
            List<ProjectionView> failingProjections,

            long materializedViews,

            @Schema(description = "Managed materialized views with errors, the first 100")
            List<MaterializedViewView> failingMaterializedViews,

            long sources,
            long bufferRows,
            long bufferBytes) {}

    @Schema(name = "NotFresh")
    record NotFresh(
            String name,

            @Schema(description = "stream-table, projection, materialized-view")
            String kind,

            String why,
            Optional<Double> lagSeconds) {

        static Stream<NotFresh> of(ReadModel model) {
            return Verdict.trouble(model).stream()
                    .map(why -> new NotFresh(
                            model.name(),
                            model.kind().toLowerCase(Locale.ROOT).replace('_', '-'),
                            why,
                            model.lagSeconds()));
        }
    }

    record SourceView(
            long id,
            String name,

            @Schema(description = "Change rows that are not cleaned up yet; counted up to a million")
            long bufferRows,

            @Schema(description = "Their size on disk, with indexes")
            long bufferBytes,

            List<String> dependants) {

        static SourceView of(CapturedSource source, Set<QualifiedName> readable) {
            return new SourceView(
                    source.id(),
                    source.name().display(),
                    source.rows(),
                    source.bytes(),
                    source.dependants().stream()
                            .filter(readable::contains)
                            .map(QualifiedName::display)
                            .toList());
        }
    }
}
