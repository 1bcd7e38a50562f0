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
import io.runnel.postgres.EventLoop;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Measures lag and buffers now and then, in the database and not in what the scheduler believes, and off the path of
 * the scrape. Confined to one event loop once started; samples never overlap.
 */
@ApplicationScoped
class Gauges {

    private static final Logger LOG = Logger.getLogger(Gauges.class);

    private final EventLoop loop;
    private final Freshnesses freshnesses;
    private final CapturedSources sources;
    private final Meters meters;
    private final Duration interval;
    private final MultiGauge lag;
    private final MultiGauge pending;
    private final MultiGauge bufferBytes;
    private final MultiGauge bufferRows;
    private Set<String> known = Set.of();
    private volatile boolean stopped;

    Gauges(
            EventLoop loop,
            Freshnesses freshnesses,
            CapturedSources sources,
            Meters meters,
            MeterRegistry registry,
            @ConfigProperty(name = "runnel.metrics.interval", defaultValue = "10s") Duration interval) {
        this.loop = loop;
        this.freshnesses = freshnesses;
        this.sources = sources;
        this.meters = meters;
        this.interval = interval;
        this.lag = gauge(registry, "runnel.lag", "seconds", "No change older than this is missing");
        this.pending = gauge(registry, "runnel.pending.changes", "", "Change rows that are not applied yet");
        this.bufferBytes = gauge(registry, "runnel.change.buffer", "bytes", "Size of a change buffer on disk");
        this.bufferRows = gauge(registry, "runnel.change.buffer.rows", "", "Change rows that are not cleaned up yet");
    }

    private static MultiGauge gauge(MeterRegistry registry, String name, String unit, String description) {
        MultiGauge.Builder builder = MultiGauge.builder(name).description(description);
        return (unit.isEmpty() ? builder : builder.baseUnit(unit)).register(registry);
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
        show(found.tables());
        showBuffers(found.sources());
    }

    private Uni<Measurement> measure() {
        return freshnesses.all().flatMap(tables -> sources.all().map(captured -> new Measurement(tables, captured)));
    }

    private void show(List<Freshness> tables) {
        List<MultiGauge.Row<?>> lags = new ArrayList<>();
        List<MultiGauge.Row<?>> changes = new ArrayList<>();
        Set<String> present = new HashSet<>();
        for (Freshness table : tables) {
            String name = table.name().display();
            present.add(name);
            Tags tags = Tags.of(Meters.TABLE, name);
            add(lags, tags, table.lagSeconds());
            add(changes, tags, table.pendingChanges());
        }
        lag.register(lags, true);
        pending.register(changes, true);
        Set<String> gone = new HashSet<>(known);
        gone.removeAll(present);
        meters.forget(gone);
        known = present;
    }

    private static void add(List<MultiGauge.Row<?>> rows, Tags tags, Optional<? extends Number> value) {
        value.ifPresent(number -> rows.add(MultiGauge.Row.of(tags, number)));
    }

    private void showBuffers(List<CapturedSource> captured) {
        List<MultiGauge.Row<?>> bytes = new ArrayList<>();
        List<MultiGauge.Row<?>> rows = new ArrayList<>();
        for (CapturedSource source : captured) {
            Tags tags = Tags.of("source", source.name().display());
            bytes.add(MultiGauge.Row.of(tags, source.bytes()));
            rows.add(MultiGauge.Row.of(tags, source.rows()));
        }
        bufferBytes.register(bytes, true);
        bufferRows.register(rows, true);
    }

    private record Measurement(List<Freshness> tables, List<CapturedSource> sources) {}
}
