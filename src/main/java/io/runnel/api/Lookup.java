package io.runnel.api;

import io.runnel.catalog.Statuses;
import io.runnel.catalog.StreamTableStatus;
import io.runnel.postgres.Failure;
import io.runnel.security.Acting;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Finds the stream table that a request is about. */
@ApplicationScoped
class Lookup {

    static final String KIND = "STREAM_TABLE";

    private static final String HINT = "GET " + StreamTablesResource.PATH + " lists the stream tables";

    private final Statuses statuses;
    private final Acting acting;

    Lookup(Statuses statuses, Acting acting) {
        this.statuses = statuses;
        this.acting = acting;
    }

    /** Fails if the caller's role may not read it. */
    Uni<StreamTableStatus> find(String name) {
        return statuses.find(Inputs.name(name))
                .map(found -> found.orElseThrow(() -> missing(name)))
                .call(table -> acting.mayRead(KIND, table.id()));
    }

    /** Fails if the caller's role may not do what its owner may. */
    Uni<StreamTableStatus> findOwn(String name) {
        return find(name).call(table -> acting.mayAct(KIND, table.id()));
    }

    /** For one that was there a moment ago. */
    Uni<StreamTableStatus> find(long id) {
        return statuses.find(id).map(found -> found.orElseThrow(() -> missing("with id " + id)));
    }

    private static Failure missing(String which) {
        return new Failure.NotFound("no-stream-table", "stream table " + which + " does not exist", HINT);
    }
}
