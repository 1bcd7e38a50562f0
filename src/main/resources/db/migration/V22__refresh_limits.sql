-- A circuit breaker for each stream table: a refresh that would change more than a given share of its rows is rolled back and the
-- stream table suspended, until a person approves. The service looks at both with every refresh, so that neither needs
-- a new version of the definition.

ALTER TABLE runnel_internal.stream_table
    -- Of the rows of the stream table, inserted, updated and deleted ones together; null for no limit.
    ADD COLUMN max_changed_share double precision CHECK (max_changed_share > 0 AND max_changed_share <= 1),
    -- How often a person has approved; the frontier has how many of them refreshes have used.
    ADD COLUMN approvals bigint NOT NULL DEFAULT 0;
ALTER TABLE runnel_internal.frontier ADD COLUMN approvals bigint NOT NULL DEFAULT 0;

GRANT INSERT (max_changed_share), UPDATE (max_changed_share, approvals) ON runnel_internal.stream_table TO PUBLIC;

-- As before, with the limit, and who approves.
CREATE OR REPLACE TRIGGER audit
    AFTER INSERT OR DELETE OR UPDATE OF schema_name, table_name, owner, query, search_path, time_zone, schedule,
        refresh_mode, wanted, max_changed_share, approvals
    ON runnel_internal.stream_table
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.audit('STREAM_TABLE',
        '{schema_name,table_name,owner,query,search_path,time_zone,schedule,refresh_mode,initialize,wanted,max_changed_share,approvals}');

-- The stored form of a limit: null, and 0, for none.
CREATE FUNCTION runnel_internal.changed_share(given double precision) RETURNS double precision
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF given IS NULL OR given = 0 THEN
        RETURN NULL;
    ELSIF given > 0 AND given <= 1 THEN
        RETURN given;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid share of changed rows: %s', given),
        HINT = 'Give a fraction of the rows of the stream table, as in 0.3, or 0 for no limit.';
END $$;

DROP FUNCTION runnel.create_stream_table(text, text, text, text, boolean);
DROP FUNCTION runnel.create_stream_table_if_not_exists(text, text, text, text, boolean);
DROP FUNCTION runnel.create_or_replace_stream_table(text, text, text, text, boolean);
DROP FUNCTION runnel.alter_stream_table(text, text, text, text, text);

-- As before, with the limit.
CREATE FUNCTION runnel.create_stream_table(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true,
    max_changed_share double precision DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target text[] := runnel_internal.target(name);
    qualified text := pg_catalog.format('%I.%I', target[1], target[2]);
    schedule_checked text := runnel_internal.schedule(schedule);
    mode_checked text := runnel_internal.refresh_mode(refresh_mode);
    share_checked double precision := runnel_internal.changed_share(max_changed_share);
    query_checked text;
    existing oid;
    created oid;
    created_id bigint;
BEGIN
    PERFORM runnel_internal.check_service_may_act();
    PERFORM runnel_internal.lock_name(target);
    existing := pg_catalog.to_regclass(qualified);
    IF existing IS NOT NULL THEN
        RAISE duplicate_table USING
            MESSAGE = pg_catalog.format('relation %s already exists', qualified),
            HINT = CASE WHEN runnel_internal.stream_table_id(existing, NULL, NULL) IS NOT NULL
                THEN 'It is a stream table: use runnel.create_or_replace_stream_table or runnel.alter_stream_table.'
                ELSE 'Choose another name, or drop it first.' END;
    END IF;
    query_checked := runnel_internal.checked_query(query);
    created := runnel_internal.create_table(target[1], target[2], query_checked, NULL);
    EXECUTE pg_catalog.format(
        'CREATE TRIGGER runnel_refuse_write BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION runnel_internal.refuse_write()', qualified);
    -- A definition whose table was dropped by hand, and that the service has not yet removed, gives up its name.
    DELETE FROM runnel_internal.stream_table AS stale
    WHERE stale.schema_name = target[1]::pg_catalog.name AND stale.table_name = target[2]::pg_catalog.name
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid = stale.relation);
    INSERT INTO runnel_internal.stream_table
        (relation, schema_name, table_name, query, search_path, time_zone, schedule, refresh_mode, initialize,
        max_changed_share)
    VALUES (created, target[1], target[2], query_checked, runnel_internal.effective_search_path(),
        pg_catalog.current_setting('TimeZone'), schedule_checked, mode_checked, coalesce(initialize, true),
        share_checked)
    RETURNING id INTO created_id;
    PERFORM pg_catalog.pg_notify('runnel_definition', created_id::text);
    RETURN created_id;
