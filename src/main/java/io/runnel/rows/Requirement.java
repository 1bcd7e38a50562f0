package io.runnel.rows;

import java.time.Duration;
import java.util.Optional;

/**
 * How fresh rows must be.
 *
 * @param staleness how old what is missing may be; empty for any age
 * @param token a transaction or snapshot that must be included; empty for none
 */
public record Requirement(Optional<Duration> staleness, Optional<String> token) {

    public static final Requirement NONE = new Requirement(Optional.empty(), Optional.empty());

    /** Whether it asks for anything. */
    public boolean given() {
        return staleness.isPresent() || token.isPresent();
    }

    boolean met(Freshness found) {
        return staleness
                        .map(allowed -> found.lagSeconds()
                                .map(lag -> lag <= allowed.toNanos() / 1e9)
                                .orElse(false))
                        .orElse(true)
                && (token.isEmpty() || found.included());
    }

    /**
     * What is known about rows at the snapshot at which they are read.
     *
     * @param snapshot a token that includes everything they show
     * @param lagSeconds nothing older than this is missing; empty if that is not known
     * @param populated whether there ever were rows
     * @param included whether the token is
     * @param ended whether there is a token and its transaction has ended
     */
    public record Freshness(
            String snapshot, Optional<Double> lagSeconds, boolean populated, boolean included, boolean ended) {}
}
