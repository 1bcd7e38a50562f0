package io.runnel.operator;

import io.runnel.sql.Sql;

/**
 * A table that an operator keeps beside the result. It has a column {@code key_hash bigint}, which is indexed.
 *
 * @param number its number within the operator
 * @param contents the query that computes it anew from the post-state of the operator's input
 */
public record AuxiliaryState(int number, Sql contents) {}
