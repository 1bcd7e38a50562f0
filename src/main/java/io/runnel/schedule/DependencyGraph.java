package io.runnel.schedule;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Who reads what. Tables may be defined in any order and name tables that are not known (yet); the derived sets of a
 * table and of everything that reads it are recomputed whenever it changes.
 */
final class DependencyGraph {
    private final Map<Long, TableState> tables = new HashMap<>();
    private final Map<Integer, SourceState> sources = new HashMap<>();
    private final Map<Long, Set<TableState>> dependants = new HashMap<>();
    private final Map<Long, Set<SourceState>> captures = new HashMap<>();

    Optional<TableState> table(long id) {
        return Optional.ofNullable(tables.get(id));
    }

    Optional<SourceState> source(int id) {
        return Optional.ofNullable(sources.get(id));
    }

    Collection<TableState> tables() {
        return tables.values();
    }

    Collection<SourceState> sources() {
        return sources.values();
    }

    /** The sources that capture this stream table. */
    Set<SourceState> captures(TableState table) {
        return captures.getOrDefault(table.id, Set.of());
    }

    void add(TableState table) {
        tables.put(table.id, table);
        ScheduledTable.Reads reads = table.table.reads();
        for (int id : reads.sources()) {
            sources.computeIfAbsent(id, SourceState::new).readers.add(table);
        }
        for (long id : reads.upstream()) {
            dependants.computeIfAbsent(id, unused -> new LinkedHashSet<>()).add(table);
        }
        reads.sourceOf()
                .forEach((source, streamTable) -> source(source)
                        .ifPresent(known -> captures.computeIfAbsent(streamTable, unused -> new LinkedHashSet<>())
                                .add(known)));
        deriveDownFrom(table);
    }

    /** Takes the table out; sources that nobody reads any longer stay until {@link #forget}. */
    void remove(TableState table) {
        tables.remove(table.id);
        ScheduledTable.Reads reads = table.table.reads();
        for (int id : reads.sources()) {
            source(id).ifPresent(source -> source.readers.remove(table));
        }
        for (long id : reads.upstream()) {
            dependants.computeIfPresent(id, (unused, readers) -> {
                readers.remove(table);
                return readers.isEmpty() ? null : readers;
            });
        }
        clear(table);
        deriveDownFrom(table);
    }

    void forget(SourceState source) {
        sources.remove(source.id);
        captures.values().forEach(known -> known.remove(source));
        captures.values().removeIf(Set::isEmpty);
    }

    /** Everything that the table reads, directly or not; itself if definitions in flight have made a circle. */
    Set<TableState> ancestors(TableState table) {
        return reachable(table, this::upstream);
    }

    /** Brings the derived sets of one table up to date, as after it was halted. */
    void derive(TableState table) {
        clear(table);
        table.pulls.addAll(reachable(
                table,
                next -> upstream(next).stream().filter(TableState::downstream).toList()));
        table.pulls.remove(table);
        table.pulls.forEach(pull -> pull.pullers.add(table));
        Set<SourceState> known = new HashSet<>(table.sources);
        table.sources.clear();
        addSources(table, table);
        table.pulls.forEach(pull -> addSources(table, pull));
        table.uncovered.retainAll(table.sources);
        table.sources.stream().filter(source -> !known.contains(source)).forEach(table.uncovered::add);
        if (table.listens()) {
            table.sources.forEach(source -> source.listeners.add(table));
        }
        boolean unused = table.recount();
    }

    private void deriveDownFrom(TableState table) {
        for (TableState dependant : reachable(table, next -> dependants.getOrDefault(next.id, Set.of()))) {
            if (dependant != table && tables.get(dependant.id) == dependant) {
                derive(dependant);
            }
        }
        if (tables.get(table.id) == table) {
            derive(table);
        }
    }

    private void clear(TableState table) {
        for (SourceState source : table.sources) {
            source.listeners.remove(table);
            if (table.rushing) {
                source.rushing--;
            }
        }
        table.rushing = false;
        table.pulls.forEach(pull -> pull.pullers.remove(table));
        table.pulls.clear();
    }

    private void addSources(TableState table, TableState reader) {
        for (int id : reader.table.reads().sources()) {
            source(id).ifPresent(table.sources::add);
        }
    }

    private Collection<TableState> upstream(TableState table) {
        return table.table.reads().upstream().stream()
                .flatMap(id -> table(id).stream())
                .toList();
    }

    private static Set<TableState> reachable(
            TableState from, Function<TableState, ? extends Collection<TableState>> edges) {
        Set<TableState> seen = new LinkedHashSet<>();
        Deque<TableState> open = new ArrayDeque<>(edges.apply(from));
        while (!open.isEmpty()) {
            TableState next = open.pop();
            if (seen.add(next)) {
                open.addAll(edges.apply(next));
            }
        }
        return seen;
    }
}
