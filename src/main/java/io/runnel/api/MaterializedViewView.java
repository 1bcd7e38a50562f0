package io.runnel.api;

import io.runnel.materialized.MaterializedViewStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A managed materialized view as the API shows it. */
@Schema(name = "MaterializedView")
record MaterializedViewView(
        @Schema(examples = "public.daily_revenue") String name,

        @Schema(description = "INITIALIZING, ACTIVE, PAUSED or SUSPENDED")
        String status,

        String owner,
        Optional<String> query,

        @Schema(description = "Whether it was there before, and stays when it is deleted here")
        boolean adopted,

        boolean populated,
        List<String> schedules,
        String timeZone,
        String refreshKind,
        boolean skipUnchanged,

        @Schema(description = "Why it cannot be proven that nothing has changed")
        Optional<String> neverSkippedBecause,

        @Schema(description = "The snapshot as of which the contents are the query's result")
        Optional<String> frontier,

        Optional<Instant> refreshedAt,

        @Schema(description = "When it was last refreshed or found unchanged")
        Optional<Instant> checkedAt,

        Optional<Long> durationMillis,

        @Schema(description = "CONCURRENTLY or PLAIN, of the last refresh")
        Optional<String> lastKind,

        long refreshes,

        @Schema(description = "Refreshes that were left out, because nothing had changed")
        long skipped,

        List<String> warnings,

        @Schema(description = "Who holds the lock that the next refresh needs")
        Optional<String> waitsFor,

        long consecutiveErrors,
        Optional<MaterializedViewStatus.LastError> lastError) {

    static MaterializedViewView of(MaterializedViewStatus status) {
        MaterializedViewStatus.Settings settings = status.settings();
        MaterializedViewStatus.Progress progress = status.progress();
        return new MaterializedViewView(
                status.name().display(),
                status.status(),
                status.owner(),
                status.query(),
                status.adopted(),
                status.populated(),
                settings.schedules(),
                settings.timeZone(),
                settings.refreshKind(),
                settings.skipUnchanged(),
                settings.neverSkippedBecause(),
                progress.frontier(),
                progress.refreshedAt(),
                progress.checkedAt(),
                progress.durationSeconds().map(seconds -> Math.round(seconds * 1000)),
                progress.kind(),
                progress.refreshes(),
                progress.skipped(),
                status.warnings(),
                progress.waitsFor(),
                progress.consecutiveErrors(),
                status.lastError());
    }
}
