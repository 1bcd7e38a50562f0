-- Projections on schedules by the clock.

-- ---------------------------------------------------------------------------------------------------------------------
-- Schedules
-- ---------------------------------------------------------------------------------------------------------------------

-- In which cron expressions are read. That of the handlers is another one: it changes with the handlers.
ALTER TABLE runnel_internal.projection ADD COLUMN schedule_time_zone text NOT NULL DEFAULT current_setting('TimeZone');
UPDATE runnel_internal.projection SET schedule_time_zone = time_zone;
GRANT INSERT (schedule_time_zone), UPDATE (schedule_time_zone) ON runnel_internal.projection TO PUBLIC;

-- When it was last found to be caught up, for schedules by the clock: a time that has passed while no service ran is made up
-- for once, and a restart is no such time.
ALTER TABLE runnel_internal.projection_state ADD COLUMN looked_at timestamptz;

-- Whether a schedule, in its stored form, is made of cron expressions.
CREATE FUNCTION runnel_internal.by_clock(schedule text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT schedule !~ '^on-change' AND schedule ~ '[@; \t\r\n]'
$$;

CREATE OR REPLACE FUNCTION runnel_internal.projection_schedule(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schedule text := runnel_internal.schedule(given);
BEGIN
    IF schedule NOT IN ('manual', 'downstream') THEN
        RETURN schedule;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid schedule for a projection: %s', quote_literal(given)),
        DETAIL = 'Its events are handled in any case, sooner or later.',
        HINT = 'Use on-change, on-change 20ms, a duration such as 5s, or cron expressions separated by semicolons; '
            'runnel.pause_projection keeps it from handling events.';
END $$;

-- The service reads schedules itself.
DROP FUNCTION runnel_internal.duration_seconds(text);

CREATE OR REPLACE TRIGGER remake_projection
    AFTER UPDATE OF handlers, ignored_types, search_path, time_zone, schedule, schedule_time_zone, batch_size, failure_policy,
        attempts_max, wanted, resumptions, rebuilds ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.remake_projection();

-- One batch; see there. What is new: it tells when it was caught up.
CREATE OR REPLACE FUNCTION runnel_internal.run_projection(wanted_id bigint, horizon bigint, first boolean DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    replay runnel_internal.projection_replay;
    arrived int8multirange;
    unknown bigint := 0;
    kind text := 'NEXT';
    chosen int8multirange := '{}';
    low bigint;
    high bigint := horizon;
    held text[] := '{}';
    selection jsonb := '{}';
    isolating boolean;
    exhausted bigint;
    result jsonb;
    blocked jsonb;
    suspending boolean := false;
    tries integer;
    total integer;
    outcome text;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id FOR UPDATE;
    IF projection.id IS NULL OR state.projection_id IS NULL OR projection.wanted <> 'ACTIVE' THEN
        RETURN '{"outcome": "GONE"}';
    ELSIF state.suspended THEN
        RETURN '{"outcome": "SUSPENDED"}';
    ELSIF state.held_until > clock_timestamp() THEN
        RETURN '{"outcome": "WAITING"}';
    END IF;
    blocked := runnel_internal.broken(projection, state);
    IF blocked IS NOT NULL THEN
        PERFORM runnel_internal.block_projection(projection, blocked, true);
        RETURN '{"outcome": "SUSPENDED"}';
    ELSIF projection.log_id IS NULL AND first IS NULL THEN
        RETURN '{"outcome": "GONE"}';
    END IF;
    low := state.checkpoint;
    IF projection.log_id IS NOT NULL THEN
        EXECUTE format('SELECT range_agg(positions), count(*) FILTER (WHERE positions IS NULL) FROM runnel_internal.%I '
            'WHERE xid >= pg_snapshot_xmin($1) AND NOT pg_visible_in_snapshot(xid, $1) '
            'AND (positions IS NULL OR lower(positions) <= $2) AND (coalesce($3, true) OR xid IS DISTINCT FROM pg_current_xact_id_if_assigned())',
            'appended_' || projection.log_id)
        INTO arrived, unknown
        USING state.frontier, low, first;
    END IF;
    IF unknown > 0 THEN
        PERFORM runnel_internal.block_projection(projection, jsonb_build_object(
            'code', 'RN003', 'message', format('events were added while column %I of %s could not be read',
                projection.position_column, projection.relation::regclass),
            'hint', 'Drop the projection and create it again.'), true);
        RETURN '{"outcome": "SUSPENDED"}';
    END IF;
    state.late := state.late + coalesce(arrived * int8multirange(int8range(NULL, low, '(]')), '{}');
    isolating := projection.failure_policy = 'DEAD_LETTER' AND coalesce(projection.attempts_max, 1) = 1;
    IF projection.failure_policy = 'DEAD_LETTER' AND state.attempts + 1 >= projection.attempts_max THEN
        exhausted := state.failing_position;
    END IF;
    SELECT coalesce(array_agg(DISTINCT entity), '{}') INTO held
    FROM runnel_internal.dead_letter
    WHERE projection_id = wanted_id;
    IF state.recheck THEN
        chosen := runnel_internal.revived(wanted_id, projection.batch_size);
        IF isempty(chosen) THEN
            UPDATE runnel_internal.projection_state SET recheck = false WHERE projection_id = wanted_id;
        ELSE
            kind := 'REVIVED';
            held := '{}';
            isolating := true;
        END IF;
    END IF;
    IF kind = 'NEXT' AND NOT isempty(state.late) THEN
        kind := 'LATE';
        chosen := state.late;
    ELSIF kind = 'NEXT' THEN
        UPDATE runnel_internal.projection_replay
        SET finished_at = clock_timestamp()
        WHERE projection_id = wanted_id AND finished_at IS NULL AND cancelled;
        SELECT * INTO replay
        FROM runnel_internal.projection_replay
        WHERE projection_id = wanted_id AND finished_at IS NULL
        ORDER BY id
        LIMIT 1;
        IF FOUND THEN
            kind := 'REPLAY';
            low := coalesce(replay.at_position, replay.from_position - 1);
            high := coalesce(replay.upto_position, state.checkpoint, -9223372036854775808);
            held := '{}';
            isolating := false;
            exhausted := NULL;
            selection := jsonb_strip_nulls(jsonb_build_object(
                'types', replay.types, 'entity', replay.entity, 'from_time', replay.from_time));
            SELECT coalesce(range_agg(int8range(position, position, '[]')), '{}') INTO chosen
            FROM runnel_internal.dead_letter
            WHERE projection_id = wanted_id;
        END IF;
    END IF;
    EXECUTE format('SELECT runnel_internal.%I($1, $2, $3, $4, $5, $6, $7, $8, $9)', 'apply_' || wanted_id)
    INTO result
    USING CASE WHEN kind IN ('LATE', 'REVIVED') THEN 'CHOSEN' ELSE kind END, low, high, chosen, projection.batch_size, held,
        selection, isolating, exhausted;
    total := (result ->> 'total')::integer;
    blocked := CASE WHEN jsonb_typeof(result -> 'blocked') = 'object' THEN result -> 'blocked' END;
    IF kind = 'REVIVED' THEN
        -- What was looked for and is not there any more was deleted from the log.
        DELETE FROM runnel_internal.dead_letter
        WHERE projection_id = wanted_id
            AND position <@ CASE WHEN total < projection.batch_size THEN chosen
                ELSE coalesce((result ->> 'consumed')::int8multirange, '{}') END
            AND NOT jsonb_path_query_array(result, '$.failures[*].position') @> to_jsonb(position)
            AND NOT jsonb_path_query_array(result, '$.parked[*].position') @> to_jsonb(position)
            AND (blocked IS NULL OR position <@ (result ->> 'consumed')::int8multirange);
    ELSIF kind = 'LATE' THEN
        state.late := state.late - CASE WHEN total < projection.batch_size AND blocked IS NULL THEN chosen
            ELSE coalesce((result ->> 'consumed')::int8multirange, '{}') END;
    ELSIF kind = 'REPLAY' THEN
        UPDATE runnel_internal.projection_replay
        SET upto_position = high, at_position = coalesce((result ->> 'position')::bigint, at_position),
            events_handled = events_handled + (result ->> 'handled')::integer,
            started_at = coalesce(started_at, now()),
            finished_at = CASE WHEN blocked IS NULL AND total < projection.batch_size THEN clock_timestamp() END
        WHERE id = replay.id;
    END IF;
    IF kind <> 'REPLAY' THEN
        PERFORM runnel_internal.bury(projection, result);
    END IF;
    -- A look that found nothing leaves no trace.
    IF total > 0 OR arrived IS NOT NULL OR kind <> 'NEXT' THEN
        UPDATE runnel_internal.projection_state
        SET checkpoint = CASE WHEN kind = 'NEXT' THEN coalesce((result ->> 'position')::bigint, checkpoint) ELSE checkpoint END,
            frontier = pg_current_snapshot(), late = state.late,
            events_handled = events_handled + (result ->> 'handled')::integer,
            last_event_at = CASE WHEN kind = 'NEXT' THEN coalesce((result ->> 'time')::timestamptz, last_event_at)
                ELSE last_event_at END,
            updated_at = CASE WHEN (result ->> 'done')::integer > 0 THEN clock_timestamp() ELSE updated_at END,
            consecutive_errors = CASE WHEN (result ->> 'done')::integer > 0 THEN 0 ELSE consecutive_errors END
        WHERE projection_id = wanted_id;
    END IF;
    IF blocked IS NOT NULL THEN
        tries := CASE WHEN state.failing_position = (blocked ->> 'position')::bigint THEN state.attempts ELSE 0 END + 1;
        suspending := projection.failure_policy = 'STOP' OR kind = 'REPLAY' OR blocked ->> 'code' LIKE '42%'
            OR (projection.failure_policy = 'RETRY' AND coalesce(tries >= projection.attempts_max, false));
        PERFORM runnel_internal.block_projection(projection, blocked, suspending);
    ELSIF state.failing_position IS NOT NULL AND (result ->> 'done')::integer > 0 THEN
        UPDATE runnel_internal.projection_state SET failing_position = NULL, attempts = 0 WHERE projection_id = wanted_id;
    END IF;
    outcome := CASE
        WHEN suspending THEN 'SUSPENDED'
        WHEN blocked IS NOT NULL THEN 'FAILED'
        WHEN kind <> 'NEXT' OR total = projection.batch_size AND NOT (result ->> 'waiting')::boolean THEN 'MORE'
        WHEN (result ->> 'waiting')::boolean THEN 'WAITING'
        ELSE 'IDLE' END;
    IF outcome = 'IDLE' AND runnel_internal.by_clock(projection.schedule) THEN
        UPDATE runnel_internal.projection_state SET looked_at = now() WHERE projection_id = wanted_id;
    END IF;
    RETURN jsonb_build_object('handled', result -> 'handled', 'outcome', outcome);
END $$;

-- With the time zone of the schedule.
DROP FUNCTION runnel.create_projection(text, text, text, jsonb, text, text, text, text, text[], text[], text, text, text,
    integer, text, integer, text);
CREATE FUNCTION runnel.create_projection(
    name text,
    event_log text,
    position_column text,
    handlers jsonb DEFAULT NULL,
    type_column text DEFAULT NULL,
    entity_column text DEFAULT NULL,
    time_column text DEFAULT NULL,
    default_handler text DEFAULT NULL,
    ignored_types text[] DEFAULT '{*}',
    targets text[] DEFAULT '{}',
    ddl text DEFAULT NULL,
    mode text DEFAULT 'ASYNCHRONOUS',
    schedule text DEFAULT 'on-change',
    batch_size integer DEFAULT 500,
    failure_policy text DEFAULT 'STOP',
    attempts_max integer DEFAULT NULL,
    start_from text DEFAULT 'BEGINNING',
    schedule_time_zone text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    log oid := runnel_internal.checked_log(event_log);
    qualified text := (
        SELECT pg_catalog.format('%I.%I', nspname, relname)
        FROM pg_catalog.pg_class
        JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = log);
    position_found pg_catalog.name := runnel_internal.log_column(log, 'position', position_column);
    type_found pg_catalog.name := runnel_internal.log_column(log, 'type', type_column);
    entity_found pg_catalog.name := runnel_internal.log_column(log, 'entity', entity_column);
    time_found pg_catalog.name := runnel_internal.log_column(log, 'time', time_column);
    mode_checked text := runnel_internal.word('mode', mode, '{ASYNCHRONOUS,SYNCHRONOUS}');
    policy_checked text := runnel_internal.word('failure policy', failure_policy, '{STOP,RETRY,DEAD_LETTER}');
    start_checked text := runnel_internal.word('start', start_from, '{BEGINNING,NOW}');
    schedule_checked text := runnel_internal.projection_schedule(schedule);
    handlers_checked jsonb;
    targets_checked oid[];
BEGIN
    PERFORM runnel_internal.check_service_may_act();
    PERFORM runnel_internal.check_projection(name, position_found, batch_size, attempts_max);
    IF mode_checked = 'SYNCHRONOUS' AND (policy_checked <> 'STOP'
        OR (SELECT relkind = 'p' OR relispartition FROM pg_catalog.pg_class WHERE oid = log))
    THEN
        RAISE feature_not_supported USING
            MESSAGE = CASE WHEN policy_checked <> 'STOP'
                THEN 'a synchronous projection fails with its writer: it has no failure policy but STOP'
                ELSE 'the event log of a synchronous projection cannot be partitioned' END,
            HINT = 'Use mode ASYNCHRONOUS.';
    END IF;
    PERFORM runnel_internal.check_position(log, position_found);
    IF ddl IS NOT NULL THEN
        EXECUTE ddl;
    END IF;
    targets_checked := runnel_internal.checked_targets(targets);
    handlers_checked := runnel_internal.checked_handlers(qualified, coalesce(handlers, '[]'), default_handler);
    PERFORM runnel_internal.check_types(log, type_found, handlers_checked, ignored_types);
    INSERT INTO runnel_internal.projection (name, relation, position_column, type_column, entity_column, time_column,
        handlers, ignored_types, targets, mode, schedule, batch_size, failure_policy, attempts_max, start_from, search_path,
        time_zone, schedule_time_zone)
    VALUES (name, log, position_found, type_found, entity_found, time_found, handlers_checked,
        coalesce(ignored_types, '{}'), targets_checked, mode_checked, schedule_checked, batch_size, policy_checked,
        attempts_max, start_checked, runnel_internal.named_schemas(), pg_catalog.current_setting('TimeZone'),
        runnel_internal.zone(schedule_time_zone));
    RETURN runnel_internal.projection_id(name);
END $$;

DROP FUNCTION runnel.alter_projection(text, jsonb, text, text[], text, integer, text, integer);

-- Null leaves a property as it is. New handlers apply from the next event on; use runnel.rebuild_projection for the others.
CREATE FUNCTION runnel.alter_projection(
    name text,
    handlers jsonb DEFAULT NULL,
    default_handler text DEFAULT NULL,
    ignored_types text[] DEFAULT NULL,
    schedule text DEFAULT NULL,
    batch_size integer DEFAULT NULL,
    failure_policy text DEFAULT NULL,
    attempts_max integer DEFAULT NULL,
    schedule_time_zone text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    altered_id bigint := runnel_internal.owned_projection(name);
    stored runnel_internal.projection;
BEGIN
    SELECT * INTO stored FROM runnel_internal.projection WHERE id = altered_id FOR UPDATE;
    stored.schedule := CASE WHEN schedule IS NULL THEN stored.schedule ELSE runnel_internal.projection_schedule(schedule) END;
    stored.schedule_time_zone := CASE WHEN schedule_time_zone IS NULL THEN stored.schedule_time_zone
        ELSE runnel_internal.zone(schedule_time_zone) END;
    stored.failure_policy := CASE WHEN failure_policy IS NULL THEN stored.failure_policy
        ELSE runnel_internal.word('failure policy', failure_policy, '{STOP,RETRY,DEAD_LETTER}') END;
    IF stored.mode = 'SYNCHRONOUS' AND stored.failure_policy <> 'STOP' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'a synchronous projection fails with its writer: it has no failure policy but STOP',
            HINT = 'Create it anew with mode ASYNCHRONOUS.';
    ELSIF batch_size NOT BETWEEN 1 AND 100000 OR attempts_max <= 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'invalid batch size or number of attempts',
            HINT = 'Use 1 to 100000, and 1 or more.';
    END IF;
    IF handlers IS NOT NULL OR default_handler IS NOT NULL OR ignored_types IS NOT NULL THEN
        PERFORM runnel_internal.refuse_while_rebuilt(altered_id, name);
        stored := runnel_internal.with_handlers(stored, handlers, default_handler, ignored_types);
    END IF;
    UPDATE runnel_internal.projection
    SET handlers = stored.handlers, ignored_types = stored.ignored_types, search_path = stored.search_path,
        time_zone = stored.time_zone, schedule = stored.schedule,
        schedule_time_zone = stored.schedule_time_zone, failure_policy = stored.failure_policy,
        batch_size = coalesce(alter_projection.batch_size, stored.batch_size),
        attempts_max = coalesce(alter_projection.attempts_max, stored.attempts_max)
    WHERE id = altered_id;
END $$;

CREATE OR REPLACE VIEW runnel.projections WITH (security_barrier) AS
SELECT
    projection.id,
    projection.name,
    projection.owner,
    CASE WHEN projection.wanted = 'PAUSED' THEN 'PAUSED' WHEN state.suspended THEN 'SUSPENDED' ELSE 'ACTIVE' END AS status,
    projection.mode,
    coalesce(format('%I.%I', pg_namespace.nspname, pg_class.relname), 'dropped') AS event_log,
    projection.position_column,
    projection.type_column,
    projection.entity_column,
    projection.time_column,
    projection.handlers,
    projection.ignored_types,
    ARRAY(SELECT target::regclass::text FROM unnest(projection.targets) AS target) AS targets,
    projection.schedule,
    projection.batch_size,
    projection.failure_policy,
    projection.attempts_max,
    CASE WHEN projection.log_id IS NULL THEN latest.position ELSE state.checkpoint END AS last_processed_position,
    latest.position AS latest_position,
    state.last_event_at,
    state.events_handled,
    (SELECT count(*) FROM runnel_internal.dead_letter WHERE projection_id = projection.id) AS dead_letters,
    EXISTS (
        SELECT FROM runnel_internal.projection_replay
        WHERE projection_id = projection.id AND finished_at IS NULL) AS replaying,
    state.consecutive_errors,
    state.last_error,
    state.last_error_code,
    state.last_error_detail,
    state.last_error_hint,
    state.last_error_at,
    state.failing_position,
    projection.created_at,
    state.updated_at,
    projection.schedule_time_zone
FROM runnel_internal.projection
JOIN runnel_internal.projection_state AS state ON state.projection_id = projection.id
LEFT JOIN pg_class ON pg_class.oid = projection.relation
LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
CROSS JOIN LATERAL (SELECT runnel_internal.latest_position(projection.id)) AS latest (position)
WHERE projection.rebuild_of IS NULL
    AND (coalesce(pg_has_role(current_user, to_regrole(quote_ident(projection.owner))::oid, 'USAGE'), false)
        OR EXISTS (
            SELECT FROM unnest(projection.targets) AS target
            WHERE coalesce(has_table_privilege(current_user, target, 'SELECT'), false)));

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION runnel_internal.by_clock(text) TO PUBLIC;
