package io.runnel.catalog;

import io.runnel.sql.QualifiedName;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;
import java.util.Optional;
import org.hibernate.reactive.mutiny.Mutiny;

/** The definition rows. Every method opens a session of its own. */
@ApplicationScoped
public class StreamTables {

    private static final String UNRECONCILED = "SELECT id FROM StreamTable WHERE " + StreamTable.UNRECONCILED;
    private static final String BY_NAME = "FROM StreamTable WHERE schemaName = :schema AND tableName = :name";

    private final Mutiny.SessionFactory sessions;

    StreamTables(Mutiny.SessionFactory sessions) {
        this.sessions = sessions;
    }

    /** The ids of those that the database does not match yet. */
    public Uni<List<Long>> unreconciled() {
        return sessions.withStatelessSession(session ->
                session.createSelectionQuery(UNRECONCILED, Long.class).getResultList());
    }

    public Uni<Optional<StreamTable>> find(long id) {
        return sessions.withStatelessSession(
                session -> session.get(StreamTable.class, id).map(Optional::ofNullable));
    }

    public Uni<Optional<StreamTable>> find(QualifiedName name) {
        return sessions.withStatelessSession(session -> session.createSelectionQuery(BY_NAME, StreamTable.class)
                .setParameter("schema", name.schema().name())
                .setParameter("name", name.name().name())
                .getSingleResultOrNull()
                .map(Optional::ofNullable));
    }
}
