package io.runnel.replica;

/** @param id among those of its kind */
public record ReadModelKey(Kind kind, long id) {

    /** As the catalog has them. */
    public enum Kind {
        STREAM_TABLE,
        PROJECTION,
        MATERIALIZED_VIEW
    }
}
