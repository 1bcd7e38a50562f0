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
import io.runnel.materialized.MaterializedViews;
import io.runnel.postgres.EventLoop;
import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicReference;
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
            Meters meters,
            MeterRegistry registry,
            @ConfigProperty(name = "runnel.metrics.interval", defaultValue = "10s") Duration interval) {
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
    }

    private Uni<Measurement> measure() {
        return freshnesses
                .all()
                .flatMap(tables -> sources.all()
                        .flatMap(captured -> views.names().map(names -> new Measurement(tables, captured, names))));
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
        lag.show(lags);
        pending.show(changes);
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
        bufferBytes.show(bytes);
        bufferRows.show(rows);
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

    private record Measurement(List<Freshness> tables, List<CapturedSource> sources, List<QualifiedName> views) {}
}
