package io.runnel.operator;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.Collection;

/**
 * What a delta rule may ask for: the changes and the states of its inputs, and its own auxiliary state.
 *
 * <p>The rules of one plan write one SQL statement together: a list of common table expressions of which each may read
 * those before it. All of them see the same snapshot, so {@link #post} is the source as the refresh sees it and
 * {@link #state} the auxiliary table as the previous refresh left it.
 */
public interface Deltas extends Types {

    /** Whether any source below the operator has changes in this plan, or the operator or one below reads the clock. */
    boolean changed(Operator input);

    /** The input's delta: the name of a relation of its columns and {@code weight}. Only for a changed input. */
    Sql of(Operator input);

    /** The input's rows as the snapshot sees them, as something that stands in FROM. */
    Sql post(Operator input);

    /**
     * Whether {@link #post} is the union of an auxiliary table, in which rows can be looked up by some of these columns, and
     * of what the delta has changed. PostgreSQL pushes no join condition into a union; where one row is looked up at a
     * time, a query of its own has to say so, which OFFSET 0 keeps apart.
     */
    boolean scattered(Operator input, Collection<Identifier> columns);

    /** Whether {@link #pre} can be asked for: nothing below has changed, or auxiliary tables still show what was. */
    boolean remembered(Operator input);

    /** The input's rows as the previous refresh saw them, as something that stands in FROM; only if remembered. */
    Sql pre(Operator input);

    /** The scan's rows in the change buffer that the frontier does not include, cancelled, as a query. */
    Sql changes(Scan scan);

    /** The moment at which the previous refresh looked at the clock; that of this one is {@code now()}. */
    Sql moment();

    /** Adds a common table expression of the operator at hand and returns its name. */
    Identifier define(String purpose, Sql query);

    /** What the operator's delta has defined for a purpose; derives the delta if that has not been done. */
    Identifier defined(Operator operator, String purpose);

    /** Adds a data-modifying statement of the operator at hand; it runs to its end whether or not it is read. */
    void write(String purpose, Sql statement);

    /** The operator's auxiliary table {@code number}, see {@link Aggregation}. */
    QualifiedName state(Operator operator, int number);
}
