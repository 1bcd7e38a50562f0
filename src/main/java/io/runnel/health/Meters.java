package io.runnel.health;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.runnel.cdc.WokenUp;
import io.runnel.materialized.ViewRefresh;
import io.runnel.materialized.ViewRefreshFailed;
import io.runnel.projection.EventsHandled;
import io.runnel.refresh.RefreshCompleted;
import io.runnel.refresh.RefreshFailed;
import io.runnel.refresh.RefreshReport;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Counts what happens. The registry is safe for any thread. */
@ApplicationScoped
class Meters {

    static final String TABLE = "table";

    private static final String REFRESHES = "runnel.refreshes";
    private static final String DURATION = "runnel.refresh.duration";
    private static final String ROWS = "runnel.refresh.rows";
    private static final String ERRORS = "runnel.refresh.errors";
    private static final String WAKEUPS = "runnel.wakeups";
    private static final String EVENTS = "runnel.projection.events";
    private static final Set<String> PER_TABLE = Set.of(REFRESHES, DURATION, ROWS, ERRORS);

    /** What stands for the names that are too many to have series of their own. */
    static final String OTHERS = "(others)";

    private final MeterRegistry registry;
    private final int namesMax;
    private final Set<String> names = ConcurrentHashMap.newKeySet();

    Meters(
            MeterRegistry registry,
            @ConfigProperty(name = "runnel.metrics.names-max", defaultValue = "1000") int namesMax) {
        this.registry = registry;
        this.namesMax = namesMax;
        // There from the start, so that the first wake-up is an increase and not the birth of a series.
        registry.counter(WAKEUPS);
    }

    void completed(@Observes RefreshCompleted event) {
        RefreshReport report = event.report();
        Tags table = Tags.of(TABLE, label(event.table()));
        registry.counter(REFRESHES, table.and("mode", report.mode())).increment();
        registry.timer(DURATION, table.and("mode", report.mode())).record(report.duration());
        registry.counter(ROWS, table.and("operation", "insert")).increment((double) report.inserted());
        registry.counter(ROWS, table.and("operation", "update")).increment((double) report.updated());
        registry.counter(ROWS, table.and("operation", "delete")).increment((double) report.deleted());
    }

    void failed(@Observes RefreshFailed event) {
        registry.counter(ERRORS, TABLE, label(event.table()), "code", event.code())
                .increment();
    }

    void refreshed(@Observes ViewRefresh event) {
        Tags view = Tags.of(TABLE, label(event.view().display()), "mode", event.action());
        registry.counter(REFRESHES, view).increment();
        registry.timer(DURATION, view).record(event.duration());
    }

    void failed(@Observes ViewRefreshFailed event) {
        registry.counter(ERRORS, TABLE, label(event.view().display()), "code", event.code())
                .increment();
    }

    void wokenUp(@Observes WokenUp event) {
        registry.counter(WAKEUPS).increment();
    }

    void handled(@Observes EventsHandled event) {
        registry.counter(EVENTS, "projection", label(event.projection())).increment((double) event.events());
    }

    /** The name itself, as long as there are not too many. */
    private String label(String name) {
        if (names.contains(name)) {
            return name;
        }
        return names.size() < namesMax && names.add(name) ? name : OTHERS;
    }

    /** Removes what was counted for tables that are gone. */
    void forget(Set<String> tables) {
        if (tables.isEmpty()) {
            return;
        }
        names.removeAll(tables);
        List.copyOf(registry.getMeters()).stream()
                .filter(meter -> PER_TABLE.contains(meter.getId().getName()))
                .filter(meter -> tables.contains(meter.getId().getTag(TABLE)))
                .forEach(registry::remove);
    }
}
