package io.runnel.rows;

import io.runnel.rows.Requirement.Freshness;
import java.util.List;
import java.util.Optional;

/** What came of an attempt to read a page. */
public sealed interface Reading {

    Freshness freshness();

    /**
     * A page.
     *
     * @param rows each as a JSON object
     * @param next a cursor, if there are more
     */
    record Page(Freshness freshness, List<String> rows, Optional<String> next) implements Reading {
        public Page {
            rows = List.copyOf(rows);
        }
    }

    /** The rows are not as fresh as they must be, and were not read. */
    record TooOld(Freshness freshness) implements Reading {}
}
