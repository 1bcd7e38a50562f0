package io.runnel.api;

import io.runnel.catalog.StreamTableStatus;
import java.time.Instant;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A stream table as the API shows it. */
record StreamTableView(
        @Schema(examples = "public.order_totals") String name,

        @Schema(description = "INITIALIZING, ACTIVE, PAUSED, SUSPENDED or ERROR")
        String status,

        String query,
        String schedule,
        String refreshMode,

        @Schema(description = "DIFFERENTIAL or FULL, once the definition was looked at")
        Optional<String> effectiveMode,

        @Schema(description = "Why not differentially") Optional<String> fullReason,
        String owner,
        boolean populated,
        Optional<Instant> refreshedAt,
        Optional<Long> rowsInLastRefresh,
        long consecutiveErrors,
        Optional<StreamTableStatus.LastError> lastError,

        @Schema(description = "What keeps it from being initialised")
        Optional<String> waitsFor,

        @Schema(
                description =
                        "The share of its rows more of which no refresh changes without approval; absent for none")
        Optional<Double> maxChangedShare) {

    static StreamTableView of(StreamTableStatus status) {
        return new StreamTableView(
                status.name().display(),
                status.status(),
                status.query(),
                status.schedule(),
                status.refreshMode(),
                status.effectiveMode(),
                status.fullReason(),
                status.owner(),
                status.populated(),
                status.refreshedAt(),
                status.rowsInLastRefresh(),
                status.consecutiveErrors(),
                status.lastError(),
                status.waitsFor(),
                status.maxChangedShare());
    }
}
