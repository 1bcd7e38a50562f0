package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.rows.PageRequest;
import io.runnel.rows.Requirement;
import io.runnel.rows.Served;
import jakarta.ws.rs.core.UriInfo;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a request for rows says, before its columns are known.
 *
 * @param conditions by column
 */
record RowsParameters(
        Map<String, String> settings,
        Map<String, List<String>> conditions,
        Requirement requirement,
        Duration waiting,
        Fallback fallback) {

    /** What to do about rows that are not fresh enough. */
    enum Fallback {
        ERROR,
        STALE,
        LIVE
    }

    /** Longer than any read model is stale. */
    private static final Duration STALENESS_MAX = Duration.ofDays(365);

    private static final Set<String> SETTINGS =
            Set.of("select", "order", "limit", "cursor", "maxStaleness", "token", "wait", "fallback");

    RowsParameters {
        settings = Map.copyOf(settings);
    }

    static RowsParameters of(UriInfo uri) {
        Map<String, String> settings = new LinkedHashMap<>();
        Map<String, List<String>> conditions = new LinkedHashMap<>();
        uri.getQueryParameters().forEach((name, values) -> {
            List<String> texts =
                    values.stream().map(value -> Inputs.text(name, value)).toList();
            if (!SETTINGS.contains(name)) {
                conditions.put(Inputs.text("parameter", name), texts);
            } else if (texts.size() == 1 && !texts.get(0).isEmpty()) {
                settings.put(name, texts.get(0));
            } else {
                throw new Failure.Invalid(
                        "invalid-parameter",
                        name + (texts.size() > 1 ? " is given twice" : " is empty"),
                        "give it one value, or leave it out");
            }
        });
        return new RowsParameters(settings, conditions, requirement(settings), waiting(settings), fallback(settings));
    }

    private static Requirement requirement(Map<String, String> settings) {
        return new Requirement(
                Optional.ofNullable(settings.get("maxStaleness"))
                        .map(text -> Inputs.duration("maxStaleness", text, STALENESS_MAX)),
                Optional.ofNullable(settings.get("token")));
    }

    private static Duration waiting(Map<String, String> settings) {
        return Inputs.waiting(settings.getOrDefault("wait", "0s"));
    }

    private static Fallback fallback(Map<String, String> settings) {
        String text = settings.getOrDefault("fallback", "error");
        for (Fallback fallback : Fallback.values()) {
            if (fallback.name().toLowerCase(Locale.ROOT).equals(text)) {
                return fallback;
            }
        }
        throw new Failure.Invalid("invalid-parameter", text + " is not a fallback", "write live, stale or error");
    }

    PageRequest page(Served served) {
        Optional<String> limit = Optional.ofNullable(settings.get("limit"));
        return PageRequest.of(
                served,
                Optional.ofNullable(settings.get("select")),
                Optional.ofNullable(settings.get("order")),
                limit.map(text -> (int) Inputs.number("limit", text, 1, PageRequest.LIMIT_MAX))
                        .orElse(PageRequest.LIMIT_DEFAULT),
                Optional.ofNullable(settings.get("cursor")),
                conditions);
    }

    /** The address of the next page: this one's with another cursor. */
    static String next(String rawPath, @org.jspecify.annotations.Nullable String rawQuery, String cursor) {
        String rest = rawQuery == null
                ? ""
                : List.of(rawQuery.split("&")).stream()
                        .filter(part -> !part.startsWith("cursor="))
                        .map(part -> part + "&")
                        .collect(Collectors.joining());
        return rawPath + "?" + rest + "cursor=" + cursor;
    }
}
