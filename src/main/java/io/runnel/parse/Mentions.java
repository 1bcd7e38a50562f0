package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What has been read so far: columns, and names of items of FROM. So it is known which columns of a query are not its own:
 * PostgreSQL gives every item a name that no item of an enclosing query has. Owned by one reading.
 */
final class Mentions {

    private final List<Scalar.Column> columns = new ArrayList<>();
    private final List<Identifier> aliases = new ArrayList<>();

    /** A place to look back to. */
    record Mark(int columns, int aliases) {}

    /** A column that a query reads from one that encloses it. */
    record Free(Identifier alias, Identifier column) {
        static Free of(Scalar.Column column) {
            return new Free(column.alias(), column.column());
        }
    }

    /** Where a free column is read first, and how often at most. */
    record Uses(Scalar.Column first, int count) {}

    void column(Scalar.Column column) {
        columns.add(column);
    }

    void alias(Identifier alias) {
        aliases.add(alias);
    }

    Mark mark() {
        return new Mark(columns.size(), aliases.size());
    }

    /** The columns read since, except those of items read since. */
    Map<Free, Uses> free(Mark since) {
        Set<Identifier> own = new HashSet<>(aliases.subList(since.aliases(), aliases.size()));
        Map<Free, Uses> free = new LinkedHashMap<>();
        for (Scalar.Column column : columns.subList(since.columns(), columns.size())) {
            if (!own.contains(column.alias())) {
                free.merge(
                        Free.of(column),
                        new Uses(column, 1),
                        (known, one) -> new Uses(known.first(), known.count() + 1));
            }
        }
        return free;
    }
}