END $$;

-- As before, with the limit.
CREATE FUNCTION runnel.create_stream_table_if_not_exists(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true,
    max_changed_share double precision DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    target text[] := runnel_internal.target(name);
    existing_id bigint := runnel_internal.locked(target);
BEGIN
    IF existing_id IS NULL THEN
        RETURN runnel.create_stream_table(name, query, schedule, refresh_mode, initialize, max_changed_share);
    END IF;
    RAISE NOTICE 'stream table %.% already exists, skipping',
        pg_catalog.quote_ident(target[1]), pg_catalog.quote_ident(target[2]);
    RETURN existing_id;
END $$;

-- As before; what is not given has its default, so that without a limit there is none.
CREATE FUNCTION runnel.create_or_replace_stream_table(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true,
    max_changed_share double precision DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    target text[] := runnel_internal.target(name);
    existing_id bigint := runnel_internal.locked(target);
BEGIN
    IF existing_id IS NULL THEN
        RETURN runnel.create_stream_table(name, query, schedule, refresh_mode, initialize, max_changed_share);
    END IF;
    PERFORM runnel.alter_stream_table(pg_catalog.format('%I.%I', target[1], target[2]), query, schedule, refresh_mode,
        max_changed_share => coalesce(max_changed_share, 0));
    RETURN existing_id;
END $$;

-- As before; a limit of 0 takes it away.
CREATE FUNCTION runnel.alter_stream_table(
    name text,
    query text DEFAULT NULL,
    schedule text DEFAULT NULL,
    refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL,
    max_changed_share double precision DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    altered_id bigint := runnel_internal.owned(name);
    stored record;
    probe text := 'runnel_probe_' || altered_id;
    query_wanted text;
    path_wanted text;
    zone_wanted text;
    schedule_wanted text;
    mode_wanted text;
    share_wanted double precision := runnel_internal.changed_share(max_changed_share);
BEGIN
    SELECT * INTO stored FROM runnel_internal.stream_table WHERE id = altered_id FOR UPDATE;
    query_wanted := stored.query;
    path_wanted := stored.search_path;
    zone_wanted := stored.time_zone;
    IF query IS NOT NULL THEN
        query_wanted := runnel_internal.checked_query(query);
        path_wanted := runnel_internal.effective_search_path();
        zone_wanted := pg_catalog.current_setting('TimeZone');
        IF query_wanted <> stored.query OR path_wanted <> stored.search_path THEN
            PERFORM runnel_internal.create_table(stored.schema_name, probe, query_wanted, stored.relation);
            EXECUTE pg_catalog.format('DROP TABLE %I.%I', stored.schema_name, probe);
        ELSE
            zone_wanted := stored.time_zone;
        END IF;
    END IF;
    schedule_wanted := CASE WHEN schedule IS NULL THEN stored.schedule ELSE runnel_internal.schedule(schedule) END;
    mode_wanted :=
        CASE WHEN refresh_mode IS NULL THEN stored.refresh_mode ELSE runnel_internal.refresh_mode(refresh_mode) END;
    IF (query_wanted, path_wanted, schedule_wanted, mode_wanted)
        IS DISTINCT FROM (stored.query, stored.search_path, stored.schedule, stored.refresh_mode)
    THEN
        UPDATE runnel_internal.stream_table
        SET query = query_wanted, search_path = path_wanted, time_zone = zone_wanted, schedule = schedule_wanted,
            refresh_mode = mode_wanted, version = version + 1
        WHERE id = altered_id;
        PERFORM pg_catalog.pg_notify('runnel_definition', altered_id::text);
    END IF;
    IF max_changed_share IS NOT NULL AND share_wanted IS DISTINCT FROM stored.max_changed_share THEN
        UPDATE runnel_internal.stream_table SET max_changed_share = share_wanted WHERE id = altered_id;
    END IF;
    IF status IS NOT NULL THEN
        PERFORM runnel_internal.set_wanted(altered_id, status);
    END IF;
END $$;

CREATE OR REPLACE VIEW runnel.stream_tables WITH (security_barrier) AS
SELECT
    stream_table.id,
    coalesce(pg_namespace.nspname, stream_table.schema_name) AS schema_name,
    coalesce(pg_class.relname, stream_table.table_name) AS table_name,
    stream_table.owner,
    stream_table.status,
    stream_table.refresh_mode,
    stream_table.effective_mode,
    stream_table.full_reason,
    stream_table.schedule,
    stream_table.query,
    frontier.refreshed_at,
    frontier.refresh_rows AS rows_in_last_refresh,
    coalesce(frontier.consecutive_errors, 0) AS consecutive_errors,
    frontier.last_error,
    frontier.last_error_code,
    frontier.last_error_hint,
    frontier.last_error_at,
    frontier.snapshot IS NOT NULL AS populated,
    stream_table.waits_for,
    stream_table.max_changed_share,
    stream_table.approvals > coalesce(frontier.approvals, 0) AS approved
FROM runnel_internal.stream_table
LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
LEFT JOIN pg_class ON pg_class.oid = stream_table.relation
LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE coalesce(pg_has_role(current_user, to_regrole(quote_ident(stream_table.owner))::oid, 'USAGE'), false)
    OR coalesce(has_table_privilege(current_user, stream_table.relation, 'SELECT'), false);

-- Lets the next refresh that succeeds change as much as it has to, and goes on with the stream table at once.
CREATE FUNCTION runnel.approve_refresh(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    approved_id bigint := runnel_internal.owned(name);
    unused boolean;
BEGIN
    PERFORM FROM runnel_internal.stream_table WHERE id = approved_id FOR UPDATE;
    SELECT seen.approved INTO unused
    FROM runnel.stream_tables AS seen
    WHERE seen.id = approved_id AND seen.last_error_code = 'change-too-large';
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('no refresh of stream table %s waits for approval', name),
            DETAIL = 'Only a refresh that was stopped because it would change too much does.',
            HINT = 'See status and last_error in runnel.stream_tables.';
    END IF;
    UPDATE runnel_internal.stream_table
    SET approvals = approvals + CASE WHEN unused THEN 0 ELSE 1 END, wanted = 'ACTIVE',
        version = version + CASE WHEN wanted <> 'ACTIVE' OR status IN ('PAUSED', 'SUSPENDED', 'ERROR') THEN 1 ELSE 0 END,
        refresh_requests = refresh_requests + 1
    WHERE id = approved_id;
    PERFORM pg_catalog.pg_notify('runnel_definition', approved_id::text);
END $$;

GRANT EXECUTE ON FUNCTION
    runnel.create_stream_table(text, text, text, text, boolean, double precision),
    runnel.create_stream_table_if_not_exists(text, text, text, text, boolean, double precision),
    runnel.create_or_replace_stream_table(text, text, text, text, boolean, double precision),
    runnel.alter_stream_table(text, text, text, text, text, double precision),
    runnel.approve_refresh(text),
    runnel_internal.changed_share(double precision)
TO PUBLIC;
