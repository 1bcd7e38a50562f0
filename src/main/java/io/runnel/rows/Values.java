package io.runnel.rows;

import io.runnel.sql.QualifiedName;
import io.runnel.sql.Sql;
import java.util.ArrayList;
import java.util.List;

/** Values that a statement binds as one array of texts. Owned by whoever builds the statement. */
final class Values {

    private final List<String> bound = new ArrayList<>();

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
        bound.add(Long.toString(number));
        return Sql.of("{}::bigint", last());
    }

    private Sql last() {
        return Sql.of("($1)[{}]", bound.size());
    }

    String[] texts() {
        return bound.toArray(String[]::new);
    }
}
