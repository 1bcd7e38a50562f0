package io.runnel.api;

import io.runnel.postgres.Failure;
import io.runnel.sql.QualifiedName;
import jakarta.ws.rs.core.UriInfo;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads what stands in paths, queries and bodies; what cannot be read is {@link Failure.Invalid}. */
final class Inputs {

    static final Duration WAIT_MAX = Duration.ofSeconds(60);

    private static final Pattern WAIT = Pattern.compile("([0-9]{1,6})(ms|s|m)");
    private static final Set<String> MODES = Set.of("AUTO", "DIFFERENTIAL", "FULL");
    private static final int NAME_BYTES_MAX = 63;

    private Inputs() {}

    static QualifiedName name(String text) {
        QualifiedName name;
        try {
            name = QualifiedName.parse(text);
        } catch (IllegalArgumentException invalid) {
            throw new Failure.Invalid(
                    "invalid-name", text + " is not a name", "write schema.table, and unusual parts in double quotes");
        }
        for (String part : List.of(name.schema().name(), name.name().name())) {
            if (part.getBytes(StandardCharsets.UTF_8).length > NAME_BYTES_MAX) {
                throw new Failure.Invalid(
                        "invalid-name", part + " is too long for a name", "a name has at most 63 bytes");
            }
        }
        return name;
    }

    /** How long a request may take to see what it asked for: {@code 500ms}, {@code 2s}, {@code 1m}. */
    static Duration waiting(String text) {
        return duration(text, WAIT_MAX)
                .orElseThrow(() -> new Failure.Invalid(
                        "invalid-wait",
                        text + " is not a time to wait",
                        "write for example 500ms, 2s or 1m; at most " + WAIT_MAX.toSeconds() + "s"));
    }

    static Duration duration(String parameter, String text, Duration max) {
        return duration(text, max)
                .orElseThrow(() -> new Failure.Invalid(
                        "invalid-parameter",
                        parameter + " is not a duration: " + text,
                        "write for example 500ms, 2s or 1m; at most " + max.toDays() + " days"));
    }

    private static Optional<Duration> duration(String text, Duration max) {
        Matcher matcher = WAIT.matcher(text);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        long count = Long.parseLong(matcher.group(1));
        Duration wait =
                switch (matcher.group(2)) {
                    case "ms" -> Duration.ofMillis(count);
                    case "s" -> Duration.ofSeconds(count);
                    default -> Duration.ofMinutes(count);
                };
        return Optional.of(wait).filter(found -> found.compareTo(max) <= 0);
    }

    /** A parameter without a value arrives as none at all. */
    static void refuseEmptyToken(@Nullable String token, UriInfo uri) {
        if (token == null && uri.getQueryParameters().containsKey("token")) {
            throw new Failure.Invalid("invalid-token", "the token is empty", "leave it out to ask for no transaction");
        }
    }

    static String mode(String text) {
        String mode = text.strip().toUpperCase(Locale.ROOT);
        if (mode.equals("IMMEDIATE")) {
            throw new Failure.Invalid(
                    "invalid-refresh-mode",
                    "refresh mode IMMEDIATE is not available yet",
                    "use AUTO, and schedule on-change for the smallest delay");
        }
        if (!MODES.contains(mode)) {
            throw new Failure.Invalid(
                    "invalid-refresh-mode", text + " is not a refresh mode", "use AUTO, DIFFERENTIAL or FULL");
        }
        return mode;
    }

    static long number(String parameter, String text, long min, long max) {
        try {
            long number = Long.parseLong(text);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException invalid) {
            // Reported below, together with what is out of range.
        }
        throw new Failure.Invalid(
                "invalid-parameter",
                parameter + " is not a number in range",
                "write a whole number from " + min + " to " + max);
    }

    static boolean truth(String parameter, String text) {
        if (text.equals("true") || text.equals("false")) {
            return text.equals("true");
        }
        throw new Failure.Invalid("invalid-parameter", parameter + " is neither true nor false", "write true or false");
    }

    /** A body that must be there. */
    static <T> T body(@Nullable T body) {
        if (body == null) {
            throw new Failure.Invalid("missing-body", "the request has no body", "send a JSON object");
        }
        return body;
    }

    /** PostgreSQL's texts hold everything but this one character, and half a character is none. */
    static String text(String property, String text) {
        if (text.indexOf('\0') >= 0) {
            throw new Failure.Invalid("invalid-request", property + " contains a null character", "leave it out");
        }
        if (!StandardCharsets.UTF_8.newEncoder().canEncode(text)) {
            throw new Failure.Invalid(
                    "invalid-request", property + " contains half of a surrogate pair", "send valid Unicode");
        }
        return text;
    }
}
