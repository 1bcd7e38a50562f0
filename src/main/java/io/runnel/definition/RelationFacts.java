package io.runnel.definition;

import io.runnel.delta.SourceFacts;
import io.runnel.operator.ColumnType;
import io.runnel.parse.Relation;
import io.runnel.parse.Relations;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What the catalogs say about the relations of one query; filled by {@link RelationReader}. */
final class RelationFacts implements SourceFacts {

    /**
     * A relation that is not a view.
     *
     * @param inherited whether it has inheritance children, for which neither its keys nor its NOT NULL need hold
     */
    record Table(
            QualifiedName name,
            long relation,
            boolean partitioned,
            boolean inherited,
            boolean lockable,
            Optional<String> refusal,
            Optional<String> missingRight,
            List<Column> columns,
            List<List<Identifier>> keys) {

        /** Whether its changes can be captured. */
        boolean capturable() {
            return refusal.isEmpty();
        }

        /** Whether rows come and go with other tables. */
        boolean composed() {
            return partitioned || inherited;
        }

        private Relation parsed() {
            return new Relation.Table(
                    columns.stream().map(Column::name).toList(), refusal, provenKeys(), provenNotNull());
        }

        private Set<Identifier> provenNotNull() {
            return columns.stream()
                    .filter(column -> column.notNull() && !inherited)
                    .map(Column::name)
                    .collect(Collectors.toSet());
        }

        private List<List<Identifier>> provenKeys() {
            return inherited ? List.of() : keys;
        }

        Column column(Identifier column) {
            return columns.stream()
                    .filter(found -> found.name().equals(column))
                    .findFirst()
                    .orElseThrow(() -> new IllegalStateException(name.display() + " has no column " + column));
        }
    }

    /**
     * A column of a table.
     *
     * @param version differs once the column was renamed, or altered otherwise, even if that was undone
     */
    record Column(
            long number,
            Identifier name,
            String declared,
            ColumnType type,
            boolean notNull,
            boolean virtual,
            String version) {}

    private final Map<QualifiedName, Table> tables = new HashMap<>();
    private final Map<QualifiedName, Relation.View> views = new HashMap<>();

    private final Map<Long, String> guards = new HashMap<>();
    private final Set<Identifier> typeSchemas = new LinkedHashSet<>();

    void add(Collection<String> schemasOfTypes) {
        schemasOfTypes.stream().sorted().map(Identifier::of).forEach(typeSchemas::add);
    }

    /** Where the operators of the query's types are found, {@code pg_catalog} excepted. */
    List<Identifier> typeSchemas() {
        return List.copyOf(typeSchemas);
    }

    void guard(long relation, String guard) {
        guards.put(relation, guard);
    }

    /** What {@link Shape} remembers of each relation, views included, by OID. */
    Map<Long, String> guards() {
        return guards;
    }

    void add(Table table) {
        tables.put(table.name(), table);
    }

    void add(QualifiedName name, Relation.View view) {
        views.put(name, view);
    }

    List<Table> tables() {
        return new ArrayList<>(tables.values());
    }

    Table table(QualifiedName name) {
        Table table = tables.get(name);
        if (table == null) {
            throw new IllegalStateException("not a table of this query: " + name.display());
        }
        return table;
    }

    /** The same, as the parser asks for it. */
    Relations relations() {
        return new Relations() {
            @Override
            public Optional<Relation> find(QualifiedName name) {
                Relation view = views.get(name);
                return view != null
                        ? Optional.of(view)
                        : Optional.ofNullable(tables.get(name)).map(Table::parsed);
            }

            @Override
            public Optional<String> type(QualifiedName name, Identifier column) {
                return Optional.ofNullable(tables.get(name))
                        .map(table -> table.column(column).declared());
            }
        };
    }

    @Override
    public ColumnType type(QualifiedName table, Identifier column) {
        return table(table).column(column).type();
    }

    @Override
    public List<List<Identifier>> keys(QualifiedName table) {
        return table(table).provenKeys();
    }
}
