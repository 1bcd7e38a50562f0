-- The names and positional parameters that users of pg_trickle know. Left out when a schema of that name is not ours: the
-- extension itself may be installed.

DO $migration$
BEGIN
    IF EXISTS (
        SELECT
        FROM pg_namespace
        WHERE nspname = 'pgtrickle' AND (
            nspowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
            OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = pg_namespace.oid)
            OR EXISTS (SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid))
    ) THEN
        RAISE NOTICE 'schema pgtrickle exists already and is left as it is';
        RETURN;
    END IF;

    CREATE SCHEMA IF NOT EXISTS pgtrickle;
    GRANT USAGE ON SCHEMA pgtrickle TO PUBLIC;

    -- No SET clause: names and queries are read in the search_path of the caller.
    CREATE FUNCTION pgtrickle.create_stream_table(
        name text,
        query text,
        schedule text DEFAULT 'calculated',
        refresh_mode text DEFAULT 'AUTO',
        initialize boolean DEFAULT true
    ) RETURNS bigint LANGUAGE sql AS $body$
        SELECT runnel.create_stream_table($1, $2, coalesce($3, 'calculated'), $4, $5)
    $body$;

    CREATE FUNCTION pgtrickle.create_stream_table_if_not_exists(
        name text,
        query text,
        schedule text DEFAULT 'calculated',
        refresh_mode text DEFAULT 'AUTO',
        initialize boolean DEFAULT true
    ) RETURNS bigint LANGUAGE sql AS $body$
        SELECT runnel.create_stream_table_if_not_exists($1, $2, coalesce($3, 'calculated'), $4, $5)
    $body$;

    CREATE FUNCTION pgtrickle.create_or_replace_stream_table(
        name text,
        query text,
        schedule text DEFAULT 'calculated',
        refresh_mode text DEFAULT 'AUTO',
        initialize boolean DEFAULT true
    ) RETURNS bigint LANGUAGE sql AS $body$
        SELECT runnel.create_or_replace_stream_table($1, $2, coalesce($3, 'calculated'), $4, $5)
    $body$;

    CREATE FUNCTION pgtrickle.alter_stream_table(
        name text,
        query text DEFAULT NULL,
        schedule text DEFAULT NULL,
        refresh_mode text DEFAULT NULL,
        status text DEFAULT NULL
    ) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.alter_stream_table($1, $2, $3, $4, $5)
    $body$;

    CREATE FUNCTION pgtrickle.drop_stream_table(name text, cascade boolean DEFAULT false) RETURNS void
    LANGUAGE sql AS $body$
        SELECT runnel.drop_stream_table($1, $2)
    $body$;

    CREATE FUNCTION pgtrickle.refresh_stream_table(name text) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.refresh_stream_table($1)
    $body$;

    CREATE FUNCTION pgtrickle.reinitialize_stream_table(name text) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.reinitialize_stream_table($1)
    $body$;

    CREATE FUNCTION pgtrickle.pause_stream_table(name text) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.pause_stream_table($1)
    $body$;

    CREATE FUNCTION pgtrickle.resume_stream_table(name text) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.resume_stream_table($1)
    $body$;

    CREATE FUNCTION pgtrickle.suspend_stream_table(name text) RETURNS void LANGUAGE sql AS $body$
        SELECT runnel.suspend_stream_table($1)
    $body$;

    CREATE VIEW pgtrickle.pgt_stream_tables WITH (security_barrier) AS
    SELECT
        id AS pgt_id,
        schema_name AS pgt_schema,
        table_name AS pgt_name,
        status,
        refresh_mode,
        CASE WHEN schedule = 'downstream' THEN 'calculated' ELSE schedule END AS schedule,
        query AS defining_query,
        refreshed_at AS last_refresh_at,
        consecutive_errors,
        rows_in_last_refresh,
        populated AS is_populated
    FROM runnel.stream_tables;

    GRANT SELECT ON pgtrickle.pgt_stream_tables TO PUBLIC;
    GRANT EXECUTE ON ALL ROUTINES IN SCHEMA pgtrickle TO PUBLIC;
END $migration$;
