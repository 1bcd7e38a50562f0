-- Reading of managed materialized views: their queries run live, how many changes they are behind, and a list of many views
-- in a short time.

-- ---------------------------------------------------------------------------------------------------------------------
-- Rows computed live
-- ---------------------------------------------------------------------------------------------------------------------

-- Instead of a view's contents its query can be run, as PostgreSQL prints it, with the rights of the view's owner. PostgreSQL
-- keeps functions that a REFRESH calls from taking on another role; SET ROLE would let them give the owner's role back and
-- go on as the service. A function that belongs to the owner and is SECURITY DEFINER does not. There is one for each owner, in
-- a schema that nobody but the service may look into: its owner could otherwise make it SECURITY INVOKER.
CREATE SCHEMA runnel_live;

-- The function that runs statements with the rights of a role; null if there is none.
CREATE FUNCTION runnel_internal.live_reader(role oid) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT proname
    FROM pg_proc
    WHERE pronamespace = 'runnel_live'::regnamespace AND proname = ('read_as_' || role)::name AND proowner = role AND prosecdef
$$;

-- Has the function made for the owner of a view, and tells its name, and the schemas of the operators in the view's query.
-- Empty if the view is gone.
CREATE FUNCTION runnel_internal.prepare_live(wanted_id bigint) RETURNS TABLE (reader name, schemas name[])
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $prepare$
#variable_conflict use_column
DECLARE
    service name := current_user;
    viewed record;
    made text;
BEGIN
    SELECT relation, relowner INTO viewed
    FROM runnel_internal.materialized_view
    JOIN pg_class ON pg_class.oid = relation
    WHERE materialized_view.id = wanted_id;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    reader := runnel_internal.live_reader(viewed.relowner);
    IF reader IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('runnel.prepare_live', 0));
        reader := runnel_internal.live_reader(viewed.relowner);
    END IF;
    IF reader IS NULL THEN
        reader := 'read_as_' || viewed.relowner;
        made := format('runnel_live.%I(text, text[])', reader);
        EXECUTE format('DROP FUNCTION IF EXISTS %s', made);
        EXECUTE format('CREATE FUNCTION runnel_live.%I(statement text, bound text[]) '
            'RETURNS TABLE (line text, keys text[], found bigint) LANGUAGE plpgsql STABLE SECURITY DEFINER '
            'AS ''BEGIN RETURN QUERY EXECUTE statement USING bound; END''', reader);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        IF viewed.relowner <> to_regrole(quote_ident(service)) THEN
            -- Owning a function needs the right to create in its schema, for as long as it takes to be given it.
            EXECUTE format('GRANT CREATE ON SCHEMA runnel_live TO %I', pg_get_userbyid(viewed.relowner));
            EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made, pg_get_userbyid(viewed.relowner));
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', made, service);
            EXECUTE format('REVOKE CREATE ON SCHEMA runnel_live FROM %I', pg_get_userbyid(viewed.relowner));
        END IF;
    END IF;
    schemas := ARRAY(
        SELECT DISTINCT nspname
        FROM runnel_internal.own_operators(viewed.relation) AS used
        JOIN pg_operator ON pg_operator.oid = used
        JOIN pg_namespace ON pg_namespace.oid = oprnamespace
        WHERE nspname <> 'pg_catalog'
        ORDER BY 1);
    RETURN NEXT;
END $prepare$;

