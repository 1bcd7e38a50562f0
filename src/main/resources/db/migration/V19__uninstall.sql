-- Taking Runnel out of a database again: every trigger, function, table, view, schema and grant of its own.

-- What is to go before the schemas do, each in a transaction of its own: so that no source is locked for longer than its own
-- triggers take, and so that thousands of read models do not exceed the server's table of locks.
CREATE FUNCTION runnel_internal.installed() RETURNS TABLE (kind text, id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'projection', projection.id FROM runnel_internal.projection WHERE rebuild_of IS NULL
    UNION ALL
    SELECT 'materialized view', materialized_view.id FROM runnel_internal.materialized_view
    UNION ALL
    SELECT 'stream table', stream_table.id FROM runnel_internal.stream_table
    UNION ALL
    SELECT 'trigger', pg_trigger.oid::bigint
    FROM pg_trigger
    JOIN pg_proc ON pg_proc.oid = tgfoid
    JOIN pg_class ON pg_class.oid = tgrelid
    WHERE pronamespace = 'runnel_internal'::regnamespace AND relnamespace <> 'runnel_internal'::regnamespace
        AND relnamespace::regnamespace::text NOT LIKE 'runnel\_shadow\_%' AND tgparentid = 0
        AND NOT EXISTS (SELECT FROM runnel_internal.stream_table WHERE relation = tgrelid)
$$;

-- Takes one of these away. What belongs to somebody else is dropped as its owner; a trigger on a table whose owner the
-- service cannot be goes with its function.
CREATE FUNCTION runnel_internal.uninstall_one(kind text, wanted_id bigint, keep_tables boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '1s' SET client_min_messages = warning AS $$
DECLARE
    found record;
BEGIN
    IF kind = 'projection' THEN
        DELETE FROM runnel_internal.projection WHERE rebuild_of = wanted_id;
        DELETE FROM runnel_internal.projection WHERE id = wanted_id;
    ELSIF kind = 'stream table' THEN
        DELETE FROM runnel_internal.stream_table WHERE id = wanted_id RETURNING relation INTO found;
        IF keep_tables THEN
            PERFORM runnel_internal.as_owner(found.relation, 'DROP TRIGGER IF EXISTS runnel_refuse_write ON %s');
        ELSE
            PERFORM runnel_internal.as_owner(found.relation, 'DROP TABLE %s');
        END IF;
    ELSIF kind = 'materialized view' THEN
        DELETE FROM runnel_internal.materialized_view WHERE id = wanted_id RETURNING relation, adopted INTO found;
        IF NOT keep_tables AND NOT found.adopted THEN
            PERFORM runnel_internal.as_owner(found.relation, 'DROP MATERIALIZED VIEW %s');
        END IF;
    ELSE
        SELECT tgrelid AS relation, tgname, tgfoid::regprocedure AS function INTO found
        FROM pg_trigger
        WHERE oid = wanted_id::oid;
        IF found.function::text LIKE 'runnel_internal.refuse\_%' THEN
            PERFORM runnel_internal.as_owner(found.relation, format('DROP TRIGGER %I ON ', found.tgname) || '%s');
        ELSIF found.function IS NOT NULL THEN
            EXECUTE format('DROP FUNCTION %s CASCADE', found.function);
        END IF;
    END IF;
END $$;

CREATE FUNCTION runnel_internal.as_owner(relation oid, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    role_before text := current_setting('role');
    owner name := (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = relation);
BEGIN
    IF owner IS NOT NULL THEN
        IF NOT pg_has_role(owner, 'USAGE') THEN
            PERFORM set_config('role', owner, true);
        END IF;
        EXECUTE format(statement, (SELECT format('%I.%I', nspname, relname)
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = relation));
        PERFORM set_config('role', role_before, true);
    END IF;
END $$;

-- Refuses while anything of others would be lost with the schemas.
CREATE FUNCTION runnel_internal.check_unused(schemas oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    users text := (
        SELECT string_agg(DISTINCT coalesce(ev_class, adrelid)::regclass::text, ', ')
        FROM pg_depend
        LEFT JOIN pg_rewrite ON classid = 'pg_rewrite'::regclass AND pg_rewrite.oid = objid
        LEFT JOIN pg_attrdef ON classid = 'pg_attrdef'::regclass AND pg_attrdef.oid = objid
        JOIN pg_class AS dependant ON dependant.oid = coalesce(ev_class, adrelid)
        WHERE dependant.relnamespace <> ALL (schemas) AND (
            (refclassid = 'pg_class'::regclass
                AND refobjid IN (SELECT oid FROM pg_class WHERE relnamespace = ANY (schemas)))
            OR (refclassid = 'pg_proc'::regclass
                AND refobjid IN (SELECT oid FROM pg_proc WHERE pronamespace = ANY (schemas)))));
BEGIN
    IF users IS NOT NULL THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = 'what is of your own uses Runnel',
            DETAIL = format('It is used by %s.', users),
            HINT = 'Drop these first, or make them do without schema runnel.';
    END IF;
END $$;

-- No service may work meanwhile, or begin to: until the end of the transaction nobody else can be the one that leads.
CREATE FUNCTION runnel_internal.keep_services_away() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_try_advisory_xact_lock(5395792, 0) THEN
        RAISE object_in_use USING
            MESSAGE = 'a service is running on this database',
            HINT = 'Stop all services, and call again.';
    END IF;
END $$;

-- Removes everything that Runnel has made in this database; the service must be stopped. Tables and materialized views that
-- it has created go too, unless they are to be kept, as plain ones with their last contents, rights and indexes. Tables
-- of others, target tables of projections and event logs among them, always stay. Can be called again when it fails.
CREATE PROCEDURE runnel.uninstall(keep_tables boolean DEFAULT false, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    late_at pg_catalog.timestamptz := pg_catalog.clock_timestamp() + timeout;
    schemas oid[];
    thing record;
    progress boolean;
    remaining boolean;
    code text;
    reason text;
    told text;
    dropped text;
BEGIN
    IF NOT pg_catalog.pg_has_role(runnel_internal.service(), 'USAGE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'only the role of the service can uninstall it',
            HINT = pg_catalog.format('SET ROLE %I, or connect as a superuser.', runnel_internal.service());
    END IF;
    SELECT pg_catalog.array_agg(pg_namespace.oid) INTO schemas
    FROM pg_catalog.pg_namespace
    WHERE nspname IN ('runnel', 'runnel_internal', 'runnel_live', 'runnel_confined') OR nspname LIKE 'runnel\_shadow\_%'
        OR (nspname = 'pgtrickle' AND nspowner = (
            SELECT ours.nspowner FROM pg_catalog.pg_namespace AS ours WHERE ours.nspname = 'runnel_internal')
            AND pg_catalog.to_regprocedure('pgtrickle.create_stream_table(text,text,text,text,boolean)') IS NOT NULL);
    PERFORM runnel_internal.check_unused(schemas);
    LOOP
        progress := false;
        remaining := false;
        FOR thing IN SELECT * FROM runnel_internal.installed() LOOP
            PERFORM runnel_internal.keep_services_away();
            BEGIN
                PERFORM runnel_internal.uninstall_one(thing.kind, thing.id, keep_tables);
                progress := true;
            EXCEPTION WHEN lock_not_available OR deadlock_detected OR dependent_objects_still_exist THEN
                GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, reason = MESSAGE_TEXT, told = PG_EXCEPTION_DETAIL;
                remaining := true;
            END;
            COMMIT;
        END LOOP;
        EXIT WHEN NOT remaining;
        IF NOT progress AND (code = '2BP01' OR pg_catalog.clock_timestamp() > late_at) THEN
            RAISE EXCEPTION USING
                ERRCODE = code,
                MESSAGE = 'Runnel is not uninstalled yet: ' || reason,
                DETAIL = told,
                HINT = CASE WHEN code = '2BP01' THEN 'Drop what depends on it, or use keep_tables => true.'
                    ELSE 'End what holds the lock, and call again.' END;
        END IF;
    END LOOP;
    PERFORM runnel_internal.keep_services_away();
    PERFORM pg_catalog.set_config('lock_timeout', '5s', true);
    PERFORM pg_catalog.set_config('client_min_messages', 'warning', true);
    FOR dropped IN SELECT nspname FROM pg_catalog.pg_namespace WHERE pg_namespace.oid = ANY (schemas) LOOP
        EXECUTE pg_catalog.format('DROP SCHEMA %I CASCADE', dropped);
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION
    runnel_internal.installed(),
    runnel_internal.uninstall_one(text, bigint, boolean),
    runnel_internal.as_owner(oid, text),
    runnel_internal.check_unused(oid[]),
    runnel_internal.keep_services_away()
FROM PUBLIC;
