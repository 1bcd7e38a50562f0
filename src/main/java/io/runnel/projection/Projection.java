package io.runnel.projection;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;
import java.time.Duration;
import java.util.Optional;

/**
 * What it takes to run a projection.
 *
 * @param log the number of its event log among those that are recorded
 * @param relation the log's OID
 * @param interval how often it is looked at; absent to be woken up by the log
 * @param pending whether there was something to do when this was read
 * @param exchanging whether it rebuilds another one, and takes its place once it has caught up
 */
record Projection(
        long id,
        String name,
        int log,
        long relation,
        QualifiedName table,
        Identifier position,
        Optional<Duration> interval,
        boolean pending,
        boolean exchanging) {}
