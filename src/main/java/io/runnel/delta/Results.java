package io.runnel.delta;

import io.runnel.operator.AuxiliaryState;
import io.runnel.operator.Operator;
import io.runnel.operator.States;
import io.runnel.operator.Types;
import io.runnel.sql.Sql;
import java.util.List;

/** A tree as the query that it means, over the tables themselves. */
public final class Results {

    private static final States TABLES = input -> Sql.of("({})", query(input));

    private Results() {}

    /** What the auxiliary tables of all operators of a tree are filled with. */
    public static List<Sql> auxiliaryTables(Operator root, Types types) {
        return root.walk()
                .distinct()
                .flatMap(operator -> operator.auxiliaryStates(TABLES, types).stream())
                .map(AuxiliaryState::contents)
                .toList();
    }

    public static Sql query(Operator operator) {
        return operator.result(TABLES);
    }
}
