package io.runnel.replica;

import java.time.Instant;

/**
 * A service on this database.
 *
 * @param instance another one each time that it starts; part of the application name of its sessions
 * @param seenAt when it renewed its lease
 * @param assignedReadModels how many it was given; what nobody was given is kept fresh by the one that leads
 * @param answering whether it is the one that answers
 */
public record Replica(
        String instance, String host, Instant startedAt, Instant seenAt, long assignedReadModels, boolean answering) {}
