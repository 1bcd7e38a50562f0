package io.runnel.projection;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Up to which position no open transaction can add an event any more.
 *
 * <p>A transaction that writes to a log holds a lock on it, or on the sequence of its positions, from before it takes a
 * position until its end is visible. So one that is there at this look and was not at the last one takes positions greater
 * than the greatest one that was to be seen at the last look. Nothing is known about those of the first look, nor about a
 * prepared transaction, whose name changed when it was prepared: it may be any of those that have gone.
 *
 * @param known the greatest position that was to be seen before the writers were looked at
 * @param writers the open writers, and for each a position that it will not take, nor any smaller one
 */
record Horizon(long known, Map<String, Long> writers) {

    static final long NOTHING = Long.MIN_VALUE;

    /** Before the first look. */
    static final Horizon UNKNOWN = new Horizon(NOTHING, Map.of());

    private static final String PREPARED = "-1/";

    Horizon {
        writers = Map.copyOf(writers);
    }

    /**
     * The next look.
     *
     * @param greatest the greatest position to be seen, read before the writers
     * @param present the transactions that hold a lock, by their names in {@code pg_locks}
     */
    Horizon next(long greatest, List<String> present) {
        long gone = writers.entrySet().stream()
                .filter(writer -> !present.contains(writer.getKey()))
                .mapToLong(Map.Entry::getValue)
                .min()
                .orElse(known);
        Map<String, Long> bounds = new HashMap<>();
        for (String writer : present) {
            long fresh = writer.startsWith(PREPARED) ? Math.min(known, gone) : known;
            bounds.put(writer, writers.getOrDefault(writer, fresh));
        }
        return new Horizon(greatest, bounds);
    }

    long position() {
        return writers.values().stream().mapToLong(Long::longValue).min().stream()
                .map(least -> Math.min(least, known))
                .findFirst()
                .orElse(known);
    }
}
