package io.runnel.cli;

import com.fasterxml.jackson.databind.JsonNode;

/** Why a command ends: what the service has answered, or that it has not. */
final class Refused extends RuntimeException {

    private static final long serialVersionUID = 1L;

    private final int exit;

    Refused(int exit, String message) {
        super(message);
        this.exit = exit;
    }

    /** From an answer that is a problem (RFC 9457), or should be one. */
    static Refused of(int status, JsonNode problem) {
        StringBuilder message =
                new StringBuilder(problem.path("detail").asText("the service answers with status " + status));
        if (problem.hasNonNull("position")) {
            message.append(" (at character ")
                    .append(problem.get("position").asInt())
                    .append(')');
        }
        if (problem.hasNonNull("hint")) {
            message.append("\nhint: ").append(problem.get("hint").asText());
        }
        int exit = status == 401 || status == 403 ? Exit.FORBIDDEN : status >= 500 ? Exit.UNAVAILABLE : Exit.REFUSED;
        return new Refused(exit, message.toString());
    }

    int exit() {
        return exit;
    }

    String message() {
        return String.valueOf(getMessage());
    }
}
