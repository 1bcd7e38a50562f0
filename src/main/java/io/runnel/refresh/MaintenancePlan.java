package io.runnel.refresh;

import io.runnel.delta.DeltaPlan;
import io.runnel.delta.Target;
import io.runnel.postgres.Confined;
import io.runnel.postgres.Runner;
import io.runnel.postgres.Session;
import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import io.runnel.sql.SearchPath;
import io.runnel.sql.Sql;
import java.util.List;
import java.util.Optional;

/**
 * Everything that a refresh of one stream table needs to know, computed once per version of its definition.
 *
 * @param id the stream table
 * @param version the version of the definition that it was computed from
 * @param target the visible table
 * @param owner the role whose rights the query runs with
 * @param runner how it runs with them
 * @param searchPath the search path of the session that defined the query, for the functions that it calls
 * @param timeZone the time zone of that session
 * @param view the definition view
 * @param viewColumns its columns, in order
 * @param sources the tables that it reads
 * @param delta how changes are applied; empty in mode FULL
 * @param timeDependent whether the result changes although no source does
 * @param automatic whether each refresh may choose to compute everything anew, because the mode is AUTO
 * @param timeouts how long a refresh may take
 */
public record MaintenancePlan(
        long id,
        long version,
        Target target,
        String owner,
        Runner runner,
        SearchPath searchPath,
        String timeZone,
        QualifiedName view,
        List<Identifier> viewColumns,
        List<SourceTable> sources,
        Optional<DeltaPlan> delta,
        boolean timeDependent,
        boolean automatic,
        Sql shape,
        Timeouts timeouts) {

    /**
     * A table that the query reads.
     *
     * @param columns all its columns, in order
     * @param source the number of its change capture; empty if it has none
     * @param composed whether rows come and go with partitions or inheritance children
     * @param lockable whether LOCK TABLE takes it, unlike materialized views, sequences and foreign tables
     */
    public record SourceTable(
            QualifiedName table,
            long relation,
            List<Identifier> columns,
            Optional<Integer> source,
            boolean composed,
            boolean lockable) {

        public SourceTable {
            columns = List.copyOf(columns);
        }
    }

    public MaintenancePlan {
        viewColumns = List.copyOf(viewColumns);
        sources = List.copyOf(sources);
    }

    /** What each transaction sets for a refresh. */
    Sql settings() {
        return Sql.of(RefreshSql.SETTINGS, Sql.literal(timeZone), timeouts.lockMillis(), timeouts.statementMillis());
    }

    /** Work with the rights of the owner, within a transaction that has made {@link #settings}. */
    Confined confined(Session session) {
        return new Confined(session, runner, searchPath, settings());
    }

    /** Whether a refresh applies what has changed with time. */
    boolean timed() {
        return delta.isPresent() && delta.get().timed();
    }

    /** Whether every change of the result is announced by a change of a captured source. */
    public boolean captured() {
        return !timeDependent
                && sources.stream().allMatch(source -> source.source().isPresent());
    }
}
