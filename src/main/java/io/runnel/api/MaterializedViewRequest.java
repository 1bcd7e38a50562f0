package io.runnel.api;

import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotNull;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** A materialized view as it is asked for; what is absent is as the SQL functions have it by default. */
@Schema(examples = """
        {"name": "daily_revenue", "query": "SELECT day, sum(amount) AS revenue FROM orders GROUP BY day",
         "uniqueKey": ["day"], "schedules": ["*/5 8-17 * * MON-FRI", "@hourly"], "timeZone": "Europe/Berlin"}""")
record MaterializedViewRequest(
        @NotBlank String name,

        @Schema(description = "Absent for a materialized view that is there, which is adopted") @Nullable
        String query,

        @Schema(description = "Durations and cron expressions, of which the earliest counts", defaultValue = "[\"5m\"]")
        @Nullable
        List<@NotNull String> schedules,

        @Schema(description = "Of cron expressions; that of the service by default") @Nullable
        String timeZone,

        @Schema(
                description = "AUTO: concurrently where a unique index allows; CONCURRENTLY; PLAIN",
                defaultValue = "AUTO")
        @Nullable
        String refreshKind,

        @Schema(description = "Columns of the unique index that is created with the view") @Nullable
        List<@NotNull String> uniqueKey,

        @Schema(description = "Leave out refreshes that are proven to change nothing", defaultValue = "true") @Nullable
        Boolean skipUnchanged) {

    /** What can be altered; what is absent stays. */
    @Schema(name = "MaterializedViewAlteration")
    record Alteration(
            @Nullable List<@NotNull String> schedules,
            @Nullable String timeZone,
            @Nullable String refreshKind,
            @Nullable Boolean skipUnchanged) {}
}
