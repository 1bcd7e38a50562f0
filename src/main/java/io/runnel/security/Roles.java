package io.runnel.security;

import java.util.List;
import java.util.Set;

/** The roles of callers, each of which includes those before it. */
public final class Roles {

    /** Reads definitions, states and rows. */
    public static final String VIEWER = "viewer";

    /** Also refreshes, pauses, resumes, replays, verifies, and appends events. */
    public static final String OPERATOR = "operator";

    /** Also creates, alters and drops. */
    public static final String ADMIN = "admin";

    /** What a 401 says that is wanted. */
    public static final String CHALLENGE = "ApiKey realm=\"runnel\", Bearer realm=\"runnel\"";

    private static final List<String> ASCENDING = List.of(VIEWER, OPERATOR, ADMIN);

    private Roles() {}

    static boolean known(String role) {
        return ASCENDING.contains(role);
    }

    /** The role and all that it includes. */
    static Set<String> upTo(String role) {
        return Set.copyOf(ASCENDING.subList(0, ASCENDING.indexOf(role) + 1));
    }
}
