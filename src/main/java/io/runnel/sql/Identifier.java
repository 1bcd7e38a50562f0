package io.runnel.sql;

import java.util.Objects;

/**
 * The name of one thing in the database, exactly as the catalogs hold it: neither folded nor quoted.
 *
 * <p>Its {@link #sql()} is always quoted, so no name can change the meaning of a statement.
 */
public record Identifier(String name) implements Comparable<Identifier> {

    public Identifier {
        Objects.requireNonNull(name);
        if (name.isEmpty() || name.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("an identifier is neither empty nor contains a null character");
        }
    }

    public static Identifier of(String name) {
        return new Identifier(name);
    }

    public Sql sql() {
        return Sql.quoted(this);
    }

    @Override
    public int compareTo(Identifier other) {
        return name.compareTo(other.name);
    }

    /** The quoted name, as it stands in SQL. */
    @Override
    public String toString() {
        return '"' + name.replace("\"", "\"\"") + '"';
    }
}
