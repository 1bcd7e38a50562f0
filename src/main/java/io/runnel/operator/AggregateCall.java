package io.runnel.operator;

import io.runnel.sql.Identifier;
import java.util.List;
import java.util.Optional;

/**
 * One call of an aggregate function.
 *
 * @param name the result's column
 * @param function the function's name; schema-qualified as PostgreSQL prints it unless it is in {@code pg_catalog}
 * @param arguments columns of the input, one per argument; empty for {@code count(*)}
 * @param distinct whether the call says DISTINCT
 * @param plain whether nothing but {@code arguments}, {@code distinct} and {@code filter} matters: no ORDER BY, no
 *     WITHIN GROUP, no VARIADIC
 * @param filter a boolean column of the input; rows for which it is not true do not count
 * @param call the whole call, with its FILTER, as an expression over the input's columns
 */
public record AggregateCall(
        Identifier name,
        String function,
        List<Identifier> arguments,
        boolean distinct,
        boolean plain,
        Optional<Identifier> filter,
        Expression call) {

    public AggregateCall {
        arguments = List.copyOf(arguments);
    }
}
