-- The catalog: definitions, frontiers, captured sources, history. Runs as the service role, which owns all of it.

CREATE SCHEMA IF NOT EXISTS runnel;
GRANT USAGE ON SCHEMA runnel TO PUBLIC;
GRANT USAGE ON SCHEMA runnel_internal TO PUBLIC;

-- What people asked for, and what the reconciler has made of it. Written by the SQL functions with the rights of
-- their caller (row-level security lets each role touch only its own rows) and by the service.
CREATE TABLE runnel_internal.stream_table (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL UNIQUE,
    schema_name name NOT NULL,
    table_name name NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    query text NOT NULL,
    search_path text NOT NULL,
    time_zone text NOT NULL,
    schedule text NOT NULL,
    refresh_mode text NOT NULL CHECK (refresh_mode IN ('AUTO', 'DIFFERENTIAL', 'FULL')),
    initialize boolean NOT NULL DEFAULT true,
    wanted text NOT NULL DEFAULT 'ACTIVE' CHECK (wanted IN ('ACTIVE', 'PAUSED', 'SUSPENDED')),
    -- Raised by every change of query, schedule or mode; the reconciler stores what it has carried out.
    version bigint NOT NULL DEFAULT 1,
    refresh_requests bigint NOT NULL DEFAULT 0,
    reinitialize_requests bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Written by the service only.
    reconciled_version bigint NOT NULL DEFAULT 0,
    -- The query and mode that the definition view, the capture and the auxiliary tables were made for.
    reconciled_query text,
    reconciled_mode text,
    -- What they were built upon: views, keys, inheritance and security of the sources.
    reconciled_shape text,
    -- Whether a row's key was once longer than an entry of an index may be: rows are then found by a hash of it.
    wide_key boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'INITIALIZING'
        CHECK (status IN ('INITIALIZING', 'ACTIVE', 'PAUSED', 'SUSPENDED', 'ERROR')),
    definition_view name,
    effective_mode text CHECK (effective_mode IN ('DIFFERENTIAL', 'FULL')),
    full_reason text,
    waits_for text
);
-- Not unique: a table may be renamed, and another take its name, before the service has followed.
CREATE INDEX stream_table_name ON runnel_internal.stream_table (schema_name, table_name);

-- One row per stream table, written in every refresh transaction: narrow, and updated in place.
CREATE TABLE runnel_internal.frontier (
    stream_table_id bigint PRIMARY KEY REFERENCES runnel_internal.stream_table ON DELETE CASCADE,
    -- The snapshot up to which all changes are applied; null until the first fill.
    snapshot pg_snapshot,
    -- Which cluster and database the snapshot's transaction ids belong to.
    origin text,
    refreshed_at timestamptz,
    refresh_rows bigint,
    refresh_requests bigint NOT NULL DEFAULT 0,
    reinitialize_requests bigint NOT NULL DEFAULT 0,
    full_seconds double precision,
    consecutive_errors integer NOT NULL DEFAULT 0,
    last_error text,
    last_error_code text,
    last_error_hint text,
    last_error_at timestamptz
) WITH (fillfactor = 50);

-- A table whose changes are captured.
CREATE TABLE runnel_internal.source (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL UNIQUE,
    -- Columns that the buffer holds, as attribute numbers.
    columns smallint[] NOT NULL DEFAULT '{}',
    row_level boolean NOT NULL DEFAULT false,
    -- The numbers, names and versions of these columns when no writer was open last and the trigger function was written.
    attributes text,
    -- The versions of the triggers as the service made them.
    triggers text
);

CREATE TABLE runnel_internal.dependency (
    stream_table_id bigint NOT NULL REFERENCES runnel_internal.stream_table ON DELETE CASCADE,
    relation oid NOT NULL,
    -- Null for a relation that cannot be captured.
    source_id integer REFERENCES runnel_internal.source,
    -- What would tell of changes that no trigger saw, as of the last refresh in full: partitions, files, triggers.
    standing text,
    PRIMARY KEY (stream_table_id, relation)
);
CREATE INDEX ON runnel_internal.dependency (source_id);

CREATE TABLE runnel_internal.refresh_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream_table_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    mode text NOT NULL,
    reason text NOT NULL,
    changes bigint NOT NULL DEFAULT 0,
    rows_inserted bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0,
    error text
);
CREATE INDEX ON runnel_internal.refresh_history (stream_table_id, id);

ALTER TABLE runnel_internal.stream_table ENABLE ROW LEVEL SECURITY;
-- Through to_regrole, because pg_has_role fails for a name that no longer exists: one dropped owner would break every
-- statement on this table for everybody.
CREATE POLICY owned ON runnel_internal.stream_table TO PUBLIC
    USING (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'))
    WITH CHECK (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'));
GRANT SELECT, DELETE ON runnel_internal.stream_table TO PUBLIC;
GRANT INSERT (relation, schema_name, table_name, query, search_path, time_zone, schedule, refresh_mode, initialize)
    ON runnel_internal.stream_table TO PUBLIC;
GRANT UPDATE (query, search_path, time_zone, schedule, refresh_mode, wanted, version, refresh_requests,
        reinitialize_requests)
    ON runnel_internal.stream_table TO PUBLIC;

-- Which cluster and database transaction ids belong to: after a logical dump and restore they are foreign.
CREATE FUNCTION runnel_internal.origin() RETURNS text
    LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
    AS $$
        SELECT (SELECT c.system_identifier FROM pg_control_system() AS c) || '/' || d.oid
        FROM pg_database AS d WHERE d.datname = current_database()
    $$;
