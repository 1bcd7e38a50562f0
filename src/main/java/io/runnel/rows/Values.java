package io.runnel.rows;

import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/** Values that a statement binds, in the order of their numbers. Owned by whoever builds the statement. */
final class Values {

    private final List<Object> bound = new ArrayList<>();
    private final boolean together;

    /** @param together whether all of them are one parameter, an array of texts */
    Values(boolean together) {
        this.together = together;
    }

    /** A value in a type's own text form. */
    Sql bind(String text, QualifiedName type) {
        bound.add(text);
        return Sql.of("{}::text::{}", last(), type);
    }

    Sql bind(String text) {
        bound.add(text);
        return Sql.of("{}::text", last());
    }

    Sql bind(long number) {
        bound.add(number);
        return Sql.of("{}::bigint", last());
    }

    private Sql last() {
        return together ? Sql.of("($1)[{}]", bound.size()) : Sql.of("${}", bound.size());
    }

    Object[] array() {
        return bound.toArray();
    }

    String[] texts() {
        return bound.stream().map(Object::toString).toArray(String[]::new);
    }
}
