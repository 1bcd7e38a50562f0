package io.runnel.schedule;

import java.time.ZoneId;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * What the scheduler knows about one stream table.
 *
 * @param zone the time zone in which a cron expression is read
 */
public record ScheduledTable(long id, Schedule schedule, ZoneId zone, Reads reads, Notice notice) {
    public ScheduledTable {
        Objects.requireNonNull(schedule);
        Objects.requireNonNull(zone);
        Objects.requireNonNull(reads);
        Objects.requireNonNull(notice);
    }

    /**
     * What a table reads.
     *
     * @param sources every captured source that it reads directly, those that capture stream tables included
     * @param upstream the stream tables that it reads directly
     * @param sourceOf for the sources that capture stream tables, which one; may be incomplete
     */
    public record Reads(Set<Integer> sources, Set<Long> upstream, Map<Integer, Long> sourceOf) {
        public Reads {
            // Sorted, because the order of decisions must not depend on the process.
            sources = Collections.unmodifiableSet(new TreeSet<>(sources));
            upstream = Collections.unmodifiableSet(new TreeSet<>(upstream));
            sourceOf = Collections.unmodifiableMap(new TreeMap<>(sourceOf));
        }
    }

    /** Whether wake-ups tell of everything that may change the table. */
    public enum Notice {
        WAKE_UPS,
        /** Something that it depends on cannot be captured, or its query depends on the time. */
        POLLED_ALWAYS
    }
}
