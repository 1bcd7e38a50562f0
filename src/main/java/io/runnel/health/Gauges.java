package io.runnel.health;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.runnel.catalog.CapturedSource;
import io.runnel.catalog.CapturedSources;
import io.runnel.catalog.Freshness;
import io.runnel.catalog.Freshnesses;
import io.runnel.catalog.Statuses;
import io.runnel.materialized.MaterializedViewStatus;
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.EventLoop;
import io.runnel.projection.Projections;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Collectors;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Measures lag and buffers now and then, in the database and not in what the scheduler believes, and off the path of
 * the scrape. Confined to one event loop once started; samples never overlap.
 */
@ApplicationScoped
class Gauges {

    private static final Logger LOG = Logger.getLogger(Gauges.class);

    private static final String SOURCE = "source";

    private final EventLoop loop;
    private final Freshnesses freshnesses;
    private final CapturedSources sources;
    private final MaterializedViews views;
    private final Meters meters;
    private final Duration interval;
    private final Statuses statuses;
    private final Projections projections;
    private final int namesMax;
    private final MultiGauge states;
    private final Series lag;
    private final Series pending;
    private final Series bufferBytes;
    private final Series bufferRows;
    private Set<String> known = Set.of();
    private volatile boolean stopped;

    Gauges(
            EventLoop loop,
            Freshnesses freshnesses,
            CapturedSources sources,
            MaterializedViews views,
            Statuses statuses,
            Projections projections,
            Meters meters,
            MeterRegistry registry,
            @ConfigProperty(name = "runnel.metrics.interval", defaultValue = "10s") Duration interval,
            @ConfigProperty(name = "runnel.metrics.names-max", defaultValue = "1000") int namesMax) {
        this.statuses = statuses;
        this.projections = projections;
        this.namesMax = namesMax;
        this.states = MultiGauge.builder("runnel.read.models")
                .description("How many read models are in each state")
                .register(registry);
        this.loop = loop;
        this.freshnesses = freshnesses;
        this.sources = sources;
        this.views = views;
        this.meters = meters;
        this.interval = interval;
        this.lag = series(registry, Meters.TABLE, "runnel.lag", "seconds", "No change older than this is missing");
        this.pending =
                series(registry, Meters.TABLE, "runnel.pending.changes", "", "Change rows that are not applied yet");
        this.bufferBytes = series(registry, SOURCE, "runnel.change.buffer", "bytes", "Size of a change buffer on disk");
        this.bufferRows =
                series(registry, SOURCE, "runnel.change.buffer.rows", "", "Change rows that are not cleaned up yet");
    }

    private static Series series(MeterRegistry registry, String tag, String name, String unit, String description) {
        MultiGauge.Builder builder = MultiGauge.builder(name).description(description);
        return new Series((unit.isEmpty() ? builder : builder.baseUnit(unit)).register(registry), tag, new HashMap<>());
    }

    void start(@Observes StartupEvent started) {
        // Readiness tells that the database is away; a gap in the series tells the rest.
        loop.run(() -> loop.repeat(
                interval,
                () -> !stopped,
                this::measure,
                this::measured,
                failure -> LOG.debugf("cannot measure: message=%s", failure.getMessage())));
    }

    void stop(@Observes ShutdownEvent stopping) {
        stopped = true;
    }

    private void measured(Measurement found) {
        show(found.tables(), found.views());
        showBuffers(found.sources());
        showStates(found.states());
    }

    private Uni<Measurement> measure() {
        return freshnesses
                .all()
                .flatMap(tables -> sources.all()
                        .flatMap(captured -> views.summaries()
                                .flatMap(managed -> states(managed)
                                        .map(states -> new Measurement(
                                                tables,
                                                captured,
                                                managed.stream()
                                                        .map(MaterializedViewStatus::name)
                                                        .toList(),
                                                states)))));
    }

    private Uni<Map<Tags, Long>> states(List<MaterializedViewStatus> managed) {
        return Uni.combine()
                .all()
                .unis(statuses.all(), projections.all())
                .asTuple()
                .map(all -> {
                    Map<Tags, Long> counts = new HashMap<>();
                    all.getItem1().forEach(table -> counts.merge(state("stream-table", table.status()), 1L, Long::sum));
                    all.getItem2().forEach(each -> counts.merge(state("projection", each.status()), 1L, Long::sum));
                    managed.forEach(view -> counts.merge(state("materialized-view", view.status()), 1L, Long::sum));
                    return counts;
                });
    }

    private static Tags state(String kind, String status) {
        return Tags.of("kind", kind, "status", status);
    }

    private void showStates(Map<Tags, Long> counts) {
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        counts.forEach((tags, count) -> rows.add(MultiGauge.Row.of(tags, count)));
        states.register(rows, true);
    }

    /** Those with the greatest values, where there are too many to show all. */
    private <T extends Number> Map<String, T> bounded(Map<String, T> values) {
        if (values.size() <= namesMax) {
            return values;
        }
        return values.entrySet().stream()
                .sorted(Comparator.comparingDouble(
                        (Map.Entry<String, T> entry) -> -entry.getValue().doubleValue()))
                .limit(namesMax)
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
    }

    private void show(List<Freshness> tables, List<QualifiedName> names) {
        Map<String, Number> lags = new HashMap<>();
        Map<String, Number> changes = new HashMap<>();
        Set<String> present = new HashSet<>();
        names.forEach(name -> present.add(name.display()));
        for (Freshness table : tables) {
            String name = table.name().display();
            present.add(name);
            table.lagSeconds().ifPresent(value -> lags.put(name, value));
            table.pendingChanges().ifPresent(value -> changes.put(name, value));
        }
        lag.show(bounded(lags));
        pending.show(bounded(changes));
        Set<String> gone = new HashSet<>(known);
        gone.removeAll(present);
        meters.forget(gone);
        known = present;
    }

    private void showBuffers(List<CapturedSource> captured) {
        Map<String, Number> bytes = new HashMap<>();
        Map<String, Number> rows = new HashMap<>();
        for (CapturedSource source : captured) {
            bytes.put(source.name().display(), source.bytes());
            rows.put(source.name().display(), source.rows());
        }
        bufferBytes.show(bounded(bytes));
        bufferRows.show(bounded(rows));
    }

    /** Meters of one name, told apart by one tag. To register thousands anew would cost more than to measure them. */
    private record Series(MultiGauge gauge, String tag, Map<String, AtomicReference<Number>> shown) {

        void show(Map<String, ? extends Number> values) {
            boolean same = shown.keySet().equals(values.keySet());
            shown.keySet().retainAll(values.keySet());
            values.forEach((name, value) -> shown.computeIfAbsent(name, unused -> new AtomicReference<>(value))
                    .set(value));
            if (!same) {
                List<MultiGauge.Row<?>> rows = new ArrayList<>();
                shown.forEach((name, value) -> rows.add(MultiGauge.Row.of(
                        Tags.of(tag, name),
                        value,
                        number -> Objects.requireNonNull(number.get()).doubleValue())));
                gauge.register(rows, true);
            }
        }
    }

    private record Measurement(
            List<Freshness> tables, List<CapturedSource> sources, List<QualifiedName> views, Map<Tags, Long> states) {}
}
