-- Freshness of all kinds of read models: whether one includes a snapshot, how far behind it is, and waiting for it.
--
-- A read model is named by its kind and id. What differs between kinds is a branch in model_reads, model_written,
-- model_reflects, model_frontier, own_lag, urge_model, refuse_model_obstacle, check_model_readable, model_readable,
-- model_title, raise_model_timeout, located_model and the view runnel.read_models; the rest knows nothing about kinds, save
-- that a stream table looks after those that it reads.
--
-- When a projection includes a snapshot S. Let C be its checkpoint, F its frontier, L its late positions, all read at one
-- snapshot N that sees everything S sees. An event that S sees was added by a transaction X and stands at a position p:
--
-- * p > C: it was not handled, because none beyond the checkpoint is.
-- * p <= C and F sees X: it was handled, or is in L, or is a dead letter (the invariant of projections, see there).
-- * p <= C and F does not see X: it was not handled. The log's trigger has recorded X and p, and that record is still
--   there, because only what every frontier sees is pruned.
--
-- So S is included exactly when none that S sees is beyond C, in L, or recorded at p <= C by a transaction that S sees and
-- F does not. Dead letters do not count: waiting would not help. Which events of L or beyond C are not seen by S is known
-- by the same records, which are kept until the events are handled; an event without a record is older than the recording,
-- or was passed before a rebuild, and is taken for seen. That errs on one side only: such an event is waited for.
--
-- That the frontier sees all that S sees is not asked for. A batch that finds nothing leaves no trace, so an idle projection
-- has an old frontier, and nothing is beyond its checkpoint: it answers at once. While writers go on, S is fixed, so those
-- that wait for it do not wait for what comes later.
--
-- When a materialized view includes a snapshot S. Its contents are the result as of its frontier F, or as of any later
-- snapshot up to now if nothing but the contents of its sources decides the result and no transaction that wrote to them is
-- seen by that snapshot and not by F; see the materialized views for how both are known. So S is included when F sees all that
-- S sees, or when the standing is what it was at F and no recorded transaction is seen by S and not by F. Who refreshes the
-- view by hand may do so from any snapshot, an old one too. That writes the view's row in pg_class anew, whose xmin is kept
-- with the frontier: while it is another one, it is not known what the contents include. GRANT and the like look the same,
-- and err on the safe side until the next refresh.
--
-- Read models that stand on others. When the lower one was found to include S at a snapshot N, its tables as of N show S,
-- and the upper one is asked for N instead. Stream tables that read stream tables do this for themselves, see reflects.

ALTER TABLE runnel_internal.projection_state ADD COLUMN frontier_at timestamptz NOT NULL DEFAULT now();
UPDATE runnel_internal.projection_state SET frontier_at = created_at FROM runnel_internal.projection WHERE id = projection_id;

-- No later than the frontier's snapshot, if that is the one of this very transaction, which began before. Who stores another
-- frontier says how old that is; otherwise nothing is known but that the projection is older.
CREATE FUNCTION runnel_internal.date_frontier() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.frontier_at := CASE WHEN NEW.frontier::text = pg_current_snapshot()::text THEN now()
        ELSE (SELECT created_at FROM runnel_internal.projection WHERE id = NEW.projection_id) END;
    RETURN NEW;
END $$;

CREATE TRIGGER date_frontier
    BEFORE UPDATE OF frontier ON runnel_internal.projection_state
    FOR EACH ROW WHEN (NEW.frontier::text <> OLD.frontier::text AND NEW.frontier_at = OLD.frontier_at) EXECUTE FUNCTION runnel_internal.date_frontier();

-- ---------------------------------------------------------------------------------------------------------------------
-- The graph
-- ---------------------------------------------------------------------------------------------------------------------

