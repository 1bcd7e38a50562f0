/**
 * Pages of read models: which rows a client asks for, and reading them.
 *
 * <p>A request names columns, filters, an order and a place to go on from. Names are looked up among the columns of the
 * table ({@link io.runnel.rows.Served}); values are bound, as text that PostgreSQL casts to the column's type, so that no
 * text of a client becomes SQL.
 *
 * <p>Pages are found by key, never by counting. The order that was asked for is completed to one that tells all rows apart
 * ({@link io.runnel.rows.Ordering}): by the columns of a unique index, and where these may be null or there is none, by a hash
 * of the row, so that rows with equal hashes are identical and it does not matter which of them comes first. A
 * {@link io.runnel.rows.Cursor} holds the values of the last row in this order, and how many rows with just these were
 * shown. What comes after it is a sequence of ranges ({@link io.runnel.rows.Ordering.Range}), each of them equalities and one
 * comparison, which an index on the ordering columns answers without sorting the table.
 *
 * <p>All of a page, and what is said about its freshness, is of one snapshot. It is read with the rights of the owner.
 */
@NullMarked
@CheckReturnValue
package io.runnel.rows;

import com.google.errorprone.annotations.CheckReturnValue;
import org.jspecify.annotations.NullMarked;
