package io.runnel.refresh;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether a refresh applies changes or computes everything anew, and why. Pure.
 *
 * <p>Either plan is chosen by what it has taken before: computing anew by the size of the sources, applying changes by the
 * number of changes. A refresh in full has to be clearly cheaper to be chosen; with few changes it never is. While nothing
 * is known of one of them, the share of changed rows decides. A plan that was not chosen for long is tried again, the later
 * the more expensive it seemed, so that the trials together cost at most a tenth, and a wrong estimate does not last.
 *
 * @param full whether everything is computed anew
 * @param reason for people, recorded with the refresh
 */
record PlanChoice(boolean full, String reason) {

    /** How many refreshes, times the ratio of the costs, pass before the other plan is tried again. */
    static final int TRIAL_AFTER = 10;

    /** A refresh in full that seems more expensive than this many times is not tried: that is no error of measurement. */
    static final double TRIAL_RATIO_MAX = 3;

    /** What does not grow with the sources: statements, locks, an empty table's pages. */
    private static final double BYTES_OFFSET = 1 << 20;

    /**
     * When applying changes is given up.
     *
     * @param changes with fewer changes than this never
     * @param share of the sources' rows, while nothing else is known. Where both plans cost the same depends on the query:
     *     in {@code RefreshBenchmark}, with 1.7 changes for each changed row, below 0.17 for aggregates, at about 0.3 for a
     *     filter and between 0.4 and 0.9 for projections and joins
     * @param slower by how much applying changes must be more expensive, 1 for not at all
     * @param changesMax with more changes than this always
     */
    record Settings(long changes, double share, double slower, long changesMax) {}

    /**
     * What is to be refreshed.
     *
     * @param changes rows in change buffers; an updated row counts twice
     * @param rows of the sources that have changed, roughly
     * @param bytes of all sources, roughly
     */
    record Situation(long changes, long rows, long bytes) {}

    /**
     * What one plan has taken.
     *
     * @param changes how many there were, on average; 0 for a refresh in full
     * @param seconds that it took, on average; negative if it was never measured
     * @param bytes of the sources at that time
     * @param passedOver how many refreshes have chosen the other plan since
     */
    record Cost(double changes, double seconds, double bytes, int passedOver) {
        boolean known() {
            return seconds >= 0;
        }
    }

    /**
     * Chooses a plan.
     *
     * @param full of a refresh in full
     * @param differential of differential refreshes with changes of the same sources, for several numbers of changes
     * @param here of these, that for about as many changes
     */
    static PlanChoice choose(
            Settings settings, Situation now, Optional<Cost> full, List<Cost> differential, Optional<Cost> here) {
        if (now.changes() > settings.changesMax()) {
            return new PlanChoice(
                    true,
                    count(now.changes(), "change")
                            + ", more than RUNNEL_REFRESH_CHANGES_MAX allows to be applied at once");
        }
        if (now.changes() < settings.changes()) {
            return new PlanChoice(false, "changes");
        }
        Optional<Double> anew = full.filter(Cost::known).map(cost -> anew(cost, (double) now.bytes()));
        Optional<Double> applied = applied(differential, (double) now.changes());
        int passedOver = here.map(Cost::passedOver).orElse(0);
        if (anew.isEmpty() || applied.isEmpty()) {
            return byShare(settings, now, passedOver);
        }
        String told = String.format(
                Locale.ROOT,
                "%s: about %s differentially, %s in full",
                count(now.changes(), "change"),
                time(applied.get()),
                time(anew.get()));
        double ratio = applied.get() / Math.max(anew.get(), 1e-6);
        if (ratio > settings.slower()) {
            return passedOver >= TRIAL_AFTER * ratio
                    ? new PlanChoice(false, told + "; tried again after " + count(passedOver, "refresh") + " in full")
                    : new PlanChoice(true, told);
        }
        int since = full.map(Cost::passedOver).orElse(0);
        double inverse = 1 / Math.max(ratio, 1e-6);
        return inverse <= TRIAL_RATIO_MAX && since >= TRIAL_AFTER * Math.max(1, inverse)
                ? new PlanChoice(true, told + "; tried again after " + count(since, "differential refresh"))
                : new PlanChoice(false, told);
    }

    private static PlanChoice byShare(Settings settings, Situation now, int passedOver) {
        boolean most = (double) now.changes() > settings.share() * (double) now.rows();
        String told = count(now.changes(), "change") + " of about " + count(now.rows(), "row");
        if (!most) {
            return new PlanChoice(false, told);
        }
        return passedOver >= TRIAL_AFTER
                ? new PlanChoice(false, told + "; tried after " + count(passedOver, "refresh") + " in full")
                : new PlanChoice(true, told + ": that many were not applied before");
    }

    private static double anew(Cost full, double bytes) {
        return full.seconds() * (bytes + BYTES_OFFSET) / (full.bytes() + BYTES_OFFSET);
    }

    /**
     * How long applying so many changes takes: between two measurements on the line through both; beyond the greatest as
     * the last two go on, but neither less than what fewer changes took nor more than in proportion; below the smallest in
     * proportion, which is too little rather than too much, so that it is tried and then known.
     */
    static Optional<Double> applied(List<Cost> measured, double changes) {
        List<Cost> known = measured.stream()
                .filter(Cost::known)
                .sorted(Comparator.comparingDouble(Cost::changes))
                .toList();
        if (known.isEmpty()) {
            return Optional.empty();
        }
        long below = known.stream().filter(cost -> cost.changes() <= changes).count();
        if (below == 0) {
            return Optional.of(proportional(known.get(0), changes));
        }
        Cost lower = known.get((int) below - 1);
        if (below < known.size()) {
            return Optional.of(line(lower, known.get((int) below), changes));
        }
        double more = proportional(lower, changes);
        return Optional.of(
                below == 1
                        ? more
                        : Math.min(more, Math.max(lower.seconds(), line(known.get((int) below - 2), lower, changes))));
    }

    private static double proportional(Cost cost, double changes) {
        return cost.seconds() * changes / Math.max(cost.changes(), 1);
    }

    private static double line(Cost first, Cost second, double changes) {
        double distance = second.changes() - first.changes();
        return distance <= 0
                ? second.seconds()
                : first.seconds() + (second.seconds() - first.seconds()) * (changes - first.changes()) / distance;
    }

    private static String count(long number, String what) {
        String plural = what.endsWith("sh") ? what + "es" : what + "s";
        return String.format(Locale.ROOT, "%,d %s", number, number == 1 ? what : plural);
    }

    private static String time(double seconds) {
        return seconds < 0.1
                ? String.format(Locale.ROOT, "%.0f ms", Math.max(seconds * 1000, 1))
                : String.format(Locale.ROOT, seconds < 10 ? "%.1f s" : "%.0f s", seconds);
    }

    /** The class of so many changes: their binary logarithm. */
    static int magnitude(long changes) {
        return Long.SIZE - 1 - Long.numberOfLeadingZeros(Math.max(changes, 1));
    }

    /** The time from {@code began}, a value of {@link System#nanoTime}, in seconds. */
    static double secondsSince(long began) {
        return (double) (System.nanoTime() - began) / 1e9;
    }
}
