package io.runnel.api;

import jakarta.validation.constraints.DecimalMax;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** A stream table as it is asked for. Checked before it is used. */
@Schema(examples = """
                {"name": "public.order_totals",
                 "query": "SELECT customer, count(*) AS orders, sum(amount) AS total FROM orders GROUP BY customer",
                 "schedule": "1s", "indexes": [["total"]]}""")
record CreateRequest(
        @Schema(description = "schema.table; the schema defaults to public; PUT takes it from the path") @Nullable
        String name,

        @Schema(description = "One SELECT statement")
        @NotBlank
        @Size(max = CreateRequest.QUERY_CHARACTERS_MAX, message = "must not have more than {max} characters")
        String query,

        @Schema(
                description = "A duration (500ms, 5s, 1h30m), a cron expression, on-change, downstream or manual",
                defaultValue = "5s")
        @Nullable
        String schedule,

        @Schema(description = "AUTO, DIFFERENTIAL or FULL", defaultValue = "AUTO") @Nullable
        String refreshMode,

        @Schema(description = "Whether to fill it at once", defaultValue = "true") @Nullable
        Boolean initialize,

        @Schema(description = "Indexes, each a list of columns")
        @Nullable
        @Size(max = CreateRequest.INDEXES_MAX, message = "must not have more than {max} elements")
        List<
                        @NotEmpty @Size(max = 32, message = "must not have more than {max} columns") List<
                                @NotNull @Size(min = 1, max = 63, message = "must have 1 to 63 characters") String>>
                indexes,

        @Schema(
                description = "The share of its rows, as in 0.3, more of which no refresh inserts, updates and deletes"
                        + " without approval; 0 for no limit",
                defaultValue = "0")
        @Nullable
        @DecimalMin(value = "0", message = "must be from 0 to 1")
        @DecimalMax(value = "1", message = "must be from 0 to 1")
        Double maxChangedShare) {

    static final int QUERY_CHARACTERS_MAX = 500_000;
    static final int INDEXES_MAX = 32;

    String scheduleOrDefault() {
        return schedule == null ? "5s" : Inputs.text("schedule", schedule);
    }

    String modeOrDefault() {
        return refreshMode == null ? "AUTO" : Inputs.mode(refreshMode);
    }

    boolean initializeOrDefault() {
        return initialize == null || initialize;
    }

    List<List<String>> indexesOrNone() {
        return indexes == null
                ? List.of()
                : indexes.stream()
                        .map(columns -> columns.stream()
                                .map(column -> Inputs.text("indexes", column))
                                .toList())
                        .toList();
    }
}
