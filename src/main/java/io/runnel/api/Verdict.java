package io.runnel.api;

import io.runnel.catalog.ReadModel;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.schedule.Every;
import io.runnel.schedule.OnChange;
import io.runnel.schedule.Schedule;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether a read model is as fresh as its schedule promises, in a sentence if it is not. Pure.
 *
 * <p>A schedule that is a duration promises that nothing is missing for longer; {@code on-change}, that changes are there at
 * once. Whatever is refreshed by the clock, by hand or for others promises nothing but not to fail.
 */
final class Verdict {

    /** What a refresh itself may take before somebody calls it late. */
    static final Duration GRACE = Duration.ofSeconds(5);

    private Verdict() {}

    /** Why it is not fresh; empty if it is. */
    static Optional<String> trouble(ReadModel model) {
        return switch (model.status()) {
            case "ERROR" -> Optional.of("could not be built" + code(model));
            case "SUSPENDED" ->
                Optional.of(
                        model.lastErrorCode()
                                        .filter(StreamTableStatus.CHANGE_TOO_LARGE::equals)
                                        .isPresent()
                                ? "waits for the approval of a refresh that would change too much of it"
                                : "is suspended after " + errors(model) + code(model));
            case "PAUSED" ->
                model.lagSeconds().filter(lag -> lag == 0).isPresent()
                        ? Optional.empty()
                        : Optional.of("is paused"
                                + model.lagSeconds().map(Verdict::behind).orElse(""));
            case "INITIALIZING" -> Optional.of("is being filled for the first time");
            default ->
                model.consecutiveErrors() > 0
                        ? Optional.of("fails: " + errors(model) + code(model))
                        : late(model.schedule(), model.lagSeconds());
        };
    }

    private static String errors(ReadModel model) {
        return model.consecutiveErrors() == 1
                ? "an error"
                : model.consecutiveErrors() == 0 ? "errors" : model.consecutiveErrors() + " errors in a row";
    }

    private static String code(ReadModel model) {
        return model.lastError()
                .map(error -> ", the last of which its lastError tells")
                .orElse("");
    }

    static Optional<String> late(String schedule, Optional<Double> lag) {
        return promised(schedule)
                .flatMap(promise -> lag.filter(seconds -> seconds > seconds(promise.plus(GRACE)))
                        .map(seconds -> String.format(
                                Locale.ROOT, "is %.1f s behind, while its schedule is %s", seconds, schedule)));
    }

    /** How old what is missing may become by the schedule; empty if it says nothing about that. */
    static Optional<Duration> promised(String schedule) {
        Schedule parsed;
        try {
            parsed = Schedule.parse(schedule);
        } catch (IllegalArgumentException unknown) {
            return Optional.empty();
        }
        if (parsed instanceof Every every) {
            return Optional.of(every.staleness());
        }
        return parsed instanceof OnChange change ? Optional.of(change.atMostEvery()) : Optional.empty();
    }

    private static double seconds(Duration duration) {
        return duration.toMillis() / 1000.0;
    }

    private static String behind(double lag) {
        return String.format(Locale.ROOT, ", %.1f s behind", lag);
    }
}
