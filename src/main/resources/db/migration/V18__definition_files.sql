-- What definition files have made, and what is wrong with them. Touched by the service alone.

-- The definition that a document has made: the last one of its kind and name. It counts only while the object is the one that
-- was made, and not another of the same name.
CREATE TABLE runnel_internal.definition_file (
    kind text NOT NULL CHECK (kind IN ('EventLog', 'Projection', 'StreamTable', 'MaterializedView')),
    name text NOT NULL,
    object_id bigint NOT NULL,
    file text NOT NULL,
    document integer NOT NULL,
    -- The document as it was applied, for what cannot be altered to be compared with.
    content jsonb NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    -- Since when no document is there any more, while the definition stays.
    removed_at timestamptz,
    PRIMARY KEY (kind, name)
);

CREATE TABLE runnel_internal.definition_file_problem (
    file text NOT NULL,
    document integer NOT NULL,
    code text NOT NULL,
    detail text NOT NULL,
    hint text,
    query_position integer,
    failed_at timestamptz NOT NULL DEFAULT now()
);

-- What can be defined by files, by its present name; projections are in no schema.
CREATE VIEW runnel_internal.definition_object AS
SELECT 'StreamTable' AS kind, stream_table.id, nspname::text AS schema_name, relname::text AS name
FROM runnel_internal.stream_table
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
UNION ALL
SELECT 'MaterializedView', materialized_view.id, nspname::text, relname::text
FROM runnel_internal.materialized_view
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
UNION ALL
SELECT 'EventLog', relation::bigint, nspname::text, relname::text
FROM runnel_internal.declared_log
JOIN pg_class ON pg_class.oid = relation
JOIN pg_namespace ON pg_namespace.oid = relnamespace
UNION ALL
SELECT 'Projection', id, '', name
FROM runnel_internal.projection
WHERE rebuild_of IS NULL;
