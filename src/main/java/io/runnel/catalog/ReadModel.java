package io.runnel.catalog;

import java.time.Instant;
import java.util.Optional;

/**
 * A read model of whatever kind.
 *
 * @param id among those of its kind
 * @param name {@code schema.table} for one that is a table, otherwise its own
 * @param kind STREAM_TABLE, PROJECTION, MATERIALIZED_VIEW
 * @param refreshedAt when it was refreshed last, or handled an event
 * @param lagSeconds nothing older than this is missing, in it or below it; empty if that is not known
 * @param lastErrorCode of stream tables only
 */
public record ReadModel(
        long id,
        String name,
        String kind,
        String owner,
        String status,
        String schedule,
        Optional<Instant> refreshedAt,
        Optional<Double> lagSeconds,
        long consecutiveErrors,
        Optional<String> lastError,
        Optional<String> lastErrorCode) {}
