package io.runnel.cli;

/** How a command went, for programs. */
final class Exit {

    static final int DONE = 0;

    /** The service has refused the request: something does not exist, contradicts what is there, or is wrong. */
    static final int REFUSED = 1;

    /** The command is written wrongly; picocli's own code. */
    static final int USAGE = 2;

    /** What was asked for is not as it should be: rows differ, something is not fresh or not healthy. */
    static final int NOT_AS_IT_SHOULD_BE = 3;

    /** The service, or its database, cannot be reached, or fails; trying again may help. */
    static final int UNAVAILABLE = 4;

    /** The key is missing, unknown, or not good for this. */
    static final int FORBIDDEN = 5;

    private Exit() {}
}
