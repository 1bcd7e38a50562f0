package io.runnel.health;

import io.runnel.projection.ProjectionStatus;
import io.runnel.projection.Projections;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.health.api.HealthGroup;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Comparator;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** How each projection fares. In a group of its own: a handler that fails is no reason to restart the service. */
@HealthGroup("projections")
@ApplicationScoped
class ProjectionsHealth implements AsyncHealthCheck {

    private static final String NAME = "projections";
    private static final int LISTED_MAX = 1_000;
    private static final Comparator<ProjectionStatus> WORST_FIRST = Comparator.comparing(ProjectionStatus::failed)
            .thenComparing(projection -> projection.progress().consecutiveErrors())
            .reversed()
            .thenComparing(ProjectionStatus::name);

    private final Projections projections;

    ProjectionsHealth(Projections projections) {
        this.projections = projections;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        return projections
                .all()
                .map(ProjectionsHealth::response)
                .onFailure()
                .recoverWithItem(HealthCheckResponse.down(NAME));
    }

    private static HealthCheckResponse response(List<ProjectionStatus> all) {
        HealthCheckResponseBuilder response = HealthCheckResponse.named(NAME)
                .status(all.stream().noneMatch(ProjectionStatus::failed))
                .withData("count", all.size());
        all.stream()
                .sorted(WORST_FIRST)
                .limit(LISTED_MAX)
                .forEach(projection -> response.withData(projection.name(), line(projection)));
        return response.build();
    }

    /** One line per projection, because probes can hold neither lists nor objects. */
    private static String line(ProjectionStatus projection) {
        ProjectionStatus.Progress progress = projection.progress();
        String line = "status=" + projection.status() + " lagPositions=" + projection.lagPositions() + " deadLetters="
                + progress.deadLetters() + " consecutiveErrors=" + progress.consecutiveErrors();
        return projection
                .lastError()
                .filter(error -> projection.failed() || progress.consecutiveErrors() > 0)
                .map(error -> line + " lastErrorCode=" + error.code().orElse("unknown"))
                .orElse(line);
    }
}
