package io.runnel.parse;

import io.runnel.operator.Expression;
import io.runnel.sql.Identifier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the names before the dot mean.
 *
 * @param relations the columns of each alias
 * @param merged the columns behind a name that USING has merged
 * @param around what can be read besides
 * @param closed whether every column is known; otherwise something unsupported is in it
 */
record Scope(Map<Identifier, Columns> relations, Map<Identifier, Merged> merged, boolean closed, Around around) {

    /**
     * A column that USING has merged.
     *
     * @param places what it is; of several, the first that is not null
     * @param certain whether another reading would have the same values
     */
    record Merged(List<Place> places, boolean certain) {
        Merged {
            places = List.copyOf(places);
        }

        /** The column as an expression; empty if it is not known. */
        Optional<Expression> expression() {
            List<Expression.Part> parts = new ArrayList<>();
            for (Place place : places) {
                Optional<Identifier> column = place.resolve();
                if (column.isEmpty()) {
                    return Optional.empty();
                }
                parts.add(new Expression.Text(parts.isEmpty() ? "COALESCE(" : ", "));
                parts.add(new Expression.Reference(column.get()));
            }
            if (!certain || parts.isEmpty()) {
                return Optional.empty();
            }
            parts.add(new Expression.Text(")"));
            return Optional.of(new Expression(parts.size() == 3 ? parts.subList(1, 2) : parts));
        }
    }

    /** A column of an item of FROM. */
    record Place(Input input, Identifier label) {
        Optional<Identifier> resolve() {
            return input.resolve(label);
        }

        Optional<String> type() {
            return input.type(label);
        }
    }

    /** The columns of one alias, which may be an item's or those of a whole join. */
    interface Columns {
        Optional<Place> find(Identifier label);

        /** Columns that tell the rows apart and are not null. */
        default List<List<Identifier>> keys() {
            return List.of();
        }
    }

    static Scope empty() {
        return new Scope(Map.of(), Map.of(), true, Around.NOTHING);
    }

    static Scope of(Identifier alias, Input input) {
        Columns columns = new Columns() {
            @Override
            public Optional<Place> find(Identifier label) {
                return input instanceof Input.Unknown || input.labels().contains(label)
                        ? Optional.of(new Place(input, label))
                        : Optional.empty();
            }

            @Override
            public List<List<Identifier>> keys() {
                return input.keys();
            }
        };
        return new Scope(Map.of(alias, columns), Map.of(), !(input instanceof Input.Unknown), Around.NOTHING);
    }

    /** Both scopes; empty if an alias is in both. */
    Optional<Scope> plus(Scope other) {
        Map<Identifier, Columns> both = new LinkedHashMap<>(relations);
        for (Map.Entry<Identifier, Columns> entry : other.relations.entrySet()) {
            if (both.put(entry.getKey(), entry.getValue()) != null) {
                return Optional.empty();
            }
        }
        Map<Identifier, Merged> allMerged = new LinkedHashMap<>(merged);
        allMerged.putAll(other.merged);
        return Optional.of(new Scope(both, allMerged, closed && other.closed, around));
    }

    Scope merging(Map<Identifier, Merged> columns) {
        Map<Identifier, Merged> all = new LinkedHashMap<>(merged);
        all.putAll(columns);
        return new Scope(relations, all, closed, around);
    }

    /** The same scope where more can be read. */
    Scope within(Around other) {
        return new Scope(relations, merged, closed, other);
    }

    Optional<Identifier> resolve(Identifier alias, Identifier label) {
        Columns columns = relations.get(alias);
        return columns == null
                ? around.column(new Mentions.Free(alias, label))
                : columns.find(label).flatMap(Place::resolve);
    }

    /** Columns that tell apart the rows of an item of FROM; none for other aliases. */
    List<List<Identifier>> keys(Identifier alias) {
        Columns columns = relations.get(alias);
        return columns == null ? List.of() : columns.keys();
    }

    /** The column that PostgreSQL prints without its relation: one that a full join has merged. */
    Optional<Expression> bare(Identifier label) {
        Merged known = merged.get(label);
        return known == null ? Optional.empty() : known.expression();
    }

    /** The column that a name in USING means: a merged one, or that of the only alias that has it. */
    Merged merged(Identifier label) {
        Merged known = merged.get(label);
        if (known != null) {
            return known;
        }
        List<Place> places = relations.values().stream()
                .flatMap(columns -> columns.find(label).stream())
                .toList();
        return new Merged(places, places.size() == 1);
    }
}
