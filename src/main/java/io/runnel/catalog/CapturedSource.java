package io.runnel.catalog;

import io.runnel.sql.QualifiedName;
import java.util.List;

/**
 * A table whose changes are captured, and the size of its change buffer.
 *
 * @param rows change rows that are not yet cleaned up, counted up to {@link CapturedSources#ROWS_MAX}
 * @param bytes on disk, with indexes
 * @param dependants the stream tables that read it
 */
public record CapturedSource(long id, QualifiedName name, long rows, long bytes, List<QualifiedName> dependants) {

    public CapturedSource {
        dependants = List.copyOf(dependants);
    }
}
