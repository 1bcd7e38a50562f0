package io.runnel.parse;

import io.runnel.sql.Identifier;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Something that a name in FROM stands for. */
public sealed interface Relation {

    /** Its columns, in order, without dropped ones. */
    List<Identifier> columns();

    /**
     * A source whose changes can be captured.
     *
     * @param refusal why they cannot, if they cannot: "foreign tables have no change capture"
     * @param keys columns of its unique, immediate keys without nullable columns
     * @param notNull columns that accept no nulls
     */
    record Table(
            List<Identifier> columns, Optional<String> refusal, List<List<Identifier>> keys, Set<Identifier> notNull)
            implements Relation {
        public Table {
            columns = List.copyOf(columns);
            keys = List.copyOf(keys);
            notNull = Set.copyOf(notNull);
        }
    }

    /**
     * A view, read in place of its name.
     *
     * @param canonical the view's query in the form that {@link Parser#parse} takes: the canonical text of a view on
     *     {@code SELECT * FROM (the view's query) q}
     * @param columns the view's own names for its columns
     */
    record View(String canonical, List<Identifier> columns) implements Relation {
        public View {
            columns = List.copyOf(columns);
        }
    }
}
