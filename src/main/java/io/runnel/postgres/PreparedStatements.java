package io.runnel.postgres;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The statements that one connection keeps prepared for {@link Confined} work, the one used longest ago first. They are
 * prepared by SQL, because a function can run no others, and named by what they do. Confined to the connection's event loop.
 */
final class PreparedStatements {

    /** How many statements one connection keeps; the plan of a long one takes up to 1 MB of the server. */
    static final int MAX = 40;

    /** Longer ones are kept until another is prepared. */
    static final int LENGTH_MAX = 200_000;

    private final Set<String> names = new LinkedHashSet<>();

    /** Those that are too long to be kept. */
    private final Set<String> passing = new LinkedHashSet<>();

    /** What {@code runnel_internal.prepared} says if nobody else has prepared or deallocated anything. */
    private String fingerprint = "";

    /** A name for a statement that is prepared by a role on a search path. */
    static Identifier name(Runner runner, String path, String statement) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update((runner.role() + " " + path + "\n").getBytes(StandardCharsets.UTF_8));
            byte[] hash = digest.digest(statement.getBytes(StandardCharsets.UTF_8));
            return Identifier.of("runnel_" + HexFormat.of().formatHex(hash, 0, 16));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }

    /** Whether it is prepared; it counts as used then. */
    boolean use(Identifier name) {
        return names.remove(name.name()) && names.add(name.name());
    }

    /** The one to do without when another is prepared, if it is too long or there are as many as may be. */
    Optional<Identifier> surplus() {
        Set<String> candidates = passing.isEmpty() ? names : passing;
        return passing.isEmpty() && names.size() < MAX
                ? Optional.empty()
                : Optional.of(Identifier.of(candidates.iterator().next()));
    }

    void removed(Identifier name) {
        names.remove(name.name());
        passing.remove(name.name());
    }

    void added(Identifier name, Sql statement) {
        names.add(name.name());
        if (statement.text().length() > LENGTH_MAX) {
            passing.add(name.name());
        }
    }

    String fingerprint() {
        return fingerprint;
    }

    void fingerprint(String found) {
        fingerprint = found;
    }
}
