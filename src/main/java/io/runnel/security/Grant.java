package io.runnel.security;

import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What a key or a claim is good for: a line {@code name role database-role [SHA-256]}.
 *
 * @param name of the key, as the audit log shows it, or the claim's value
 * @param role one of {@link Roles}
 * @param databaseRole as which its holder acts in the database
 * @param hash in lower case; empty for a claim
 */
record Grant(String name, String role, Identifier databaseRole, String hash) {

    private static final String HASH = "[0-9a-f]{64}";

    /** Keys, one per line or separated by semicolons; {@code #} begins a comment. */
    static List<Grant> keys(String text) {
        return read(text, 4, "name role database-role sha256");
    }

    /** Values of the role claim, likewise, without hashes. */
    static List<Grant> claims(String text) {
        return read(text, 3, "claim role database-role");
    }

    private static List<Grant> read(String text, int words, String form) {
        List<Grant> grants = new ArrayList<>();
        Set<String> names = new HashSet<>();
        int number = 0;
        for (String line : text.split("[;\n\r]", -1)) {
            number++;
            String[] parts = line.replaceFirst("(^|\\s)#.*", "").strip().split("\\s+", -1);
            if (parts.length == 1 && parts[0].isEmpty()) {
                continue;
            }
            grants.add(grant(parts, words, form, number));
            if (!names.add(parts[0])) {
                throw invalid(number, "the name " + parts[0] + " is there twice");
            }
        }
        return List.copyOf(grants);
    }

    /** The messages do not repeat what might be a secret in the wrong place. */
    private static Grant grant(String[] parts, int words, String form, int line) {
        if (parts.length != words) {
            throw invalid(line, "write " + form);
        } else if (!Roles.known(parts[1])) {
            throw invalid(line, "the role must be viewer, operator or admin");
        }
        String hash = words == 4 ? parts[3].toLowerCase(java.util.Locale.ROOT) : "";
        if (words == 4 && !hash.matches(HASH)) {
            throw invalid(line, "the last word must be the SHA-256 of the key, 64 hexadecimal digits");
        }
        return new Grant(parts[0], parts[1], Identifier.of(parts[2]), hash);
    }

    private static IllegalArgumentException invalid(int line, String reason) {
        return new IllegalArgumentException("line " + line + ": " + reason);
    }
}
