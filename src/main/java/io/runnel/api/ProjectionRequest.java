package io.runnel.api;

import jakarta.validation.Valid;
import jakarta.validation.constraints.NotBlank;
import jakarta.validation.constraints.NotEmpty;
import jakarta.validation.constraints.NotNull;
import jakarta.validation.constraints.Size;
import java.util.List;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.jspecify.annotations.Nullable;

/** A projection as it is asked for; what is absent is as the SQL function has it by default. */
@Schema(examples = """
        {"name": "payments", "eventLog": "order_events", "positionColumn": "position", "typeColumn": "event_type",
         "ddl": "CREATE TABLE payments (id uuid PRIMARY KEY, amount numeric)", "targets": ["payments"],
         "handlers": [{"types": ["PaymentCaptured"],
           "sql": "INSERT INTO payments VALUES (event.event_id, (event.payload->>'amount')::numeric)"}]}""")
record ProjectionRequest(
        @NotBlank String name,

        @Schema(description = "A table to which rows are only added") @NotBlank
        String eventLog,

        @Schema(description = "Its column of growing, unique numbers") @NotBlank
        String positionColumn,

        @Nullable String typeColumn,

        @Schema(description = "Events of one entity are never handled out of order") @Nullable
        String entityColumn,

        @Nullable String timeColumn,

        @Nullable @Size(max = ProjectionRequest.HANDLERS_MAX, message = "must not have more than {max} elements")
        List<@NotNull @Valid Handler> handlers,

        @Schema(description = "For all types that have no handler and are not ignored") @Nullable
        String defaultHandler,

        @Schema(description = "Types without a handler that are no error; * stands for all, which is the default")
        @Nullable
        List<@NotNull String> ignoredTypes,

        @Schema(description = "Tables that a rebuild empties") @Nullable
        List<@NotNull String> targets,

        @Schema(description = "Statements that create the target tables") @Nullable
        String ddl,

        @Schema(
                description = "ASYNCHRONOUS, or SYNCHRONOUS in the writers' transactions",
                defaultValue = "ASYNCHRONOUS")
        @Nullable
        String mode,

        @Schema(
                description =
                        "on-change, on-change with a pause between two looks (on-change 20ms), a duration, or cron expressions separated by semicolons",
                defaultValue = "on-change")
        @Nullable
        String schedule,

        @Schema(description = "In which cron expressions are read; that of the service's database session if absent")
        @Nullable
        String scheduleTimeZone,

        @Schema(
                description =
                        "How many work on it at once, 1 to 16, each on the events of some entities; needs an entity column and mode ASYNCHRONOUS",
                defaultValue = "1")
        @Nullable
        Integer workers,

        @Schema(description = "Events in a transaction", defaultValue = "500") @Nullable
        Integer batchSize,

        @Schema(description = "STOP, RETRY or DEAD_LETTER", defaultValue = "STOP") @Nullable
        String failurePolicy,

        @Nullable Integer attemptsMax,

        @Schema(description = "BEGINNING or NOW", defaultValue = "BEGINNING") @Nullable
        String startFrom) {

    static final int HANDLERS_MAX = 1_000;

    /** @param sql statements in which {@code event} is the row, or calls of functions, separated by semicolons */
    record Handler(
            @NotEmpty List<@NotNull String> types, @NotBlank String sql) {}

    /** What to change; what is absent stays as it is. New handlers take the place of all that have types. */
    @Schema(name = "ProjectionAlteration", examples = """
            {"batchSize": 1000}""")
    record Alteration(
            @Nullable @Size(max = HANDLERS_MAX, message = "must not have more than {max} elements")
            List<@NotNull @Valid Handler> handlers,

            @Nullable String defaultHandler,
            @Nullable List<@NotNull String> ignoredTypes,
            @Nullable String schedule,
            @Nullable String scheduleTimeZone,
            @Nullable Integer workers,
            @Nullable Integer batchSize,
            @Nullable String failurePolicy,
            @Nullable Integer attemptsMax) {}

    /** How to handle all events again; handlers that are absent stay as they are. */
    @Schema(name = "RebuildRequest", examples = """
            {"sideBySide": true}""")
    record Rebuilding(
            @Schema(
                    description =
                            "Into copies of the target tables, whose contents take their place once they have caught up",
                    defaultValue = "false")
            @Nullable
            Boolean sideBySide,

            @Nullable @Size(max = HANDLERS_MAX, message = "must not have more than {max} elements")
            List<@NotNull @Valid Handler> handlers,

            @Nullable String defaultHandler,
            @Nullable List<@NotNull String> ignoredTypes) {

        boolean isSideBySide() {
            return Boolean.TRUE.equals(sideBySide);
        }
    }

    /** Which events to handle once more; all of them if nothing is given. */
    @Schema(name = "ReplayRequest", examples = """
            {"types": ["PaymentCaptured"], "fromPosition": 1000}""")
    record Selection(
            @Nullable List<@NotNull String> types,
            @Nullable String entity,
            @Nullable Long fromPosition,

            @Schema(description = "As in ISO 8601") @Nullable
            String fromTime) {}
}
