package io.runnel.api;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.runnel.projection.ProjectionStatus;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.enums.SchemaType;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/** A projection as the API shows it. */
record ProjectionView(
        @Schema(examples = "payments") String name,

        @Schema(description = "ACTIVE, PAUSED or SUSPENDED") String status,

        String owner,
        String eventLog,
        String positionColumn,
        Optional<String> typeColumn,
        Optional<String> entityColumn,
        Optional<String> timeColumn,

        @Schema(type = SchemaType.ARRAY, implementation = Object.class)
        JsonNode handlers,

        List<String> ignoredTypes,
        List<String> targets,
        String mode,
        String schedule,

        @Schema(description = "In which cron expressions are read")
        String scheduleTimeZone,

        @Schema(description = "How many work on it at once") long workers,

        long batchSize,
        String failurePolicy,
        Optional<Long> attemptsMax,
        Optional<Long> lastProcessedPosition,

        @Schema(description = "The greatest position in the log")
        Optional<Long> latestPosition,

        Optional<Instant> lastEventAt,
        Optional<Instant> updatedAt,
        long eventsHandled,
        long deadLetters,
        boolean replaying,
        long consecutiveErrors,
        Optional<ProjectionStatus.LastError> lastError) {

    static ProjectionView of(ProjectionStatus status, ObjectMapper json) {
        ProjectionStatus.Log log = status.log();
        ProjectionStatus.Settings settings = status.settings();
        ProjectionStatus.Progress progress = status.progress();
        return new ProjectionView(
                status.name(),
                status.status(),
                status.owner(),
                log.table(),
                log.positionColumn(),
                log.typeColumn(),
                log.entityColumn(),
                log.timeColumn(),
                tree(status.handlers(), json),
                status.ignoredTypes(),
                status.targets(),
                settings.mode(),
                settings.schedule(),
                settings.scheduleTimeZone(),
                settings.workers(),
                settings.batchSize(),
                settings.failurePolicy(),
                settings.attemptsMax(),
                progress.lastProcessedPosition(),
                progress.latestPosition(),
                progress.lastEventAt(),
                progress.updatedAt(),
                progress.eventsHandled(),
                progress.deadLetters(),
                progress.replaying(),
                progress.consecutiveErrors(),
                status.lastError());
    }

    private static JsonNode tree(String text, ObjectMapper json) {
        try {
            return json.readTree(text);
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException("PostgreSQL has printed no JSON", impossible);
        }
    }
}
