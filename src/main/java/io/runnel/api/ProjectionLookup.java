package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Finds the projection that a request is about. */
@ApplicationScoped
class ProjectionLookup {

    private final Projections projections;

    ProjectionLookup(Projections projections) {
        this.projections = projections;
    }

    Uni<ProjectionStatus> find(String name) {
        return projections
                .find(Inputs.text("name", name))
                .map(found -> found.orElseThrow(() -> new Failure.NotFound(
                        "no-projection",
                        "projection " + name + " does not exist",
                        "GET " + ProjectionsResource.PATH + " lists the projections")));
    }
}
