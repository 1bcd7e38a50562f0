package io.runnel.refresh.random;

import java.util.List;
import java.util.regex.Pattern;

/**
 * A random stream table.
 *
 * @param level 1 to 3 if it is made to be read by the next level; 0 if it may read all of them
 * @param choices from which the query is made again
 */
record Definition(int number, int level, List<Integer> choices, RandomQuery.Text query) {

    Definition {
        choices = List.copyOf(choices);
    }

    String table() {
        return "random_q" + number;
    }

    String sql() {
        return query.sql();
    }

    Relation relation() {
        return new Relation(table(), query.columns());
    }

    boolean reads(Definition other) {
        return reads(other.table());
    }

    boolean reads(String relation) {
        return Pattern.compile("\\b" + relation + "\\b").matcher(sql()).find();
    }
}
