-- Work with the rights of owners of read models, which nothing in that work can give back.

-- ---------------------------------------------------------------------------------------------------------------------
-- Functions of owners
-- ---------------------------------------------------------------------------------------------------------------------

-- A query, an expression, a trigger or a policy of an owner's may call functions of the owner's. After SET ROLE they could give
-- the owner's role back and go on as the service. PostgreSQL lets no role be set within a SECURITY DEFINER function, so whatever
-- may call functions of an owner's is run by one that belongs to the owner. There are two for each owner, in a schema that nobody
-- but the service may look into: their owner could otherwise make them SECURITY INVOKER.
CREATE SCHEMA runnel_confined;

CREATE FUNCTION runnel_internal.confined(role oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) = 2
    FROM pg_proc
    WHERE pronamespace = 'runnel_confined'::regnamespace AND proname IN ('query_as_' || role, 'execute_as_' || role)
        AND proowner = role AND prosecdef
$$;

-- Has the functions made by which statements run with the rights of a role, and returns the number that ends their names.
--
-- query_as_N runs one statement and returns its rows; execute_as_N runs several. What they set for themselves alone ends with
-- them, because search_path is a setting of theirs.
CREATE FUNCTION runnel_internal.confine(wanted name) RETURNS oid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $confine$
DECLARE
    service name := current_user;
    role oid := quote_ident(wanted)::regrole;
    made text;
BEGIN
    IF runnel_internal.confined(role) THEN
        RETURN role;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('runnel.confine', 0));
    IF runnel_internal.confined(role) THEN
        RETURN role;
    END IF;
    EXECUTE format('DROP FUNCTION IF EXISTS runnel_confined.%I, runnel_confined.%I', 'query_as_' || role, 'execute_as_' || role);
    EXECUTE format('CREATE FUNCTION runnel_confined.%I(path text, statement text, bound text[]) RETURNS SETOF record '
        'LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
        '''BEGIN PERFORM set_config(''''search_path'''', path, true); RETURN QUERY EXECUTE statement USING bound; END''',
        'query_as_' || role);
    EXECUTE format('CREATE FUNCTION runnel_confined.%I(path text, script text) RETURNS void '
        'LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS '
        '''BEGIN PERFORM set_config(''''search_path'''', path, true); EXECUTE script; END''',
        'execute_as_' || role);
    FOREACH made IN ARRAY ARRAY[
        format('runnel_confined.%I(text, text, text[])', 'query_as_' || role), format('runnel_confined.%I(text, text)', 'execute_as_' || role)]
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        IF wanted <> service THEN
            -- Owning a function needs the right to create in its schema, for as long as it takes to be given it.
            EXECUTE format('GRANT CREATE ON SCHEMA runnel_confined TO %I', wanted);
            EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made, wanted);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', made, service);
            EXECUTE format('REVOKE CREATE ON SCHEMA runnel_confined FROM %I', wanted);
        END IF;
    END LOOP;
    RETURN role;
END $confine$;

-- Takes away the functions of roles that own no read model any more, so that the roles can be dropped.
CREATE FUNCTION runnel_internal.release_confined() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    released text;
BEGIN
    FOR released IN
        SELECT pg_proc.oid::regprocedure::text
        FROM pg_proc
        WHERE pronamespace = 'runnel_confined'::regnamespace
            AND substring(proname FROM '[0-9]+$')::oid IS DISTINCT FROM to_regrole(quote_ident(current_user))
            AND NOT EXISTS (
                SELECT
                FROM (
                    SELECT relation FROM runnel_internal.stream_table
                    UNION ALL SELECT relation FROM runnel_internal.materialized_view
                    UNION ALL SELECT unnest(targets) FROM runnel_internal.projection
                ) AS model
                JOIN pg_class ON pg_class.oid = model.relation
                WHERE relowner = proowner AND proname IN ('query_as_' || relowner, 'execute_as_' || relowner))
    LOOP
        EXECUTE format('DROP FUNCTION IF EXISTS %s', released);
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What such work may leave behind
-- ---------------------------------------------------------------------------------------------------------------------

-- Which statements a session has prepared by SQL, and when: those that the service has prepared, unless a function has replaced
-- one. What is prepared again is prepared by a later message.
CREATE FUNCTION runnel_internal.prepared() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(md5(string_agg(name || ' ' || extract(epoch FROM prepare_time), ',' ORDER BY name)), '')
    FROM pg_prepared_statements
    WHERE from_sql
$$;

-- Fails if work with the rights of an owner has left something behind in the session that would be run later with the rights of
-- the service: a cursor WITH HOLD, which is filled at the end of the transaction; a prepared statement under the name of one of
-- the service's; before PostgreSQL 18 a deferred trigger.
CREATE FUNCTION runnel_internal.check_confined(expected text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    trace text;
BEGIN
    SELECT format('cursor %I WITH HOLD', name) INTO trace FROM pg_cursors WHERE is_holdable LIMIT 1;
    IF trace IS NULL AND runnel_internal.prepared() <> expected THEN
        trace := 'a prepared statement';
    END IF;
    IF trace IS NULL AND current_setting('server_version_num')::integer < 180000 THEN
        SELECT format('deferrable trigger %I on table %s', tgname, tgrelid::regclass) INTO trace
        FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgdeferrable AND NOT (pronamespace = 'pg_catalog'::regnamespace AND proname LIKE 'RI\_FKey\_%')
            AND pg_stat_get_xact_tuples_inserted(tgrelid) + pg_stat_get_xact_tuples_updated(tgrelid)
                + pg_stat_get_xact_tuples_deleted(tgrelid) > 0
        LIMIT 1;
    END IF;
    IF trace IS NOT NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('a function or trigger that was run with the owner''s rights has left %s behind in the session', trace),
            DETAIL = 'It would go on with the rights of the service.',
            HINT = 'Functions that the query, the table''s triggers, policies or constraints call must not declare cursors WITH HOLD '
                'or prepare statements; before PostgreSQL 18 their triggers and constraints must not be DEFERRABLE.';
    END IF;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Live rows of materialized views
-- ---------------------------------------------------------------------------------------------------------------------

DROP FUNCTION runnel_internal.release_live_readers();
DROP FUNCTION runnel_internal.prepare_live(bigint);
DROP FUNCTION runnel_internal.live_reader(oid);
DROP SCHEMA runnel_live CASCADE;

-- The schemas of the operators in a view's query. Empty if the view is gone.
CREATE FUNCTION runnel_internal.live_schemas(wanted_id bigint) RETURNS TABLE (schemas name[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT DISTINCT nspname
        FROM runnel_internal.own_operators(relation) AS used
        JOIN pg_operator ON pg_operator.oid = used
        JOIN pg_namespace ON pg_namespace.oid = oprnamespace
        WHERE nspname <> 'pg_catalog'
        ORDER BY 1)
    FROM runnel_internal.materialized_view
    JOIN pg_class ON pg_class.oid = relation
    WHERE materialized_view.id = wanted_id
$$;

-- As the function of two arguments, printed for a search path, not for that of the session.
CREATE FUNCTION runnel_internal.live_definition(viewed oid, role name, path text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('search_path', path, true);
    RETURN runnel_internal.live_definition(viewed, role);
END $$;

REVOKE EXECUTE ON FUNCTION
    runnel_internal.confined(oid),
    runnel_internal.confine(name),
    runnel_internal.release_confined(),
    runnel_internal.prepared(),
    runnel_internal.check_confined(text),
    runnel_internal.live_schemas(bigint),
    runnel_internal.live_definition(oid, name, text)
FROM PUBLIC;
