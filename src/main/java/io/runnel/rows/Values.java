package io.runnel.rows;

import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/** Values that a statement binds, in the order of their numbers. Owned by whoever builds the statement. */
final class Values {

    private final List<Object> bound = new ArrayList<>();

    /** A value in a type's own text form. */
    Sql bind(String text, QualifiedName type) {
        bound.add(text);
        return Sql.of("${}::text::{}", bound.size(), type);
    }

    Sql bind(String text) {
        bound.add(text);
        return Sql.of("${}::text", bound.size());
    }

    Sql bind(long number) {
        bound.add(number);
        return Sql.of("${}::bigint", bound.size());
    }

    Object[] array() {
        return bound.toArray();
    }
}
