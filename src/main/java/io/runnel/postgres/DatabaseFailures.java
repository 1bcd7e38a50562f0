package io.runnel.postgres;

import io.vertx.pgclient.PgException;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Turns what the driver throws into a {@link Failure} by its SQLSTATE. */
final class DatabaseFailures {

    private static final Set<String> TRANSIENT =
            Set.of("40001", "40P01", "55P03", "57P01", "57P02", "57P03", "53300", "57014", "25006");

    /** What runnel.append says when an entity has another version than the expected one. */
    private static final String OTHER_VERSION = "RN021";

    private static final String BAD_VALUE = "correct the value, or keep the expression from being evaluated for it";

    private static final Map<String, String> HINTS = Map.of(
            "42601", "correct the syntax at the position",
            "42P01", "check the name and its schema, and that it was created",
            "42703", "check the name of the column",
            "42702", "put the name or alias of its table before the column",
            "42701", "give each column a name of its own: SELECT expression AS name",
            "42P02", "write the value itself: a query that is stored takes no parameters",
            "42P16", "cast what has no type that a column can have, for instance to text",
            "42804", "cast one side to the type of the other",
            "54011", "select fewer columns, or split the query in two",
            "3F000", "create the schema first, or choose another");

    /** How a text ends that a function of ours let PostgreSQL analyse for a user: whose it is, and how far it was moved. */
    private static final Pattern HANDLER = Pattern.compile("\n-- handler (\\d+) [+] (\\d+)$");

    /** How a function of ours tells a place that PostgreSQL would not. */
    private static final Pattern PLACE = Pattern.compile("^At character (\\d+) of handler \\d+: ");

    private DatabaseFailures() {}

    static Throwable translate(Throwable thrown) {
        if (thrown instanceof Failure) {
            return thrown;
        }
        if (thrown instanceof PgException error) {
            return translate(error);
        }
        return new Failure.Unavailable(
                "database-unavailable", "the database cannot be reached", String.valueOf(thrown.getMessage()), thrown);
    }

    private static Failure translate(PgException error) {
        String state = Objects.requireNonNullElse(error.getSqlState(), "XX000");
        String message = Objects.requireNonNullElse(error.getErrorMessage(), "unknown error");
        String detail = text(error.getDetail());
        String hint = text(error.getHint());
        String code = "postgres-" + state.toLowerCase(Locale.ROOT);
        boolean concurrent = state.equals("XX000") && message.startsWith("tuple concurrently ");
        if (TRANSIENT.contains(state) || state.startsWith("08") || concurrent) {
            return new Failure.Unavailable(code, message, detail, error);
        }
        if (state.startsWith("53") || state.equals("57P05")) {
            return new Failure.Unavailable(code, message, detail, error);
        }
        if (state.startsWith("XX") || state.startsWith("58")) {
            return new Failure.Internal(code, message, detail, hint, error);
        }
        if (state.equals("42501")) {
            return new Failure.Forbidden(
                    code, message, detail, hint.isEmpty() ? "grant the missing right, then try again" : hint);
        }
        if (Set.of("42P07", "42710", "2BP01", "55000", "23505").contains(state)) {
            return new Failure.Conflict(code, message, detail, hint);
        }
        if (state.equals(OTHER_VERSION)) {
            return new Failure.Conflict("version-conflict", message, detail, hint);
        }
        if (state.equals("P0002")) {
            return new Failure.NotFound(code, message, hint);
        }
        return new Failure.Invalid(
                code, message, detail(detail, error), hint.isEmpty() ? hint(state) : hint, position(detail, error));
    }

    /** What to do about input that PostgreSQL refuses without saying so itself. */
    private static String hint(String state) {
        return HINTS.getOrDefault(state, state.startsWith("22") ? BAD_VALUE : "correct what the message names");
    }

    private static String text(@Nullable String value) {
        return value == null ? "" : value;
    }

    private static String detail(String detail, PgException error) {
        Matcher handler = HANDLER.matcher(text(error.getInternalQuery()));
        if (!handler.find()) {
            return detail;
        }
        String place = "in handler " + handler.group(1);
        return detail.isEmpty() ? place : place + ": " + detail;
    }

    private static int position(String detail, PgException error) {
        Matcher handler = HANDLER.matcher(text(error.getInternalQuery()));
        Matcher place = PLACE.matcher(detail);
        String internal = error.getInternalPosition();
        if (internal != null && handler.find()) {
            return Integer.parseInt(internal) - Integer.parseInt(handler.group(2));
        }
        return place.find() ? Integer.parseInt(place.group(1)) : position(error.getPosition());
    }

    private static int position(@Nullable String value) {
        return value == null ? 0 : Integer.parseInt(value);
    }
}
