package io.runnel.catalog;

import io.runnel.postgres.Database;
import io.runnel.sql.Sql;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Follows stream tables that are given another name, schema or owner, as any table may be. */
@ApplicationScoped
public class Moves {

    private static final Sql FOLLOW = Sql.of("""
            WITH moved AS (
              UPDATE runnel_internal.stream_table AS s
              SET schema_name = n.nspname, table_name = c.relname, owner = pg_get_userbyid(c.relowner),
                version = s.version + 1, reconciled_query = NULL
              FROM pg_class AS c
              JOIN pg_namespace AS n ON n.oid = c.relnamespace
              WHERE s.id = $1 AND c.oid = s.relation
                AND (s.schema_name, s.table_name, s.owner) <> (n.nspname, c.relname, pg_get_userbyid(c.relowner))
              RETURNING s.id
            )
            SELECT pg_notify('runnel_definition', id::text)::text FROM moved""");

    private final Database database;

    Moves(Database database) {
        this.database = database;
    }

    /** Makes the definition say what the table is called, and whose it is; returns whether that is news. */
    public Uni<Boolean> follow(long id) {
        return database.session(session -> session.query(FOLLOW, id)).map(rows -> !rows.isEmpty());
    }
}
