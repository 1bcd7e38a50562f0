package io.runnel.parse;

import io.runnel.parse.Mentions.Free;
import io.runnel.parse.Scalar.Sublink;
import io.runnel.parse.Translation.Translated;
import io.runnel.sql.Identifier;
import java.util.Optional;

/** What an expression may read besides the columns of its own FROM. */
interface Around {

    /** Nothing. */
    Around NOTHING = new Around() {};

    /** The name in the tree of a column of an enclosing query. */
    default Optional<Identifier> column(Free column) {
        return Optional.empty();
    }

    /**
     * What a subquery has become; empty where none may stand.
     *
     * @param asked what the expression makes of its answer
     */
    default Optional<Translated> sublink(Sublink sublink, Asked asked) {
        return Optional.empty();
    }

    /** How much of a subquery's answer matters. */
    enum Asked {
        /** Whether it is true, or null, or false. */
        VALUE,
        /** Only whether it is true, as in a condition of WHERE. */
        TRUTH
    }
}
