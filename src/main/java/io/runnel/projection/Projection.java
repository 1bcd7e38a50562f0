package io.runnel.projection;

import io.runnel.sql.Identifier;
import io.runnel.sql.QualifiedName;

/**
 * What it takes to run one worker of a projection.
 *
 * @param worker its number, from 0
 * @param log the number of its event log among those that are recorded
 * @param relation the log's OID
 * @param times when it is looked at
 * @param pending whether there was something to do when this was read
 * @param exchanging whether it rebuilds another one, and takes its place once it has caught up
 */
record Projection(
        long id,
        int worker,
        String name,
        int log,
        long relation,
        QualifiedName table,
        Identifier position,
        Times times,
        boolean pending,
        boolean exchanging) {

    Pipeline.Key key() {
        return new Pipeline.Key(id, worker);
    }
}
