package io.runnel.refresh;

import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Refreshes stream tables: one refresh is one transaction. */
@ApplicationScoped
public class Refresher {

    /** Brings the stream table up to date now. */
    public Uni<RefreshReport> refresh(long id) {
        throw new UnsupportedOperationException();
    }

    /** Compares it with its query. */
    public Uni<Verification> verify(long id) {
        throw new UnsupportedOperationException();
    }
}
