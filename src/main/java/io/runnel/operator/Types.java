package io.runnel.operator;

import io.runnel.sql.Identifier;

/** What the types of the tree's columns can do. */
public interface Types {

    ColumnType type(Operator input, Identifier column);
}
