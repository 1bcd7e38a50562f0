package io.runnel.parse;

import io.runnel.operator.Opaque;
import io.runnel.operator.Operator;
import io.runnel.operator.Scan;
import io.runnel.operator.Unsupported;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** An item of FROM: knows its columns by the names that the query uses. Owned by one parse. */
sealed interface Input permits Input.Table, Input.Nested, Input.Domain, Input.Unknown, CallInput, Input.Lateral {

    /** The names of its columns in the query; for {@link Unknown}, those that are known. */
    List<Identifier> labels();

    /** The name of a column in the tree; empty if there is no such column, or more than one. */
    Optional<Identifier> resolve(Identifier label);

    /** The column's type, for {@link Relations#type}. */
    default Optional<String> type(Identifier label) {
        return Optional.empty();
    }

    /** Columns that tell its rows apart and are not null, by the names that the query uses. */
    default List<List<Identifier>> keys() {
        return List.of();
    }

    /** Its operator. To be asked for when everything that reads it has been resolved. */
    Operator operator();

    /** The names of its columns in the tree, as far as they are read. */
    default List<Identifier> columns() {
        return operator().columns();
    }

    /** A table, of which only the columns asked for are read. */
    final class Table implements Input {
        private final QualifiedName name;
        private final List<Identifier> columns;
        private final List<List<Identifier>> keys;
        private final Set<Identifier> notNull;
        private final List<Identifier> labels;
        private final Optional<Unsupported> refusal;
        private final Build build;
        private final Map<Integer, Identifier> reads = new HashMap<>();

        Table(
                QualifiedName name,
                Relation.Table table,
                List<Identifier> labels,
                Optional<Unsupported> refusal,
                Build build) {
            this.name = name;
            this.columns = table.columns();
            this.keys = table.keys();
            this.notNull = table.notNull();
            this.labels = labels;
            this.refusal = refusal;
            this.build = build;
        }

        @Override
        public List<Identifier> labels() {
            return labels;
        }

        @Override
        public Optional<Identifier> resolve(Identifier label) {
            int index = labels.indexOf(label);
            if (index < 0 || labels.lastIndexOf(label) != index) {
                return Optional.empty();
            }
            return Optional.of(reads.computeIfAbsent(index, i -> build.names().fresh(columns.get(i))));
        }

        @Override
        public List<List<Identifier>> keys() {
            return keys.stream()
                    .map(key -> key.stream()
                            .map(column -> labels.get(columns.indexOf(column)))
                            .toList())
                    .toList();
        }

        @Override
        public Optional<String> type(Identifier label) {
            return build.relations().type(name, columns.get(labels.indexOf(label)));
        }

        @Override
        public Operator operator() {
            List<Scan.Read> scanned = new ArrayList<>();
            for (int i = 0; i < columns.size(); i++) {
                if (reads.containsKey(i)) {
                    Identifier column = columns.get(i);
                    scanned.add(new Scan.Read(column, reads.get(i), notNull.contains(column)));
                }
            }
            Scan scan = new Scan(name, scanned, build.whole().contains(name));
            if (refusal.isEmpty()) {
                return scan;
            }
            return new Opaque(scan.label(), List.of(), scan.columns(), refusal.get());
        }
    }

    /** A query in FROM, a view or a common table expression. */
    record Nested(Operator operator, List<Identifier> labels) implements Input {
        @Override
        public Optional<Identifier> resolve(Identifier label) {
            int index = labels.indexOf(label);
            return index < 0 || labels.lastIndexOf(label) != index
                    ? Optional.empty()
                    : Optional.of(operator.columns().get(index));
        }
    }

    /**
     * The distinct values of columns of enclosing queries. What it is computed from is known only when the query around has
     * been translated, but the names of its columns before.
     */
    final class Domain implements Input {
        private final List<Identifier> names;
        private Optional<Operator> operator = Optional.empty();

        Domain(List<Identifier> names) {
            this.names = List.copyOf(names);
        }

        void of(Operator distinctValues) {
            operator = Optional.of(distinctValues);
        }

        @Override
        public List<Identifier> labels() {
            return names;
        }

        @Override
        public Optional<Identifier> resolve(Identifier label) {
            return names.contains(label) ? Optional.of(label) : Optional.empty();
        }

        @Override
        public Operator operator() {
            return operator.orElseThrow(() -> new IllegalStateException("the domain is not yet known"));
        }
    }

    /**
     * A query that reads columns of other items, computed for all their rows at once.
     *
     * @param rows its operator, made once: each of a chain of such queries asks for all before it
     */
    record Lateral(KeyedQuery query, List<Identifier> labels, Once<Operator> rows) implements Input {

        /** @param others the items from whose rows the columns are taken */
        static Lateral over(Supplier<Operator> others, KeyedQuery query, List<Identifier> labels) {
            return new Lateral(query, labels, new Once<>(() -> {
                query.correlation().bind(others.get());
                return query.operator().get();
            }));
        }

        @Override
        public Optional<Identifier> resolve(Identifier label) {
            int index = labels.indexOf(label);
            return index < 0 || labels.lastIndexOf(label) != index
                    ? Optional.empty()
                    : Optional.of(query.values().get(index));
        }

        @Override
        public Operator operator() {
            return rows.get();
        }

        @Override
        public List<Identifier> columns() {
            List<Identifier> columns = new ArrayList<>(query.values());
            columns.addAll(query.keys());
            return columns;
        }
    }

    /** Something that cannot be maintained, whose columns are known only by their use. */
    final class Unknown implements Input {
        private final String label;
        private final Unsupported reason;
        private final Build build;
        private final Map<Identifier, Identifier> reads = new LinkedHashMap<>();

        Unknown(String label, Unsupported reason, Build build) {
            this.label = label;
            this.reason = reason;
            this.build = build;
        }

        @Override
        public List<Identifier> labels() {
            return List.copyOf(reads.keySet());
        }

        @Override
        public Optional<Identifier> resolve(Identifier column) {
            return Optional.of(reads.computeIfAbsent(column, build.names()::fresh));
        }

        @Override
        public Operator operator() {
            return new Opaque(label, List.of(), List.copyOf(reads.values()), reason);
        }
    }
}
