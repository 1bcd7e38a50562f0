package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.runnel.security.Acting;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Finds the projection that a request is about. */
@ApplicationScoped
class ProjectionLookup {

    static final String KIND = "PROJECTION";

    private final Projections projections;
    private final Acting acting;

    ProjectionLookup(Projections projections, Acting acting) {
        this.projections = projections;
        this.acting = acting;
    }

    Uni<ProjectionStatus> find(String name) {
        return projections
                .find(Inputs.text("name", name))
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-projection",
                        "projection " + name + " does not exist",
                        "GET " + ProjectionsResource.PATH + " lists the projections")))
                .call(found -> acting.mayRead(KIND, found.id()));
    }
}
