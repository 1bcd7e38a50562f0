package io.runnel.api;

import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.postgres.Failure;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Finds the stream table that a request is about. */
@ApplicationScoped
class Lookup {

    private static final String HINT = "GET " + StreamTablesResource.PATH + " lists the stream tables";

    private final Statuses statuses;

    Lookup(Statuses statuses) {
        this.statuses = statuses;
    }

    Uni<StreamTableStatus> find(String name) {
        return statuses.find(Inputs.name(name)).map(found -> found.orElseThrow(() -> missing(name)));
    }

    /** For one that was there a moment ago. */
    Uni<StreamTableStatus> find(long id) {
        return statuses.find(id).map(found -> found.orElseThrow(() -> missing("with id " + id)));
    }

    private static Failure missing(String which) {
        return new Failure.NotFound("no-stream-table", "stream table " + which + " does not exist", HINT);
    }
}
