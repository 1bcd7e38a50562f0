package io.runnel.health;

import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.health.api.HealthGroup;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Comparator;
import java.util.List;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** How each managed view fares. In a group of its own: a view that fails is no reason to restart the service. */
@HealthGroup("materialized-views")
@ApplicationScoped
class MaterializedViewsHealth implements AsyncHealthCheck {

    private static final String NAME = "materialized views";
    private static final int LISTED_MAX = 1_000;
    private static final Comparator<MaterializedViewStatus> WORST_FIRST = Comparator.comparing(
                    MaterializedViewStatus::failed)
            .thenComparing(view -> view.progress().consecutiveErrors())
            .reversed()
            .thenComparing(view -> view.name().display());

    private final MaterializedViews views;

    MaterializedViewsHealth(MaterializedViews views) {
        this.views = views;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        return views.summaries()
                .map(MaterializedViewsHealth::response)
                .onFailure()
                .recoverWithItem(HealthCheckResponse.down(NAME));
    }

    private static HealthCheckResponse response(List<MaterializedViewStatus> all) {
        HealthCheckResponseBuilder response = HealthCheckResponse.named(NAME)
                .status(all.stream().noneMatch(MaterializedViewStatus::failed))
                .withData("count", all.size());
        all.stream()
                .sorted(WORST_FIRST)
                .limit(LISTED_MAX)
                .forEach(view -> response.withData(view.name().display(), line(view)));
        return response.build();
    }

    /** One line per view, because probes can hold neither lists nor objects. */
    private static String line(MaterializedViewStatus view) {
        MaterializedViewStatus.Progress progress = view.progress();
        StringBuilder line = new StringBuilder("status=").append(view.status());
        progress.checkedAt().ifPresent(at -> line.append(" checkedAt=").append(at));
        line.append(" consecutiveErrors=").append(progress.consecutiveErrors());
        progress.waitsFor().ifPresent(who -> line.append(" waitsFor=").append(who));
        view.lastError()
                .ifPresent(error ->
                        line.append(" lastErrorCode=").append(error.code().orElse("unknown")));
        return line.toString();
    }
}