-- The operators that stand in the query of a view itself.
CREATE FUNCTION runnel_internal.own_operators(root oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT used[1]::oid
    FROM pg_rewrite
    CROSS JOIN regexp_matches(ev_action::text, ':(?:opno|eqop|sortop) (\d+)', 'g') AS used
    WHERE ev_class = root AND ev_type = '1'
    UNION
    SELECT one::oid
    FROM pg_rewrite
    CROSS JOIN regexp_matches(ev_action::text, ':opnos \(o ([\d ]+)\)', 'g') AS used
    CROSS JOIN regexp_split_to_table(used[1], ' ') AS one
    WHERE ev_class = root AND ev_type = '1'
$$;

-- The query of a view, printed for the search_path of the session; null if the view is not the one, or not the owner's, any
-- more. Some operators are printed without their schema, for instance that of NULLIF: they mean what they meant only if they
-- are found by their name. No search_path of its own, because it is that of the session by which names are printed.
CREATE FUNCTION runnel_internal.live_definition(viewed oid, role name) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    hidden pg_catalog.oid;
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) viewed AND pg_catalog.pg_get_userbyid(relowner) OPERATOR(pg_catalog.=) role
    ) THEN
        RETURN NULL;
    END IF;
    SELECT used INTO hidden
    FROM runnel_internal.own_operators(viewed) AS used
    WHERE NOT pg_catalog.pg_operator_is_visible(used)
    LIMIT 1;
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = pg_catalog.format('the query of materialized view %s cannot be run instead of it', viewed::pg_catalog.regclass),
            DETAIL = pg_catalog.format('Another operator hides %s, which it uses.', hidden::pg_catalog.regoperator),
            HINT = 'Use fallback=stale or fallback=error.';
    END IF;
    RETURN pg_catalog.rtrim(pg_catalog.pg_get_viewdef(viewed), ';');
END $$;

