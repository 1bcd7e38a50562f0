package io.runnel.api;

import io.runnel.security.Roles;
import io.smallrye.mutiny.Uni;
import jakarta.annotation.security.RolesAllowed;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;

/** What became of the definition files; the same whichever replica is asked. */
@Path(DefinitionFilesResource.PATH)
@Produces(MediaType.APPLICATION_JSON)
@Tag(name = "Service", description = "All read models together, and their sources")
class DefinitionFilesResource {

    static final String PATH = "/api/v1/definition-files";

    private final DefinitionCatalog catalog;
    private final DefinitionFilesLoop loop;

    DefinitionFilesResource(DefinitionCatalog catalog, DefinitionFilesLoop loop) {
        this.catalog = catalog;
        this.loop = loop;
    }

    @GET
    @RolesAllowed(Roles.ADMIN)
    @Operation(
            summary = "Show what definition files have made, and what is wrong with them",
            description = "Problems are those of the last time that the files were applied.")
    public Uni<View> get() {
        return catalog.state()
                .flatMap(state -> catalog.problems()
                        .map(problems -> new View(
                                loop.settings().directory().map(Object::toString),
                                loop.settings().prune(),
                                state.known().entrySet().stream()
                                        .map(row -> Definition.of(row, state))
                                        .sorted(Comparator.comparing(Definition::file)
                                                .thenComparing(Definition::document)
                                                .thenComparing(Definition::name))
                                        .toList(),
                                problems)));
    }

    @Schema(name = "DefinitionFiles")
    record View(
            @Schema(description = "Absent if there is none") Optional<String> directory,
            boolean prune,
            List<Definition> definitions,
            List<DefinitionCatalog.Found> problems) {}

    @Schema(name = "FileDefinition")
    record Definition(
            String file,

            @Schema(description = "Which document of the file, from 1")
            long document,

            String kind,
            String name,
            Instant appliedAt,

            @Schema(
                    description = "APPLIED; KEPT: the document is gone, what it has made is not; DROPPED: somebody else"
                            + " dropped it")
            String state) {

        static Definition of(
                Map.Entry<DefinitionDocument.Key, DefinitionCatalog.Known> row, DefinitionCatalog.State state) {
            DefinitionCatalog.Known known = row.getValue();
            return new Definition(
                    known.file(),
                    known.document(),
                    row.getKey().kind().title(),
                    row.getKey().name(),
                    known.appliedAt(),
                    state.made(row.getKey()).isEmpty()
                            ? "DROPPED"
                            : known.removedAt().isPresent() ? "KEPT" : "APPLIED");
        }
    }
}
