package io.runnel.definition;

import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Validates queries and explains how they are maintained. */
@ApplicationScoped
public class Definitions {

    /** Everything that creating a stream table over {@code query} would say, without creating anything. */
    public Uni<Explanation> validate(String query) {
        throw new UnsupportedOperationException();
    }

    /** How an existing stream table is maintained. */
    public Uni<Explanation> explain(long id) {
        throw new UnsupportedOperationException();
    }
}