-- Whether a table that a view reads was truncated, rewritten or refreshed after the snapshot of the transaction, which then
-- does not see in it what it ought to. Certain once the tables are locked, as they are by whoever has read them.
CREATE FUNCTION runnel_internal.sources_moved(root oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE read (relation) AS (
        SELECT source FROM runnel_internal.view_sources(root) AS source
        UNION
        SELECT inhrelid FROM read JOIN pg_inherits ON inhparent = read.relation
    )
    SELECT EXISTS (
        SELECT
        FROM read
        JOIN pg_class ON pg_class.oid = read.relation
        WHERE relfilenode <> 0 AND relfilenode IS DISTINCT FROM pg_relation_filenode(pg_class.oid))
$$;

-- Takes away the functions of roles that own no managed view any more.
CREATE FUNCTION runnel_internal.release_live_readers() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    released text;
BEGIN
    FOR released IN
        SELECT pg_proc.oid::regprocedure::text
        FROM pg_proc
        WHERE pronamespace = 'runnel_live'::regnamespace AND NOT EXISTS (
            SELECT
            FROM runnel_internal.materialized_view
            JOIN pg_class ON pg_class.oid = relation
            WHERE relowner = proowner AND proname = ('read_as_' || relowner)::name)
    LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', released);
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Lag in changes
-- ---------------------------------------------------------------------------------------------------------------------

-- How many statements have written to what a view reads, since its frontier; null where that is not known, because the view
-- has no standing, or another one. The triggers that record them tell which transaction wrote, not how many rows; change
-- buffers would, but keep only what stream tables have not applied yet.
CREATE FUNCTION runnel_internal.view_pending(wanted_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ours pg_snapshot := runnel_internal.view_frontier(wanted_id);
    viewed oid;
    known text;
BEGIN
    SELECT relation, standing INTO viewed, known
    FROM runnel_internal.materialized_view
    JOIN runnel_internal.materialized_view_state ON materialized_view_id = id
    WHERE id = wanted_id;
    IF ours IS NULL OR known IS NULL OR known IS DISTINCT FROM runnel_internal.view_standing(viewed) THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT count(*)
        FROM runnel_internal.view_sources(viewed) AS source
        JOIN runnel_internal.touched_source ON relation = source
        JOIN runnel_internal.touch ON source_id = touched_source.id
        WHERE xid >= pg_snapshot_xmin(ours) AND NOT pg_visible_in_snapshot(xid, ours));
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Many views
-- ---------------------------------------------------------------------------------------------------------------------

-- Why a materialized view cannot be refreshed CONCURRENTLY; null if it can. A view, so that a query over many looks at the
-- indexes of each once: a function with settings of its own costs more than what it looks up.
CREATE VIEW runnel_internal.concurrent_obstacle AS
SELECT viewed.oid AS relation, CASE
    WHEN EXISTS (
        SELECT
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = viewed.oid AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL
            AND 0 <> ALL (indkey::smallint[]) AND relam = 403)
    THEN NULL
    ELSE coalesce((
        SELECT format('unique index %I is %s', relname, CASE
            WHEN NOT indisvalid THEN 'not valid'
            WHEN indpred IS NOT NULL THEN 'partial'
            WHEN 0 = ANY (indkey::smallint[]) THEN 'over an expression'
            ELSE 'deferrable or no btree' END)
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = viewed.oid AND indisunique
        ORDER BY relname
        LIMIT 1), 'it has no unique index') COLLATE "default" END AS obstacle
FROM pg_class AS viewed;

CREATE OR REPLACE FUNCTION runnel_internal.why_not_concurrently(root oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT obstacle FROM runnel_internal.concurrent_obstacle WHERE relation = root);
END $$;

-- What may be better. A plain refresh is called cheaper if it was measured at about the present size, took half of the time
-- at most, and would make readers wait for no more than a second; what takes less than 0.1 s is not worth a word.
CREATE OR REPLACE VIEW runnel.materialized_views WITH (security_barrier) AS
SELECT
    managed.id,
    pg_namespace.nspname AS schema_name,
    pg_class.relname AS view_name,
    pg_get_userbyid(pg_class.relowner) AS owner,
    CASE WHEN managed.wanted = 'PAUSED' THEN 'PAUSED' WHEN state.suspended THEN 'SUSPENDED'
        WHEN NOT pg_class.relispopulated THEN 'INITIALIZING' ELSE 'ACTIVE' END AS status,
    managed.schedules,
    managed.time_zone,
    managed.refresh_kind,
    managed.skip_unchanged,
    state.uncertainty AS never_skipped_because,
    managed.adopted,
    pg_get_viewdef(pg_class.oid) AS query,
    pg_class.relispopulated AS populated,
    state.frontier,
    state.refreshed_at,
    state.checked_at,
    state.duration_seconds,
    state.kind,
    state.refreshes,
    state.skipped,
    managed.refresh_requests,
    state.refresh_requests AS answered_requests,
    CASE
        WHEN managed.refresh_kind = 'PLAIN' THEN '{}'
        WHEN why.obstacle IS NOT NULL THEN ARRAY[format(
            'readers wait while it is refreshed, because it cannot be refreshed concurrently: %s', why.obstacle)]
        WHEN state.concurrent_seconds >= 0.1 AND state.plain_seconds < 0.5 * state.concurrent_seconds AND state.plain_seconds <= 1
            AND pg_relation_size(managed.relation) <= 2 * state.plain_bytes + 65536
        THEN ARRAY[format(
            'a concurrent refresh takes %s ms, a plain one took %s ms, for which readers would wait: refresh_kind => ''PLAIN'' is cheaper',
            round(state.concurrent_seconds * 1000), round(state.plain_seconds * 1000))]
        ELSE '{}' END AS warnings,
    state.waits_for,
    state.consecutive_errors,
    state.last_error,
    state.last_error_code,
    state.last_error_hint,
    state.last_error_at,
    managed.created_at
FROM runnel_internal.materialized_view AS managed
JOIN runnel_internal.materialized_view_state AS state ON state.materialized_view_id = managed.id
JOIN pg_class ON pg_class.oid = managed.relation
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
CROSS JOIN LATERAL (
    SELECT (SELECT obstacle FROM runnel_internal.concurrent_obstacle WHERE relation = pg_class.oid)
    OFFSET 0
) AS why (obstacle)
WHERE coalesce(pg_has_role(current_user, pg_class.relowner, 'USAGE'), false)
    OR has_table_privilege(current_user, managed.relation, 'SELECT');

DROP FUNCTION runnel_internal.view_warnings(runnel_internal.materialized_view, runnel_internal.materialized_view_state);

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

-- For why_not_concurrently, which anybody may call.
GRANT SELECT ON runnel_internal.concurrent_obstacle TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.view_pending(bigint),
    runnel_internal.live_reader(oid),
    runnel_internal.prepare_live(bigint),
    runnel_internal.own_operators(oid),
    runnel_internal.live_definition(oid, name),
    runnel_internal.sources_moved(oid),
    runnel_internal.release_live_readers()
FROM PUBLIC;
