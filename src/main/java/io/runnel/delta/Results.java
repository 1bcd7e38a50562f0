package io.runnel.delta;

import io.runnel.operator.Operator;
import io.runnel.operator.States;
import io.runnel.sql.Sql;

/** A tree as the query that it means, over the tables themselves. */
public final class Results {

    private static final States TABLES = input -> Sql.of("({})", query(input));

    private Results() {}

    public static Sql query(Operator operator) {
        return operator.result(TABLES);
    }
}
