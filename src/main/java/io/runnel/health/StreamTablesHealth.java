package io.runnel.health;

import io.runnel.catalog.Freshness;
import io.runnel.catalog.Freshnesses;
import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.smallrye.health.api.AsyncHealthCheck;
import io.smallrye.health.api.HealthGroup;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.HealthCheckResponseBuilder;

/** How each stream table fares. In a group of its own: a user's broken query is no reason to restart the service. */
@HealthGroup("stream-tables")
@ApplicationScoped
class StreamTablesHealth implements AsyncHealthCheck {

    private static final String NAME = "stream tables";
    private static final int LISTED_MAX = 1_000;
    private static final Comparator<StreamTableStatus> WORST_FIRST = Comparator.comparing(StreamTableStatus::failed)
            .thenComparing(StreamTableStatus::consecutiveErrors)
            .reversed()
            .thenComparing(StreamTableStatus::name);

    private final Statuses statuses;
    private final Freshnesses freshnesses;

    StreamTablesHealth(Statuses statuses, Freshnesses freshnesses) {
        this.statuses = statuses;
        this.freshnesses = freshnesses;
    }

    @Override
    public Uni<HealthCheckResponse> call() {
        return statuses.all()
                .flatMap(tables -> freshnesses.all().map(found -> response(tables, found)))
                .onFailure()
                .recoverWithItem(HealthCheckResponse.down(NAME));
    }

    private static HealthCheckResponse response(List<StreamTableStatus> tables, List<Freshness> found) {
        Map<Long, Freshness> freshness = found.stream().collect(Collectors.toMap(Freshness::id, Function.identity()));
        HealthCheckResponseBuilder response = HealthCheckResponse.named(NAME)
                .status(tables.stream().noneMatch(StreamTableStatus::failed))
                .withData("count", tables.size());
        tables.stream()
                .sorted(WORST_FIRST)
                .limit(LISTED_MAX)
                .forEach(table -> response.withData(
                        table.name().display(), line(table, Optional.ofNullable(freshness.get(table.id())))));
        return response.build();
    }

    /** One line per table, because probes can hold neither lists nor objects. */
    static String line(StreamTableStatus table, Optional<Freshness> freshness) {
        String lag = freshness
                .flatMap(Freshness::lagSeconds)
                .map(seconds -> String.format(Locale.ROOT, "%.1f", seconds))
                .orElse("unknown");
        String line = "status=" + table.status() + " schedule=" + table.schedule() + " lagSeconds=" + lag
                + " consecutiveErrors=" + table.consecutiveErrors();
        return table.lastError()
                .filter(error -> table.failed() || table.consecutiveErrors() > 0)
                .map(error -> line + " lastErrorCode=" + error.code().orElse("unknown"))
                .orElse(line);
    }
}
