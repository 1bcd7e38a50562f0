package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.Sql;
import java.util.List;

/**
 * The rows of an auxiliary table as a delta leaves them: those that are stored and do not leave, and those that arrive.
 *
 * <p>The stored ones stand in the union without a condition of their own; which of them leave is asked around it. Only then does
 * PostgreSQL take the union apart, and reaches the table by its indexes from the rows that it is joined with.
 */
final class PostState {

    private static final String ROWS = """
            SELECT {}
            FROM (
            {}
            UNION ALL
            {}
            ) AS u
            WHERE {}NOT EXISTS (SELECT FROM {} AS c WHERE c.place = u.place)""";
    private static final Identifier UNION = Identifier.of("u");

    private PostState() {}

    /**
     * All stored rows.
     *
     * @param columns the names of the columns
     * @param stored a SELECT of these and of {@code ctid AS place}, without a condition
     * @param arriving a SELECT of the same, with a null for the place
     * @param leaving a relation with the places of stored rows that leave; it may have nulls
     */
    static Sql of(List<Identifier> columns, Sql stored, Sql arriving, Object leaving) {
        return Sql.of(ROWS, Partitions.of(UNION, columns), stored, arriving, Sql.of(""), leaving);
    }

    /** Those whose column {@code shown}, before the place in both, is true. */
    static Sql shown(List<Identifier> columns, Sql stored, Sql arriving, Object leaving) {
        return Sql.of(ROWS, Partitions.of(UNION, columns), stored, arriving, Sql.of("u.shown AND "), leaving);
    }
}
