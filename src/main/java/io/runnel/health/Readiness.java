package io.runnel.health;

import io.runnel.postgres.Connectivity;
import io.runnel.postgres.Database;
import io.runnel.postgres.Failure;
import io.runnel.sql.Sql;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** Ready is who reaches the database and hears its notifications. Read models in trouble do not count. */
@org.eclipse.microprofile.health.Readiness
@ApplicationScoped
class Readiness implements AsyncHealthCheck {

    private static final Sql PROBE = Sql.of("SELECT 1 AS one");
    private static final Duration ANSWER_MAX = Duration.ofSeconds(2);

    private final Database database;
    private final Connectivity connectivity;

    Readiness(Database database, Connectivity connectivity) {
        this.database = database;
        this.connectivity = connectivity;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        return probe().map(trouble -> {
            boolean listening = connectivity.listenerConnected();
            HealthCheckResponseBuilder response = HealthCheckResponse.named("database")
                    .status(trouble.isEmpty() && listening)
                    .withData("answers", trouble.isEmpty())
                    .withData("listenerConnected", listening);
            return (trouble.isEmpty() ? response : response.withData("trouble", trouble)).build();
        });
    }

    /** Empty, or what is wrong. The attempt itself goes on, so that its connection finds its way back. */
    private Uni<String> probe() {
        return database.session(session -> session.query(PROBE))
                .map(rows -> "")
                .onFailure()
                .recoverWithItem(Readiness::describe)
                .memoize()
                .indefinitely()
                .ifNoItem()
                .after(ANSWER_MAX)
                .recoverWithItem("no answer within " + ANSWER_MAX.toSeconds() + "s");
    }

    private static String describe(Throwable thrown) {
        return thrown instanceof Failure failure ? failure.message() : "the database cannot be asked";
    }
}
