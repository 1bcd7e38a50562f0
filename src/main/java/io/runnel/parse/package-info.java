/**
 * Reads PostgreSQL's canonical text of a query into an operator tree, or says why it cannot.
 *
 * <p>The way: {@code Lexer} (tokens), {@code QueryReader}, {@code SourceReader}, {@code ScalarReader} (recursive descent
 * to {@code Query} and {@code Scalar}), {@code QueryBuilder}, {@code SelectBuilder}, {@code FromBuilder},
 * {@code AggregationBuilder}, {@code ResultBuilder} (to operators), {@code Printer} (back to SQL).
 *
 * <p>A subquery is never evaluated row by row. What it borrows from enclosing queries is known from the text
 * ({@code Mentions}); {@code Correlation} makes of it a query that is computed for all rows around at once, with keys that say
 * for which of them a row is meant, and {@code Subqueries} joins the answers to the rows.
 *
 * <p>Only structure is read. An expression stays the text that PostgreSQL printed, in which column references, aggregate
 * and window calls, set-returning functions and sub-SELECTs are recognised and everything else passes through. That
 * relies on four properties of canonical text: keywords are in capitals and names that contain capitals are quoted;
 * every column is qualified by its alias, because the query is wrapped in {@code SELECT * FROM (…) q}; every operator
 * expression has its own parentheses; equal expressions are printed equally, save constants in GROUP BY. A word that
 * stands alone where a column could stand is a column that a FULL JOIN has merged, or refused.
 *
 * <p>Invariants: any text yields a {@code ParsedQuery}, in bounded time and stack; a query is supported if and only if no
 * operator of its tree is {@code Opaque}; the root's columns are the query's, in order; names are unique below the
 * nearest projection, aggregation or union, and none is among those that delta rules add (see {@code Names}).
 *
 * <p>What this package cannot know and its caller checks: that the print, canonicalised, equals the original; that the
 * counts equal those of the stored rule; volatility; and which operator stands behind USING, NULLIF, IS DISTINCT FROM
 * and CASE x WHEN, which PostgreSQL prints without its schema (a type like citext outside {@code pg_catalog}: compare
 * the operators in the stored rules of the query and of the print).
 */
@NullMarked
@CheckReturnValue
package io.runnel.parse;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
