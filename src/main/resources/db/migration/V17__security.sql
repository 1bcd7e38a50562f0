-- What callers over HTTP may do, asked of PostgreSQL for the role that they are mapped to; and who changed which definition.

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights of callers
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION runnel_internal.role_is(asking name, owner_known name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(pg_has_role(asking, to_regrole(quote_ident(owner_known))::oid, 'USAGE'), false)
$$;

-- The read models that a role may read: those it owns, and those of whose tables it may read one.
CREATE FUNCTION runnel_internal.readable_models(asking name) RETURNS TABLE (kind text, id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'STREAM_TABLE', stream_table.id
    FROM runnel_internal.stream_table
    WHERE runnel_internal.may_read(asking, relation, owner)
    UNION ALL
    SELECT 'PROJECTION', projection.id
    FROM runnel_internal.projection
    WHERE runnel_internal.role_is(asking, owner)
        OR EXISTS (SELECT FROM unnest(targets) AS target WHERE coalesce(has_table_privilege(asking, target, 'SELECT'), false))
    UNION ALL
    SELECT 'MATERIALIZED_VIEW', materialized_view.id
    FROM runnel_internal.materialized_view
    WHERE runnel_internal.may_read(asking, relation, owner)
$$;

CREATE FUNCTION runnel_internal.role_may_read(asking name, wanted_kind text, wanted_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN EXISTS (
            SELECT FROM runnel_internal.stream_table
            WHERE id = wanted_id AND runnel_internal.may_read(asking, relation, owner))
        WHEN 'PROJECTION' THEN EXISTS (
            SELECT FROM runnel_internal.projection
            WHERE id = wanted_id AND (
                runnel_internal.role_is(asking, owner)
                OR EXISTS (
                    SELECT FROM unnest(targets) AS target
                    WHERE coalesce(has_table_privilege(asking, target, 'SELECT'), false))))
        WHEN 'MATERIALIZED_VIEW' THEN EXISTS (
            SELECT FROM runnel_internal.materialized_view
            WHERE id = wanted_id AND runnel_internal.may_read(asking, relation, owner))
        ELSE false END
$$;

-- Whether a role may do what the owner of a stream table may.
CREATE FUNCTION runnel_internal.role_may_act(asking name, wanted_kind text, wanted_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT wanted_kind = 'STREAM_TABLE' AND EXISTS (
        SELECT FROM runnel_internal.stream_table WHERE id = wanted_id AND runnel_internal.role_is(asking, owner))
$$;

-- Whether a role may see all that the query of a table returns, which the service runs with the rights of the owner: because
-- it may read the whole table, and no policy hides rows of it.
CREATE FUNCTION runnel_internal.role_may_compute(asking name, wanted oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT
        FROM pg_class
        WHERE oid = wanted AND (
            pg_has_role(asking, relowner, 'USAGE')
            OR (has_table_privilege(asking, oid, 'SELECT') AND has_schema_privilege(asking, relnamespace, 'USAGE')
                AND NOT relrowsecurity)))
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Audit log
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE runnel_internal.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    action text NOT NULL CHECK (action IN ('CREATE', 'ALTER', 'DROP')),
    kind text NOT NULL,
    name text NOT NULL,
    owner name,
    -- As whom the change was made, and as whom its session had logged in.
    role name NOT NULL,
    session_role name NOT NULL,
    -- Who asked the service over HTTP; null for a change by SQL.
    caller text,
    transaction_id xid8 NOT NULL DEFAULT pg_current_xact_id(),
    before jsonb,
    after jsonb
);
CREATE INDEX ON runnel_internal.audit_log (changed_at);

-- The part of a catalog row that somebody has defined, with names in place of the numbers of relations.
CREATE FUNCTION runnel_internal.audited_definition(stored jsonb, columns text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_object_agg(key, CASE
        WHEN key = 'relation' THEN to_jsonb((value #>> '{}')::oid::regclass::text)
        WHEN key = 'targets' THEN (
            SELECT coalesce(jsonb_agg(target::oid::regclass::text), '[]') FROM jsonb_array_elements_text(value) AS target)
        ELSE value END)
    FROM jsonb_each(stored)
    WHERE key = ANY (columns)
$$;

-- Only a session of the service can say for whom it acts; anybody may write into a setting.
CREATE FUNCTION runnel_internal.audited_caller() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN session_user = runnel_internal.service() THEN nullif(current_setting('runnel.caller', true), '') END
$$;

-- Records what changed, in the transaction of the change. The arguments are the kind and the columns that define it.
CREATE FUNCTION runnel_internal.audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stored jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    before jsonb;
    after jsonb;
BEGIN
    -- What is built beside a projection is no definition of its own.
    IF stored ->> 'rebuild_of' IS NOT NULL THEN
        RETURN NULL;
    END IF;
    before := CASE WHEN TG_OP <> 'INSERT' THEN runnel_internal.audited_definition(to_jsonb(OLD), TG_ARGV[1]::text[]) END;
    after := CASE WHEN TG_OP <> 'DELETE' THEN runnel_internal.audited_definition(to_jsonb(NEW), TG_ARGV[1]::text[]) END;
    IF before IS DISTINCT FROM after THEN
        INSERT INTO runnel_internal.audit_log (action, kind, name, owner, role, session_role, caller, before, after)
        VALUES (
            CASE TG_OP WHEN 'INSERT' THEN 'CREATE' WHEN 'UPDATE' THEN 'ALTER' ELSE 'DROP' END,
            TG_ARGV[0],
            coalesce(
                stored ->> 'name',
                CASE WHEN stored ? 'schema_name'
                    THEN format('%I.%I', stored ->> 'schema_name', coalesce(stored ->> 'table_name', stored ->> 'view_name'))
                END,
                coalesce(after, before) ->> 'relation'),
            coalesce(
                stored ->> 'owner',
                (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = (stored ->> 'relation')::oid)),
            runnel_internal.caller(), session_user, runnel_internal.audited_caller(), before, after);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER audit
    AFTER INSERT OR DELETE OR UPDATE OF schema_name, table_name, owner, query, search_path, time_zone, schedule,
        refresh_mode, wanted
    ON runnel_internal.stream_table
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.audit('STREAM_TABLE',
        '{schema_name,table_name,owner,query,search_path,time_zone,schedule,refresh_mode,initialize,wanted}');

CREATE TRIGGER audit
    AFTER INSERT OR DELETE OR UPDATE ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.audit('PROJECTION',
        '{name,owner,relation,position_column,type_column,entity_column,time_column,handlers,ignored_types,targets,mode,schedule,batch_size,failure_policy,attempts_max,start_from,search_path,time_zone,wanted,schedule_time_zone,workers}');

CREATE TRIGGER audit
    AFTER INSERT OR DELETE OR UPDATE ON runnel_internal.materialized_view
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.audit('MATERIALIZED_VIEW',
        '{schema_name,view_name,owner,adopted,schedules,time_zone,search_path,refresh_kind,skip_unchanged,wanted}');

CREATE TRIGGER audit
    AFTER INSERT OR DELETE OR UPDATE ON runnel_internal.declared_log
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.audit('EVENT_LOG', '{relation,position_column,created}');

-- What is about read models of one's own roles; the service sees everything.
CREATE VIEW runnel.audit_log WITH (security_barrier) AS
SELECT id, changed_at, action, kind, name, owner, role, session_role, caller, transaction_id, before, after
FROM runnel_internal.audit_log
WHERE runnel_internal.role_is(current_user, owner)
    OR runnel_internal.role_is(current_user, runnel_internal.service());

-- Deletes what is older, or more, than is kept; returns how many entries.
CREATE FUNCTION runnel_internal.prune_audit_log(keep interval, rows_max bigint) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH pruned AS (
        DELETE FROM runnel_internal.audit_log
        WHERE changed_at < clock_timestamp() - keep
            OR id <= (SELECT id FROM runnel_internal.audit_log ORDER BY id DESC OFFSET rows_max LIMIT 1)
        RETURNING id
    )
    SELECT count(*) FROM pruned
$$;

GRANT SELECT ON runnel.audit_log TO PUBLIC;
-- The view asks with the rights of whoever reads it.
GRANT EXECUTE ON FUNCTION runnel_internal.role_is(name, name), runnel_internal.service() TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.readable_models(name),
    runnel_internal.role_may_read(name, text, bigint),
    runnel_internal.role_may_act(name, text, bigint),
    runnel_internal.role_may_compute(name, oid),
    runnel_internal.audited_definition(jsonb, text[]),
    runnel_internal.audited_caller(),
    runnel_internal.audit(),
    runnel_internal.prune_audit_log(interval, bigint)
FROM PUBLIC;