-- What a read model reads. A function, because what a materialized view reads is found in its stored query, which would be
-- looked at for all of them if this was a view.
CREATE FUNCTION runnel_internal.model_reads(wanted_kind text, wanted_id bigint) RETURNS TABLE (relation oid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF wanted_kind = 'STREAM_TABLE' THEN
        RETURN QUERY SELECT relation FROM runnel_internal.dependency WHERE stream_table_id = wanted_id;
    ELSIF wanted_kind = 'PROJECTION' THEN
        RETURN QUERY SELECT relation FROM runnel_internal.projection WHERE id = wanted_id;
    ELSIF wanted_kind = 'MATERIALIZED_VIEW' THEN
        RETURN QUERY
        SELECT source
        FROM runnel_internal.materialized_view
        CROSS JOIN LATERAL runnel_internal.view_sources(relation) AS source
        WHERE id = wanted_id;
    END IF;
END $$;

-- With whose rights and in whose time zone the table is read, and the view that has the rows as they ought to be now. What a
-- projection is rebuilt in is nobody's read model.
CREATE VIEW runnel_internal.model_written AS
SELECT 'STREAM_TABLE' AS kind, id, relation, owner, time_zone, search_path, definition_view FROM runnel_internal.stream_table
UNION ALL
SELECT 'PROJECTION', id, unnest(targets), owner, time_zone, '', NULL
FROM runnel_internal.projection
WHERE rebuild_of IS NULL
UNION ALL
SELECT 'MATERIALIZED_VIEW', id, relation, owner, time_zone, search_path, NULL FROM runnel_internal.materialized_view;

-- What a read model stands on, itself included at depth 0. A projection may write to the log of one that it stands on, so
-- the depth is limited; a chain of more than 64 read models is not followed to its end.
CREATE FUNCTION runnel_internal.involved(wanted_kind text, wanted_id bigint)
RETURNS TABLE (kind text, id bigint, depth integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE walked (kind, id, depth) AS (
        SELECT wanted_kind, wanted_id, 0
        UNION
        SELECT upstream.kind, upstream.id, walked.depth + 1
        FROM walked
        CROSS JOIN LATERAL runnel_internal.model_reads(walked.kind, walked.id) AS reading
        JOIN runnel_internal.model_written AS upstream ON upstream.relation = reading.relation
        WHERE walked.depth < 64 AND (upstream.kind, upstream.id) IS DISTINCT FROM (walked.kind, walked.id)
    )
    SELECT walked.kind, walked.id, max(walked.depth) FROM walked GROUP BY 1, 2
$$;

-- Those of which each must include what the ones before it show, lowest first, the read model itself last. A stream table
-- that only stream tables read is looked after by these.
CREATE FUNCTION runnel_internal.stages(wanted_kind text, wanted_id bigint) RETURNS TABLE (kind text, id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH walked AS MATERIALIZED (SELECT * FROM runnel_internal.involved(wanted_kind, wanted_id))
    SELECT walked.kind, walked.id
    FROM walked
    WHERE walked.kind <> 'STREAM_TABLE' OR (walked.kind, walked.id) = (wanted_kind, wanted_id) OR EXISTS (
        SELECT
        FROM runnel_internal.stream_table
        CROSS JOIN walked AS reader
        CROSS JOIN LATERAL runnel_internal.model_reads(reader.kind, reader.id) AS reading
        WHERE stream_table.id = walked.id AND reader.kind <> 'STREAM_TABLE' AND reading.relation = stream_table.relation)
    ORDER BY (walked.kind, walked.id) = (wanted_kind, wanted_id), walked.depth DESC, walked.kind, walked.id
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Projections
-- ---------------------------------------------------------------------------------------------------------------------

-- Why nothing that is appended from now on will be handled before somebody acts; null for nothing.
CREATE FUNCTION runnel_internal.projection_obstacle(wanted_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    broken jsonb;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id;
    IF state.projection_id IS NULL THEN
        RETURN '{"state": "DROPPED"}';
    ELSIF projection.wanted <> 'ACTIVE' THEN
        RETURN jsonb_build_object('state', projection.wanted);
    ELSIF state.suspended THEN
        RETURN jsonb_build_object('state', 'SUSPENDED', 'message', state.last_error, 'hint', state.last_error_hint);
    END IF;
    broken := runnel_internal.broken(projection, state);
    IF broken IS NULL AND projection.log_id IS NULL AND NOT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = projection.relation AND tgname = 'runnel_project_' || wanted_id AND tgenabled IN ('O', 'A'))
    THEN
        broken := jsonb_build_object('message', 'its trigger on the event log was dropped or disabled',
            'hint', 'Use runnel.pause_projection and runnel.resume_projection to have it made again.');
    END IF;
    RETURN jsonb_build_object('state', 'broken') || broken;
END $$;

-- Whether the targets show every event that the snapshot sees, dead letters apart; see the head of this file.
CREATE FUNCTION runnel_internal.projection_reflects(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    missing boolean;
    beyond int8multirange := '{}';
    later int8multirange;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id;
    IF state.projection_id IS NULL OR runnel_internal.broken(projection, state) IS NOT NULL THEN
        RETURN false;
    ELSIF projection.log_id IS NULL THEN
        RETURN runnel_internal.projection_obstacle(wanted_id) IS NULL;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($1) '
            'AND NOT pg_visible_in_snapshot(xid, $1) AND pg_visible_in_snapshot(xid, $2) '
            'AND (positions IS NULL OR lower(positions) <= $3))',
        'appended_' || projection.log_id)
    INTO missing
    USING state.frontier, awaited, state.checkpoint;
    IF missing THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I > $1)', projection.relation::regclass, projection.position_column)
    INTO missing
    USING coalesce(state.checkpoint, -9223372036854775808);
    IF NOT missing AND isempty(state.late) THEN
        RETURN true;
    END IF;
    IF missing THEN
        beyond := int8multirange(int8range(coalesce(state.checkpoint, -9223372036854775808), NULL, '()'));
    END IF;
    EXECUTE format('SELECT range_agg(positions) FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($1) '
            'AND NOT pg_visible_in_snapshot(xid, $1)',
        'appended_' || projection.log_id)
    INTO later
    USING awaited;
    later := coalesce(later, '{}');
    IF NOT isempty(state.late - later) THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM unnest($1) AS piece WHERE EXISTS (SELECT FROM %s AS event WHERE event.%I '
            'BETWEEN lower(piece) AND coalesce(upper(piece) - 1, 9223372036854775807)))',
        projection.relation::regclass, projection.position_column)
    INTO missing
    USING beyond - later;
    RETURN NOT missing;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    -- The next batch fails in the same way, and says so.
    RETURN false;
END $$;

-- How long events have been waiting, without what the log itself may lack; null where that is not known. Two bounds, of
-- which the lower one holds: what was committed before the frontier was taken, if all of that is handled; and what the time
-- column says about the first 100 events that are missing.
CREATE FUNCTION runnel_internal.projection_lag(wanted_id bigint) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    arrived int8multirange;
    since timestamptz;
    first_at timestamptz;
BEGIN
    IF runnel_internal.projection_reflects(wanted_id, pg_current_snapshot()) THEN
        RETURN 0;
    END IF;
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id;
    IF state.projection_id IS NULL OR projection.log_id IS NULL OR runnel_internal.broken(projection, state) IS NOT NULL THEN
        RETURN NULL;
    ELSIF runnel_internal.projection_reflects(wanted_id, state.frontier) THEN
        since := state.frontier_at;
    END IF;
    IF projection.time_column IS NOT NULL THEN
        EXECUTE format('SELECT range_agg(positions) FROM runnel_internal.%I '
                'WHERE xid >= pg_snapshot_xmin($1) AND NOT pg_visible_in_snapshot(xid, $1) AND lower(positions) <= $2',
            'appended_' || projection.log_id)
        INTO arrived
        USING state.frontier, state.checkpoint;
        arrived := state.late
            + coalesce(arrived * int8multirange(int8range(NULL, state.checkpoint, '(]')), '{}');
        EXECUTE format('SELECT min(missing.at) FROM ('
                '(SELECT %1$s AS at FROM %2$s AS event WHERE event.%3$I > $1 ORDER BY event.%3$I LIMIT 100) UNION ALL '
                '(SELECT %1$s FROM unnest($2) AS piece JOIN %2$s AS event ON event.%3$I >= lower(piece) AND event.%3$I < upper(piece) '
                'ORDER BY event.%3$I LIMIT 100)) AS missing WHERE isfinite(missing.at)',
            CASE WHEN (
                    SELECT atttypid FROM pg_attribute
                    WHERE attrelid = projection.relation AND attname = projection.time_column) = 'timestamptz'::regtype
                THEN format('event.%I', projection.time_column)
                ELSE format('(event.%I::timestamp AT TIME ZONE %L)', projection.time_column, projection.time_zone) END,
            projection.relation::regclass, projection.position_column)
        INTO first_at
        USING coalesce(state.checkpoint, -9223372036854775808), arrived;
    END IF;
    -- An event from the future is no older than one that is as old as the frontier.
    since := greatest(since, CASE WHEN first_at <= clock_timestamp() THEN first_at END);
    RETURN CASE WHEN since IS NOT NULL THEN greatest(extract(epoch FROM clock_timestamp() - since), 0) END;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    RETURN NULL;
END $$;

-- Lets the service look at a projection before its time has come. One that is woken up by its log needs no call, and one
-- that fails is tried again in its own time.
CREATE FUNCTION runnel_internal.urge_projection(wanted_id bigint, look integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('runnel_projection', wanted_id::text)
    FROM runnel_internal.projection
    JOIN runnel_internal.projection_state ON projection_id = id
    WHERE id = wanted_id AND schedule <> 'on-change' AND consecutive_errors = 0 AND look % 20 = 0
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Materialized views
-- ---------------------------------------------------------------------------------------------------------------------

-- The xmin of the view's row in pg_class after the last refresh by Runnel.
ALTER TABLE runnel_internal.materialized_view_state ADD COLUMN written_xmin text;

CREATE FUNCTION runnel_internal.mark_contents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT pg_class.xmin::text INTO NEW.written_xmin
    FROM runnel_internal.materialized_view
    JOIN pg_class ON pg_class.oid = relation
    WHERE id = NEW.materialized_view_id;
    RETURN NEW;
END $$;

CREATE TRIGGER mark_contents
    BEFORE UPDATE OF refreshes ON runnel_internal.materialized_view_state
    FOR EACH ROW WHEN (NEW.refreshes <> OLD.refreshes) EXECUTE FUNCTION runnel_internal.mark_contents();

-- The snapshot of which the contents are the result; null if that is not known.
CREATE FUNCTION runnel_internal.view_frontier(wanted_id bigint) RETURNS pg_snapshot
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT frontier
    FROM runnel_internal.materialized_view_state
    JOIN runnel_internal.materialized_view ON id = materialized_view_id
    JOIN pg_class ON pg_class.oid = relation
    WHERE id = wanted_id AND relispopulated AND origin = runnel_internal.origin() AND written_xmin = pg_class.xmin::text
$$;

-- Whether it is proven that the result as of the snapshot is that as of the frontier.
CREATE FUNCTION runnel_internal.view_unchanged(wanted_id bigint, frontier pg_snapshot, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    viewed oid;
    known text;
BEGIN
    SELECT relation, standing INTO viewed, known
    FROM runnel_internal.materialized_view
    JOIN runnel_internal.materialized_view_state ON materialized_view_id = id
    WHERE id = wanted_id;
    IF known IS NULL THEN
        RETURN false;
    END IF;
    RETURN NOT EXISTS (
            SELECT
            FROM runnel_internal.view_sources(viewed) AS source
            JOIN runnel_internal.touched_source ON relation = source
            JOIN runnel_internal.touch ON source_id = touched_source.id
            WHERE xid >= pg_snapshot_xmin(view_unchanged.frontier) AND xid < pg_snapshot_xmax(awaited)
                AND NOT pg_visible_in_snapshot(xid, view_unchanged.frontier) AND pg_visible_in_snapshot(xid, awaited))
        AND known = coalesce(runnel_internal.view_standing(viewed), '');
END $$;

-- Whether the contents include the snapshot; see the head of this file.
CREATE FUNCTION runnel_internal.view_reflects(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ours pg_snapshot := runnel_internal.view_frontier(wanted_id);
BEGIN
    RETURN ours IS NOT NULL
        AND (runnel_internal.covers(ours, awaited) OR runnel_internal.view_unchanged(wanted_id, ours, awaited));
END $$;

-- Zero if nothing is missing; otherwise the time since the contents were last known to be right. That a frontier covers
-- everything does not suffice: the time, and what is not in this database, may change the result.
CREATE FUNCTION runnel_internal.view_lag(wanted_id bigint) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ours pg_snapshot := runnel_internal.view_frontier(wanted_id);
BEGIN
    RETURN CASE
        WHEN ours IS NULL THEN NULL
        WHEN runnel_internal.view_unchanged(wanted_id, ours, pg_current_snapshot()) THEN 0
        ELSE (
            SELECT greatest(extract(epoch FROM clock_timestamp() - checked_at), 0)
            FROM runnel_internal.materialized_view_state
            WHERE materialized_view_id = wanted_id) END;
END $$;

-- Asks for a refresh, unless one was asked for and is not answered yet; that includes one that fails and is tried again.
CREATE FUNCTION runnel_internal.urge_view(wanted_id bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.materialized_view AS urged
    SET refresh_requests = urged.refresh_requests + 1
    FROM runnel_internal.materialized_view_state AS state
    WHERE urged.id = wanted_id AND state.materialized_view_id = wanted_id
        AND state.refresh_requests >= urged.refresh_requests
$$;

-- Why it is not refreshed before somebody acts; null for nothing.
CREATE FUNCTION runnel_internal.view_obstacle(wanted_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    managed runnel_internal.materialized_view;
    state runnel_internal.materialized_view_state;
BEGIN
    SELECT * INTO managed FROM runnel_internal.materialized_view WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.materialized_view_state WHERE materialized_view_id = wanted_id;
    RETURN CASE
        WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = managed.relation) THEN '{"state": "DROPPED"}'
        WHEN managed.wanted <> 'ACTIVE' THEN jsonb_build_object('state', managed.wanted)
        WHEN state.suspended THEN
            jsonb_build_object('state', 'SUSPENDED', 'message', state.last_error, 'hint', state.last_error_hint) END;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- All kinds
-- ---------------------------------------------------------------------------------------------------------------------

-- The managed view that a name means, in the search_path of the caller; null for none.
CREATE FUNCTION runnel_internal.located_view(given text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
    RETURN runnel_internal.materialized_view_id(pg_catalog.to_regclass(given));
EXCEPTION WHEN syntax_error OR invalid_name OR feature_not_supported THEN
    RETURN NULL;
END $$;

-- The read model that a name means: a stream table by its table or a materialized view, in the search_path of the caller;
-- otherwise a projection.
CREATE FUNCTION runnel_internal.located_model(given text, OUT kind text, OUT id bigint)
LANGUAGE plpgsql AS $$
BEGIN
    id := runnel_internal.located(given);
    kind := 'STREAM_TABLE';
EXCEPTION WHEN undefined_table OR invalid_name THEN
    id := runnel_internal.located_view(given);
    IF id IS NOT NULL THEN
        kind := 'MATERIALIZED_VIEW';
        RETURN;
    END IF;
    id := runnel_internal.projection_id(given);
    kind := 'PROJECTION';
    IF id IS NULL AND SQLSTATE = '42P01' THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('read model %s does not exist', pg_catalog.quote_literal(given)),
            HINT = 'The view runnel.read_models lists the read models that you may see.';
    ELSIF id IS NULL THEN
        RAISE;
    END IF;
END $$;

CREATE FUNCTION runnel_internal.model_readable(wanted_kind text, wanted_id bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runnel_internal.caller() = current_user OR CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN EXISTS (
            SELECT FROM runnel_internal.stream_table
            WHERE id = wanted_id AND runnel_internal.may_read(runnel_internal.caller(), relation, owner))
        WHEN 'PROJECTION' THEN EXISTS (
            SELECT FROM runnel_internal.projection
            WHERE id = wanted_id AND (
                coalesce(pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(owner))::oid, 'USAGE'), false)
                OR EXISTS (
                    SELECT FROM unnest(targets) AS target
                    WHERE coalesce(has_table_privilege(runnel_internal.caller(), target, 'SELECT'), false))))
        WHEN 'MATERIALIZED_VIEW' THEN EXISTS (
            SELECT FROM runnel_internal.materialized_view
            WHERE id = wanted_id AND runnel_internal.may_read(runnel_internal.caller(), relation, owner))
        ELSE false END
$$;

CREATE FUNCTION runnel_internal.check_model_readable(wanted_kind text, wanted_id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted_kind = 'STREAM_TABLE' THEN
        PERFORM runnel_internal.check_readable(wanted_id);
    ELSIF NOT runnel_internal.model_readable(wanted_kind, wanted_id) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied for %s', runnel_internal.model_title(wanted_kind, wanted_id)),
            HINT = CASE WHEN wanted_kind = 'PROJECTION' THEN format('GRANT SELECT ON one of its targets TO %I.', runnel_internal.caller())
                ELSE format('GRANT SELECT ON it TO %I.', runnel_internal.caller()) END;
    END IF;
END $$;

-- What a message calls it.
CREATE FUNCTION runnel_internal.model_title(wanted_kind text, wanted_id bigint) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN (
            SELECT format('stream table %I.%I', schema_name, table_name) FROM runnel_internal.stream_table WHERE id = wanted_id)
        WHEN 'PROJECTION' THEN (
            SELECT format('projection %s', name) FROM runnel_internal.projection WHERE id = wanted_id)
        WHEN 'MATERIALIZED_VIEW' THEN coalesce((
            SELECT format('materialized view %I.%I', schema_name, view_name)
            FROM runnel_internal.materialized_view
            WHERE id = wanted_id), format('materialized view with id %s', wanted_id)) END
$$;

-- Whether its tables include the snapshot, if what stands below it does.
CREATE FUNCTION runnel_internal.model_reflects(wanted_kind text, wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN runnel_internal.reflects(wanted_id, awaited)
        WHEN 'PROJECTION' THEN runnel_internal.projection_reflects(wanted_id, awaited)
        WHEN 'MATERIALIZED_VIEW' THEN runnel_internal.view_reflects(wanted_id, awaited) END;
END $$;

-- Whether it includes the snapshot, and all that stands below it, looked at once. While what is below is written to all the
-- time, the answer may be no although yes would be right; approach_model, which remembers what it has seen, comes to an end.
CREATE FUNCTION runnel_internal.model_includes(wanted_kind text, wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stage record;
    wanted pg_snapshot := awaited;
BEGIN
    PERFORM runnel_internal.check_model_readable(wanted_kind, wanted_id);
    FOR stage IN SELECT kind, id FROM runnel_internal.stages(wanted_kind, wanted_id) LOOP
        IF NOT runnel_internal.model_reflects(stage.kind, stage.id, wanted) THEN
            RETURN false;
        END IF;
        wanted := pg_current_snapshot();
    END LOOP;
    RETURN true;
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.includes(stream_table_id bigint, snapshot pg_snapshot) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT runnel_internal.model_includes('STREAM_TABLE', stream_table_id, snapshot)
$$;

-- A snapshot up to which it has applied everything it was given; null before the first fill. One that is kept by its writers
-- has always done so. What a materialized view shows that somebody else has filled is seen by the present snapshot at least.
CREATE FUNCTION runnel_internal.model_frontier(wanted_kind text, wanted_id bigint) RETURNS pg_snapshot
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN (SELECT snapshot FROM runnel_internal.frontier WHERE stream_table_id = wanted_id)
        WHEN 'PROJECTION' THEN (
            SELECT CASE WHEN log_id IS NULL THEN pg_current_snapshot() ELSE frontier END
            FROM runnel_internal.projection
            JOIN runnel_internal.projection_state ON projection_id = projection.id
            WHERE projection.id = wanted_id)
        WHEN 'MATERIALIZED_VIEW' THEN (
            SELECT coalesce(runnel_internal.view_frontier(id), pg_current_snapshot())
            FROM runnel_internal.materialized_view
            JOIN pg_class ON pg_class.oid = relation AND relispopulated
            WHERE id = wanted_id) END
$$;

CREATE FUNCTION runnel_internal.refuse_model_obstacle(wanted_kind text, wanted_id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    obstacle jsonb;
    error text;
BEGIN
    IF wanted_kind = 'STREAM_TABLE' THEN
        PERFORM runnel_internal.refuse_obstacle(wanted_id);
    ELSIF wanted_kind = 'PROJECTION' THEN
        obstacle := runnel_internal.projection_obstacle(wanted_id);
        IF obstacle IS NOT NULL THEN
            error := CASE WHEN runnel_internal.model_readable(wanted_kind, wanted_id) THEN obstacle ->> 'message' END;
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('%s is %s', runnel_internal.model_title(wanted_kind, wanted_id), obstacle ->> 'state'),
                DETAIL = coalesce('Last error: ' || error, 'It handles no events in this state.'),
                HINT = coalesce(CASE WHEN error IS NOT NULL THEN nullif(obstacle ->> 'hint', '') END,
                    'Continue with runnel.resume_projection.');
        END IF;
    ELSIF wanted_kind = 'MATERIALIZED_VIEW' THEN
        obstacle := runnel_internal.view_obstacle(wanted_id);
        IF obstacle IS NOT NULL THEN
            error := CASE WHEN runnel_internal.model_readable(wanted_kind, wanted_id) THEN obstacle ->> 'message' END;
            RAISE object_not_in_prerequisite_state USING
                MESSAGE = format('%s is %s', runnel_internal.model_title(wanted_kind, wanted_id), obstacle ->> 'state'),
                DETAIL = coalesce('Last error: ' || error, 'It is not refreshed in this state.'),
                HINT = coalesce(CASE WHEN error IS NOT NULL THEN nullif(obstacle ->> 'hint', '') END,
                    'Continue with runnel.resume_materialized_view.');
        END IF;
    END IF;
END $$;

CREATE FUNCTION runnel_internal.urge_model(wanted_kind text, wanted_id bigint, awaited pg_snapshot, look integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wanted_kind = 'STREAM_TABLE' THEN
        PERFORM runnel_internal.urge(wanted_id, awaited);
    ELSIF wanted_kind = 'PROJECTION' THEN
        PERFORM runnel_internal.urge_projection(wanted_id, look);
    ELSIF wanted_kind = 'MATERIALIZED_VIEW' THEN
        PERFORM runnel_internal.urge_view(wanted_id);
    END IF;
END $$;

-- One look by somebody who waits: how far the stages are, by kind and id, what the next one is to include, and whether that
-- was the last one. Makes happen what is missing; fails when that would be in vain.
CREATE FUNCTION runnel_internal.approach_model(
    wanted_kind text, wanted_id bigint, INOUT done text[], INOUT awaited pg_snapshot, look integer, OUT included boolean
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stage record;
    reflected boolean;
    seen pg_snapshot;
BEGIN
    PERFORM runnel_internal.check_model_readable(wanted_kind, wanted_id);
    FOR stage IN SELECT kind, id, kind || id AS name FROM runnel_internal.stages(wanted_kind, wanted_id) LOOP
        CONTINUE WHEN stage.name = ANY (done);
        -- In one statement, whose snapshot is the one that is asked for next.
        SELECT runnel_internal.model_reflects(stage.kind, stage.id, awaited), pg_current_snapshot() INTO reflected, seen;
        IF NOT reflected THEN
            PERFORM runnel_internal.refuse_model_obstacle(stage.kind, stage.id);
            PERFORM runnel_internal.urge_model(stage.kind, stage.id, awaited, look);
            included := false;
            RETURN;
        END IF;
        done := done || stage.name;
        awaited := seen;
    END LOOP;
    included := true;
END $$;

-- Fails with what is known about why it took too long.
CREATE FUNCTION runnel_internal.raise_model_timeout(wanted_kind text, wanted_id bigint, given text, timeout interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    progress record;
BEGIN
    PERFORM runnel_internal.check_model_readable(wanted_kind, wanted_id);
    IF wanted_kind = 'STREAM_TABLE' THEN
        PERFORM runnel_internal.raise_timeout(wanted_id, given, timeout);
    ELSIF wanted_kind = 'MATERIALIZED_VIEW' THEN
        SELECT checked_at, waits_for, consecutive_errors, last_error INTO progress
        FROM runnel_internal.materialized_view_state
        WHERE materialized_view_id = wanted_id;
        RAISE SQLSTATE 'RN001' USING
            MESSAGE = format('materialized view %s is not up to date after %s', given, timeout),
            DETAIL = concat(coalesce('Its contents are those of ' || progress.checked_at, 'It was never refreshed'),
                ', waits for ' || progress.waits_for,
                CASE WHEN progress.consecutive_errors > 0 THEN ', last error: ' || progress.last_error END, '.'),
            HINT = 'Call again with a longer timeout; if nothing moves, see whether the service runs.';
    END IF;
    SELECT checkpoint, consecutive_errors, last_error, runnel_internal.latest_position(projection.id) AS latest
    INTO progress
    FROM runnel_internal.projection
    JOIN runnel_internal.projection_state ON projection_id = projection.id
    WHERE projection.id = wanted_id;
    RAISE SQLSTATE 'RN001' USING
        MESSAGE = format('projection %s is not up to date after %s', given, timeout),
        DETAIL = concat('It is at position ', coalesce(progress.checkpoint::text, 'none'), ' of ',
            coalesce(progress.latest::text, 'none'),
            CASE WHEN progress.consecutive_errors > 0 THEN ', last error: ' || progress.last_error END, '.'),
        HINT = 'Call again with a longer timeout; if nothing moves, see whether the service runs.';
END $$;

-- See runnel_internal.await for why everything in it is qualified.
CREATE PROCEDURE runnel_internal.await_model(
    wanted_kind text, wanted_id bigint, given text, snapshot pg_snapshot, began_at timestamptz, timeout interval
)
LANGUAGE plpgsql AS $$
DECLARE
    pause_seconds double precision := 0.002;
    progress record;
    done text[] := '{}';
    awaited pg_catalog.pg_snapshot := snapshot;
    look integer := 0;
BEGIN
    LOOP
        SELECT * INTO progress FROM runnel_internal.approach_model(wanted_kind, wanted_id, done, awaited, look);
        done := progress.done;
        awaited := progress.awaited;
        EXIT WHEN progress.included;
        COMMIT;
        IF pg_catalog.clock_timestamp() >= began_at + timeout THEN
            PERFORM runnel_internal.raise_model_timeout(wanted_kind, wanted_id, given, timeout);
        END IF;
        PERFORM pg_catalog.pg_sleep(pause_seconds);
        COMMIT;
        pause_seconds := least(pause_seconds * 1.25, 0.1);
        look := look + 1;
    END LOOP;
END $$;

-- Returns when the read model includes everything that was committed before the call.
CREATE OR REPLACE PROCEDURE runnel.sync(name text, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    awaited pg_catalog.pg_snapshot := pg_catalog.pg_current_snapshot();
    model record;
BEGIN
    SELECT * INTO model FROM runnel_internal.located_model(name);
    CALL runnel_internal.await_model(model.kind, model.id, name, awaited, pg_catalog.clock_timestamp(), timeout);
END $$;

-- Returns when the read model includes the transaction or snapshot that the token names.
CREATE OR REPLACE PROCEDURE runnel.wait_for(name text, token text, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    model record;
    began_at timestamptz := pg_catalog.clock_timestamp();
    wanted pg_catalog.pg_snapshot;
    pause_seconds double precision := 0.002;
BEGIN
    SELECT * INTO model FROM runnel_internal.located_model(name);
    LOOP
        wanted := runnel_internal.token_snapshot(token);
        EXIT WHEN wanted IS NOT NULL;
        IF pg_catalog.clock_timestamp() >= began_at + timeout THEN
            RAISE SQLSTATE 'RN001' USING
                MESSAGE = pg_catalog.format('transaction %s is still open after %s', token, timeout),
                HINT = 'Call after the writing transaction has committed.';
        END IF;
        COMMIT;
        PERFORM pg_catalog.pg_sleep(pause_seconds);
        COMMIT;
        pause_seconds := least(pause_seconds * 1.25, 0.1);
    END LOOP;
    CALL runnel_internal.await_model(model.kind, model.id, name, wanted, began_at, timeout);
END $$;

DROP PROCEDURE runnel_internal.await(bigint, text, pg_snapshot, timestamptz, interval);
DROP FUNCTION runnel_internal.approach(bigint, pg_snapshot);

-- ---------------------------------------------------------------------------------------------------------------------
-- Lag
-- ---------------------------------------------------------------------------------------------------------------------

-- No change of what a stream table reads that is older than this is missing; null before the first fill, and while the
-- contents are nobody's result. What is not captured, or depends on the time, may have changed since the last refresh.
CREATE FUNCTION runnel_internal.stream_table_lag(wanted_id bigint) RETURNS double precision
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN frontier.snapshot IS NULL OR stream_table.status IN ('INITIALIZING', 'ERROR')
            OR stream_table.reconciled_version < stream_table.version OR runnel_internal.lost(stream_table) THEN NULL
        WHEN frontier.evaluated_at IS NOT NULL OR EXISTS (
            SELECT
            FROM runnel_internal.dependency
            LEFT JOIN pg_class ON pg_class.oid = dependency.relation
            WHERE dependency.stream_table_id = wanted_id AND CASE
                WHEN source_id IS NULL THEN pg_class.relkind IS DISTINCT FROM 'v'
                WHEN pg_relation_size(to_regclass('runnel_internal.changes_' || source_id)) = 0 THEN false
                ELSE runnel_internal.pending_in(source_id, frontier.snapshot, pg_current_snapshot(), 1) > 0 END)
            THEN greatest(extract(epoch FROM clock_timestamp() - frontier.refreshed_at), 0)::double precision
        ELSE 0 END
    FROM runnel_internal.stream_table
    LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
    WHERE stream_table.id = wanted_id
$$;

CREATE FUNCTION runnel_internal.own_lag(wanted_kind text, wanted_id bigint) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN runnel_internal.stream_table_lag(wanted_id)
        WHEN 'PROJECTION' THEN runnel_internal.projection_lag(wanted_id)
        WHEN 'MATERIALIZED_VIEW' THEN runnel_internal.view_lag(wanted_id) END;
END $$;

-- The greatest lag of the read model and of those below it, measured in their sources; null if one of them is not known,
-- or if the caller may not read it.
CREATE FUNCTION runnel_internal.model_lag(wanted_kind text, wanted_id bigint) RETURNS double precision
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN bool_and(lag.seconds IS NOT NULL) THEN max(lag.seconds) END
    FROM runnel_internal.involved(wanted_kind, wanted_id) AS one
    CROSS JOIN LATERAL (SELECT runnel_internal.own_lag(one.kind, one.id)) AS lag (seconds)
    WHERE runnel_internal.model_readable(wanted_kind, wanted_id)
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Side by side
-- ---------------------------------------------------------------------------------------------------------------------

CREATE VIEW runnel.read_models WITH (security_barrier) AS
SELECT
    format('%I.%I', schema_name, table_name) AS name,
    'STREAM_TABLE' AS kind,
    owner,
    status,
    schedule,
    refreshed_at,
    runnel_internal.model_lag('STREAM_TABLE', id) AS lag_seconds,
    consecutive_errors,
    last_error,
    id
FROM runnel.stream_tables
UNION ALL
SELECT name, 'PROJECTION', owner, status, schedule, updated_at, runnel_internal.model_lag('PROJECTION', id),
    consecutive_errors, last_error, id
FROM runnel.projections
UNION ALL
SELECT format('%I.%I', schema_name, view_name), 'MATERIALIZED_VIEW', owner, status, array_to_string(schedules, '; '), refreshed_at,
    runnel_internal.model_lag('MATERIALIZED_VIEW', id), consecutive_errors, last_error, id
FROM runnel.materialized_views;

GRANT SELECT ON runnel.read_models TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON ROUTINE
    runnel_internal.located_view(text),
    runnel_internal.located_model(text),
    runnel_internal.model_includes(text, bigint, pg_snapshot),
    runnel_internal.includes(bigint, pg_snapshot),
    runnel_internal.approach_model(text, bigint, text[], pg_snapshot, integer),
    runnel_internal.raise_model_timeout(text, bigint, text, interval),
    runnel_internal.await_model(text, bigint, text, pg_snapshot, timestamptz, interval),
    runnel_internal.model_lag(text, bigint)
TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.model_reads(text, bigint),
    runnel_internal.involved(text, bigint),
    runnel_internal.stages(text, bigint),
    runnel_internal.projection_obstacle(bigint),
    runnel_internal.projection_reflects(bigint, pg_snapshot),
    runnel_internal.projection_lag(bigint),
    runnel_internal.urge_projection(bigint, integer),
    runnel_internal.mark_contents(),
    runnel_internal.view_frontier(bigint),
    runnel_internal.view_unchanged(bigint, pg_snapshot, pg_snapshot),
    runnel_internal.view_reflects(bigint, pg_snapshot),
    runnel_internal.view_lag(bigint),
    runnel_internal.urge_view(bigint),
    runnel_internal.view_obstacle(bigint),
    runnel_internal.model_readable(text, bigint),
    runnel_internal.check_model_readable(text, bigint),
    runnel_internal.model_title(text, bigint),
    runnel_internal.model_reflects(text, bigint, pg_snapshot),
    runnel_internal.model_frontier(text, bigint),
    runnel_internal.refuse_model_obstacle(text, bigint),
    runnel_internal.urge_model(text, bigint, pg_snapshot, integer),
    runnel_internal.stream_table_lag(bigint),
    runnel_internal.own_lag(text, bigint)
FROM PUBLIC;
