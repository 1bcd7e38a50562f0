package io.runnel.projection;

import java.time.Instant;
import java.util.Optional;

/**
 * An event that was put aside.
 *
 * @param status FAILED, or WAITING behind an earlier event of the same entity
 * @param retry whether it is to be tried again
 * @param code the SQLSTATE of the error
 */
public record DeadLetter(
        long position,
        Optional<String> entity,
        Optional<String> eventType,
        String status,
        boolean retry,
        long attempts,
        Optional<String> error,
        Optional<String> code,
        Optional<String> detail,
        Optional<Instant> at) {}
