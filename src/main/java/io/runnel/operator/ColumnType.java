package io.runnel.operator;

import io.runnel.sql.Sql;

/**
 * What a column's type can do, as far as a delta rule cares.
 *
 * @param name the type as {@code format_type} prints it with an empty search path, without modifier; of a domain the
 *     type that it is based on
 * @param equality what {@code =} says about two values of the type
 * @param hashable whether {@code hash_record_extended} accepts it
 * @param domain whether it is a domain
 * @param collation the OID of the collation by which values of the type are compared; 0 if there is none
 */
public record ColumnType(String name, Equality equality, boolean hashable, boolean domain, long collation) {

    /** A type that is no domain and has no collation. */
    public ColumnType(String name, Equality equality, boolean hashable) {
        this(name, equality, hashable, false, 0);
    }

    // In its column's own collation different texts may be equal.
    private static final String TEXT = "{}::text COLLATE \"C\"";

    // A cast of char(n) to text drops trailing blanks.
    private static final String PRINT = "concat({}) COLLATE \"C\"";

    /** The text by which values are told apart that equality does not tell apart; null or empty for null. */
    public Sql image(Sql value) {
        return name.equals("character") || name.equals("bpchar") ? Sql.of(PRINT, value) : Sql.of(TEXT, value);
    }

    /** What equality of two values means. */
    public enum Equality {
        /** Equal values are identical: integers, text in a deterministic collation, uuid, timestamps. */
        EXACT,
        /** Equal values may print differently: numeric (1.0 and 1.00), float (-0.0 and 0.0), interval, jsonb. */
        INEXACT,
        /** The type has no equality that GROUP BY would use: json, xml, point. */
        NONE
    }
}
