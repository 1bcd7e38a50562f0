package io.runnel.operator;

import io.runnel.sql.Sql;

/** The contents of an operator's inputs as the refresh's own snapshot sees them (the post-state). */
public interface States {

    /** The input's rows as something that stands in FROM: a name or a query in parentheses. */
    Sql of(Operator input);
}
