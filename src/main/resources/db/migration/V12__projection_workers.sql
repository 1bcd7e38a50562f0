-- Projections on schedules by the clock, and on which several workers work at once.
--
-- The workers of a projection share out its events by their entities: an event is that of the worker to which the hash of
-- its entity's text leads. Each is what a projection was before, for its own events: it has a row in projection_state, with
-- its checkpoint, frontier, late positions, errors and attempts, and what is written about these at the head of the
-- projections' migration holds for each. What it finds of others' events, beyond its checkpoint or among its late positions, it
-- goes past. So none is lost, none is handled twice, and those of one entity are handled in the order of their positions;
-- those of different entities are not. A dead letter belongs to the worker of its entity.
--
-- A batch is a REPEATABLE READ transaction, so when two workers write to one row, one of them fails with an error of class
-- 40, its batch is undone, and all of it is done again later; that is no error of an event. The same is true of a key that
-- another worker has taken since the batch began. The service retries such a batch, in the end while no other worker of
-- the projection is at work.
--
-- Another number of workers: the states are merged into one, in one statement and so at one snapshot, which becomes the
-- frontier. The checkpoint is the greatest one; the events up to it that the snapshot sees and that their workers have not
-- handled yet become late ones, and those that it does not see will be found in the log's records, as ever. The one state
-- is then copied for each new worker, which takes no notice of what is others'.

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

-- ---------------------------------------------------------------------------------------------------------------------
-- Workers
-- ---------------------------------------------------------------------------------------------------------------------

ALTER TABLE runnel_internal.projection ADD COLUMN workers integer NOT NULL DEFAULT 1 CHECK (workers BETWEEN 1 AND 16);
-- The type of the entities whose texts decide on their workers; null for one worker.
ALTER TABLE runnel_internal.projection ADD COLUMN entity_type text;
GRANT INSERT (workers), UPDATE (workers) ON runnel_internal.projection TO PUBLIC;

ALTER TABLE runnel_internal.projection_state ADD COLUMN worker integer NOT NULL DEFAULT 0;
ALTER TABLE runnel_internal.projection_state DROP CONSTRAINT projection_state_pkey, ADD PRIMARY KEY (projection_id, worker);

-- How far a worker is with a replay. Its last position before the replay began is its own.
CREATE TABLE runnel_internal.projection_replay_part (
    replay_id bigint NOT NULL REFERENCES runnel_internal.projection_replay ON DELETE CASCADE,
    worker integer NOT NULL,
    upto_position bigint,
    at_position bigint,
    events_handled bigint NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (replay_id, worker)
);
INSERT INTO runnel_internal.projection_replay_part
SELECT id, 0, upto_position, at_position, events_handled, started_at, finished_at
FROM runnel_internal.projection_replay
WHERE started_at IS NOT NULL;
ALTER TABLE runnel_internal.projection_replay ADD COLUMN parts_finished integer NOT NULL DEFAULT 0;

-- The worker that handles the events of an entity. The text is compared byte by byte, whatever its collation.
CREATE FUNCTION runnel_internal.worker_of(entity text, workers integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN entity IS NULL OR workers = 1 THEN 0
        ELSE pg_catalog.abs(pg_catalog.hashtextextended(entity COLLATE "C", 0) % workers)::pg_catalog.int4 END
$$;

-- The type of an entity column as far as it decides on the text of its values; null if that also depends on settings, or if
-- values that are equal may have different texts.
CREATE FUNCTION runnel_internal.entity_type(log oid, entity_column name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN base.type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'uuid'::regtype) THEN base.type::text
        WHEN base.type = 'numeric'::regtype AND base.modifier <> -1 THEN format_type(base.type, base.modifier)
        WHEN base.type IN ('text'::regtype, 'varchar'::regtype, 'bpchar'::regtype, 'name'::regtype)
            AND coalesce(collisdeterministic, true) THEN base.type::text END
    FROM pg_attribute
    JOIN pg_type ON pg_type.oid = atttypid
    LEFT JOIN pg_collation ON pg_collation.oid = attcollation
    CROSS JOIN LATERAL (
        SELECT CASE WHEN typtype = 'd' THEN typbasetype ELSE atttypid END,
            CASE WHEN typtype = 'd' THEN typtypmod ELSE atttypmod END
    ) AS base (type, modifier)
    WHERE attrelid = log AND attname = entity_column AND NOT attisdropped
$$;

CREATE FUNCTION runnel_internal.checked_workers(given integer) RETURNS integer
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(given NOT BETWEEN 1 AND 16, true) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid number of workers: %s', coalesce(given::text, 'null')),
            HINT = 'Use 1 to 16.';
    END IF;
    RETURN given;
END $$;

-- Refuses workers where events cannot be shared out, and stores by which type they are.
CREATE FUNCTION runnel_internal.check_workers(checked runnel_internal.projection) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text := CASE WHEN checked.workers > 1 THEN runnel_internal.entity_type(checked.relation, checked.entity_column) END;
BEGIN
    IF checked.workers > 1 AND checked.mode = 'SYNCHRONOUS' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'a synchronous projection has no workers: its events are handled by their writers',
            HINT = 'Use mode ASYNCHRONOUS.';
    ELSIF checked.workers > 1 AND checked.entity_column IS NULL THEN
        RAISE feature_not_supported USING
            MESSAGE = 'workers share out events by their entities, and the projection has no entity column',
            HINT = 'Create it with entity_column, or with one worker.';
    ELSIF checked.workers > 1 AND found IS NULL AND EXISTS (SELECT FROM pg_class WHERE oid = checked.relation) THEN
        RAISE feature_not_supported USING
            MESSAGE = format('workers cannot share out events by entity column %I', checked.entity_column),
            DETAIL = 'They do so by the text of the entities, which must be the same for equal ones, whatever the settings.',
            HINT = 'Use a column of type smallint, integer, bigint, numeric with a scale, uuid or text with a deterministic '
                'collation, or one worker.';
    END IF;
    UPDATE runnel_internal.projection SET entity_type = found WHERE id = checked.id AND entity_type IS DISTINCT FROM found;
END $$;

-- What a person is told of all workers: the position up to which all have handled their events, and the errors of the one
-- that is worst off.
CREATE VIEW runnel_internal.projection_progress AS
SELECT every.*, worst.last_error, worst.last_error_code, worst.last_error_detail, worst.last_error_hint, worst.last_error_at,
    worst.failing_position
FROM (
    SELECT projection_id,
        CASE WHEN count(checkpoint) = count(*) THEN min(checkpoint) END AS checkpoint,
        bool_or(suspended) AS suspended,
        sum(events_handled)::bigint AS events_handled,
        max(last_event_at) AS last_event_at,
        max(updated_at) AS updated_at,
        max(consecutive_errors) AS consecutive_errors
    FROM runnel_internal.projection_state
    GROUP BY projection_id
) AS every
CROSS JOIN LATERAL (
    SELECT *
    FROM runnel_internal.projection_state
    WHERE projection_id = every.projection_id
    ORDER BY suspended DESC, consecutive_errors DESC, last_error_at DESC NULLS LAST, worker
    LIMIT 1
) AS worst;

-- A snapshot that sees what any of the workers' frontiers sees, and so all that the targets show.
CREATE FUNCTION runnel_internal.joint_frontier(wanted_id bigint) RETURNS pg_snapshot
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH latest AS (
        SELECT frontier
        FROM runnel_internal.projection_state
        WHERE projection_id = wanted_id
        ORDER BY pg_snapshot_xmax(frontier) DESC
        LIMIT 1
    )
    SELECT concat_ws(':', coalesce(hidden.least, pg_snapshot_xmax(frontier)), pg_snapshot_xmax(frontier), hidden.listed)::pg_snapshot
    FROM latest
    CROSS JOIN LATERAL (
        SELECT min(xid) AS least, coalesce(string_agg(xid::text, ',' ORDER BY xid), '') AS listed
        FROM pg_snapshot_xip(frontier) AS xid
        WHERE NOT EXISTS (
            SELECT
            FROM runnel_internal.projection_state AS other
            WHERE other.projection_id = wanted_id AND pg_visible_in_snapshot(xid, other.frontier))
    ) AS hidden
$$;

-- How many events may be late when the number of workers is altered.
CREATE FUNCTION runnel_internal.outstanding_max() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 100000';

-- Gives a projection another number of workers; see the head of this file. The states are locked.
CREATE FUNCTION runnel_internal.share_out(shared runnel_internal.projection, workers_before integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    merged record;
    kept runnel_internal.projection_state;
BEGIN
    IF shared.rebuild_of IS NOT NULL OR EXISTS (SELECT FROM runnel_internal.projection WHERE rebuild_of = shared.id) THEN
        PERFORM runnel_internal.refuse_while_rebuilt(coalesce(shared.rebuild_of, shared.id), shared.name);
    ELSIF EXISTS (
        SELECT FROM runnel_internal.projection_replay WHERE projection_id = shared.id AND finished_at IS NULL)
    THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('projection %s has a replay under way', shared.name),
            HINT = 'Alter the number of workers when it is over, or end it with runnel.cancel_replay.';
    ELSIF EXISTS (
        SELECT FROM runnel_internal.projection_state WHERE projection_id = shared.id AND origin <> runnel_internal.origin())
    THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = 'the database was restored from a dump',
            HINT = 'Use runnel.rebuild_projection, or runnel.resume_projection if nothing was appended after the dump.';
    END IF;
    EXECUTE format($query$
        WITH state AS MATERIALIZED (
            SELECT worker, late, checkpoint, max(checkpoint) OVER () AS furthest, (
                SELECT range_agg(positions)
                FROM runnel_internal.%1$I
                WHERE xid >= pg_snapshot_xmin(frontier) AND NOT pg_visible_in_snapshot(xid, frontier)
                    AND lower(positions) <= checkpoint) AS arrived, EXISTS (
                SELECT
                FROM runnel_internal.%1$I
                WHERE xid >= pg_snapshot_xmin(frontier) AND NOT pg_visible_in_snapshot(xid, frontier) AND positions IS NULL
            ) AS unknown
            FROM runnel_internal.projection_state
            WHERE projection_id = $1
        ),
        piece AS MATERIALIZED (
            SELECT worker, unnest(late + coalesce(arrived * int8multirange(int8range(NULL, checkpoint, '(]')), '{}')
                + CASE WHEN furthest IS NULL THEN '{}'
                    ELSE int8multirange(int8range(checkpoint, furthest, '(]')) END) AS positions
            FROM state
        ),
        missing AS MATERIALIZED (
            SELECT event.%2$I::bigint AS position
            FROM piece
            JOIN %3$s AS event ON event.%2$I >= coalesce(lower(piece.positions), -9223372036854775808)
                AND event.%2$I < coalesce(upper(piece.positions), 9223372036854775807)
            WHERE runnel_internal.worker_of(%4$s, $2) = piece.worker
            LIMIT runnel_internal.outstanding_max() + 1
        )
        SELECT pg_current_snapshot() AS frontier, max(furthest) AS checkpoint,
            coalesce((SELECT range_agg(int8range(position, position, '[]')) FROM missing), '{}') AS late,
            (SELECT count(*) FROM missing) AS outstanding, bool_or(unknown) AS unknown
        FROM state $query$,
        'appended_' || shared.log_id, shared.position_column, shared.relation::regclass,
        CASE WHEN shared.entity_column IS NULL THEN 'NULL::text' ELSE format('event.%I::text', shared.entity_column) END)
    INTO merged
    USING shared.id, workers_before;
    IF merged.unknown THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('events were added while column %I of %s could not be read', shared.position_column,
                shared.relation::regclass),
            HINT = 'Drop the projection and create it again.';
    ELSIF merged.outstanding > runnel_internal.outstanding_max() THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('the workers of projection %s are too far apart', shared.name),
            DETAIL = format('More than %s events that one of them has gone past are not handled yet.',
                runnel_internal.outstanding_max()),
            HINT = 'Try again when it has caught up.';
    END IF;
    SELECT * INTO kept
    FROM runnel_internal.projection_state
    WHERE projection_id = shared.id
    ORDER BY suspended DESC, consecutive_errors DESC, last_error_at DESC NULLS LAST, worker
    LIMIT 1;
    SELECT sum(events_handled)::bigint, max(last_event_at), max(updated_at), max(held_until), min(looked_at)
    INTO kept.events_handled, kept.last_event_at, kept.updated_at, kept.held_until, kept.looked_at
    FROM runnel_internal.projection_state
    WHERE projection_id = shared.id;
    DELETE FROM runnel_internal.projection_state WHERE projection_id = shared.id;
    -- Attempts begin anew. What is told of errors, and the events handled, stay with the first worker.
    kept.worker := 0;
    kept.checkpoint := merged.checkpoint;
    kept.frontier := merged.frontier;
    kept.frontier_at := now();
    kept.late := merged.late;
    kept.recheck := EXISTS (SELECT FROM runnel_internal.dead_letter WHERE projection_id = shared.id);
    kept.attempts := 0;
    kept.failing_position := CASE WHEN kept.suspended THEN kept.failing_position END;
    INSERT INTO runnel_internal.projection_state SELECT kept.*;
    INSERT INTO runnel_internal.projection_state (projection_id, worker, checkpoint, frontier, frontier_at, origin, late, recheck,
        last_event_at, updated_at, held_until, looked_at)
    SELECT shared.id, worker, kept.checkpoint, kept.frontier, kept.frontier_at, kept.origin, kept.late, kept.recheck,
        kept.last_event_at, kept.updated_at, kept.held_until, kept.looked_at
    FROM generate_series(1, shared.workers - 1) AS worker;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Batches
-- ---------------------------------------------------------------------------------------------------------------------

-- Reads events and hands them to the handlers, as ever; with several workers, those of one of them.
CREATE OR REPLACE FUNCTION runnel_internal.apply_body(projection runnel_internal.projection) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
    SELECT format($template$
#variable_conflict use_variable
DECLARE
  events %1$s[];
  event %1$s;
  place bigint;
  edge bigint := coalesce(low, -9223372036854775808);
  allowed integer := 0;
  total integer;
  done integer := 0;
  stop_at integer;
  i integer;
  failed integer;
  failure jsonb;
  failures jsonb := '[]';
  parked jsonb := '[]';
  parked_before jsonb;
  blocked jsonb;
  message text;
  code text;
  detail_given text;
  hint_given text;
  handled boolean;
  seen integer;
  barred bigint;
  reached bigint;
  more boolean;
BEGIN
  %12$s
  IF kind = 'NEXT' AND workers > 1 THEN
    -- The positions of all workers, so many that about one batch of them is its own.
    SELECT count(*), max(runnel_seen.runnel_place),
      min(runnel_seen.runnel_place) FILTER (WHERE runnel_seen.runnel_place - 1 > greatest(runnel_seen.runnel_before, high))
    INTO seen, reached, barred
    FROM (
      SELECT runnel_next.runnel_place, lag(runnel_next.runnel_place, 1, edge) OVER (ORDER BY runnel_next.runnel_place) AS runnel_before
      FROM (
        SELECT runnel_event.%2$I::bigint AS runnel_place FROM %1$s AS runnel_event
        WHERE runnel_event.%2$I > edge ORDER BY runnel_event.%2$I LIMIT batch * workers) AS runnel_next
    ) AS runnel_seen;
    IF barred IS NOT NULL THEN
      reached := (SELECT max(runnel_event.%2$I) FROM %1$s AS runnel_event
        WHERE runnel_event.%2$I > edge AND runnel_event.%2$I < barred);
    END IF;
    events := ARRAY(SELECT runnel_event FROM %1$s AS runnel_event
      WHERE runnel_event.%2$I > edge AND runnel_event.%2$I <= reached AND runnel_internal.worker_of(%13$s, workers) = worker
      ORDER BY runnel_event.%2$I LIMIT batch);
  ELSIF kind = 'NEXT' THEN
    events := ARRAY(SELECT runnel_event FROM %1$s AS runnel_event
      WHERE runnel_event.%2$I > edge ORDER BY runnel_event.%2$I LIMIT batch);
  ELSIF kind = 'CHOSEN' THEN
    events := ARRAY(SELECT runnel_event FROM unnest(chosen) AS runnel_range
      JOIN %1$s AS runnel_event ON runnel_event.%2$I >= lower(runnel_range) AND runnel_event.%2$I < upper(runnel_range)
      WHERE workers = 1 OR runnel_internal.worker_of(%13$s, workers) = worker
      ORDER BY runnel_event.%2$I LIMIT batch);
  ELSE
    EXECUTE %10$L
      || CASE WHEN selection ? 'types' THEN %6$L ELSE '' END
      || CASE WHEN selection ? 'entity' THEN %7$L ELSE '' END
      || CASE WHEN selection ? 'from_time' THEN %8$L ELSE '' END
      || CASE WHEN workers > 1 THEN %14$L ELSE '' END
      || %11$L
    INTO events
    USING edge, high, chosen, batch, ARRAY(SELECT jsonb_array_elements_text(selection -> 'types')), selection ->> 'entity',
      (selection ->> 'from_time')::timestamptz, workers, worker;
  END IF;
  total := coalesce(cardinality(events), 0);
  IF kind = 'NEXT' AND workers = 1 THEN
    WHILE allowed < total LOOP
      place := (events[allowed + 1]).%2$I;
      EXIT WHEN place - 1 > greatest(edge, high);
      edge := place;
      allowed := allowed + 1;
    END LOOP;
  ELSE
    allowed := total;
  END IF;
  stop_at := allowed;
  WHILE done < allowed LOOP
    parked_before := parked;
    i := done;
    BEGIN
      WHILE i < stop_at LOOP
        event := events[i + 1];
        IF cardinality(held) > 0 AND (%3$s) = ANY (held) THEN
          parked := parked || jsonb_build_array(jsonb_build_object('position', event.%2$I, 'entity', %3$s, 'type', %4$s));
        ELSE
          handled := runnel_internal.%5$I(event);
        END IF;
        i := i + 1;
      END LOOP;
      done := i;
    EXCEPTION WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, code = RETURNED_SQLSTATE, detail_given = PG_EXCEPTION_DETAIL,
        hint_given = PG_EXCEPTION_HINT;
      IF code ~ '^(08|40|53|55P03|57|58|XX)' THEN
        RAISE;
      END IF;
      parked := parked_before;
      failed := i + 1;
      stop_at := i;
      failure := jsonb_build_object('position', event.%2$I, 'entity', %3$s, 'type', %4$s, 'message', message, 'code', code,
        'detail', detail_given, 'hint', hint_given);
    END;
    IF failed = done + 1 THEN
      IF NOT (isolating OR coalesce((failure ->> 'position')::bigint = exhausted, false)) OR code LIKE '42%%' THEN
        blocked := failure;
        EXIT;
      END IF;
      failures := failures || jsonb_build_array(failure);
      held := held || (failure ->> 'entity');
      done := failed;
      failed := NULL;
      stop_at := allowed;
    END IF;
  END LOOP;
  event := events[done];
  place := event.%2$I;
  more := total = batch AND allowed = total;
  IF kind = 'NEXT' AND workers > 1 THEN
    -- Past what is others', up to the event that cannot be handled, or to where it has looked.
    place := CASE
      WHEN blocked IS NOT NULL THEN coalesce((SELECT max(runnel_event.%2$I) FROM %1$s AS runnel_event
        WHERE runnel_event.%2$I > edge AND runnel_event.%2$I < (blocked ->> 'position')::bigint), place)
      WHEN total = batch THEN place
      ELSE reached END;
    more := total = batch OR (barred IS NULL AND seen = batch * workers);
  END IF;
  RETURN jsonb_build_object('total', total, 'done', done, 'handled', done - jsonb_array_length(parked) - jsonb_array_length(failures),
    'position', place, 'time', %9$s, 'waiting', barred IS NOT NULL OR allowed < total, 'more', more, 'parked', parked, 'failures', failures,
    'blocked', blocked,
    'consumed', (SELECT range_agg(int8range(e.%2$I, e.%2$I, '[]')) FROM unnest(events[1:done]) AS e WHERE kind = 'CHOSEN'));
END$template$,
        log.qualified,
        projection.position_column,
        CASE WHEN projection.entity_column IS NOT NULL
            THEN format('event.%I::text', projection.entity_column) ELSE 'NULL::text' END,
        CASE WHEN projection.type_column IS NOT NULL
            THEN format('event.%I::text', projection.type_column) ELSE 'NULL::text' END,
        'handle_' || projection.id,
        CASE WHEN projection.type_column IS NOT NULL
            THEN format(' AND runnel_event.%I = ANY ($5::%s[])', projection.type_column, log.type_type) END,
        CASE WHEN projection.entity_column IS NOT NULL
            THEN format(' AND runnel_event.%I = $6::%s', projection.entity_column, log.entity_type) END,
        CASE WHEN projection.time_column IS NOT NULL
            THEN format(' AND runnel_event.%I >= $7', projection.time_column) END,
        CASE WHEN projection.time_column IS NOT NULL
            THEN format('event.%I::timestamptz', projection.time_column) ELSE 'NULL::timestamptz' END,
        format('SELECT ARRAY(SELECT runnel_event FROM %1$s AS runnel_event WHERE runnel_event.%2$I > $1 '
            'AND runnel_event.%2$I <= $2 AND NOT runnel_event.%2$I::bigint <@ $3',
            log.qualified, projection.position_column),
        format(' ORDER BY runnel_event.%I LIMIT $4)', projection.position_column),
        -- Until the end of the batch; the triggers on the targets look at it.
        CASE WHEN projection.rebuild_of IS NOT NULL
            THEN format('PERFORM pg_catalog.set_config(''runnel.shadow'', %L, true);', projection.rebuild_of) ELSE '' END,
        CASE WHEN projection.entity_column IS NOT NULL
            THEN format('runnel_event.%I::text', projection.entity_column) ELSE 'NULL::text' END,
        CASE WHEN projection.entity_column IS NOT NULL
            THEN format(' AND runnel_internal.worker_of(runnel_event.%I::text, $8) = $9', projection.entity_column) ELSE '' END)
    FROM (
        SELECT projection.relation::regclass::text AS qualified, (
                SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = projection.relation AND attname = projection.type_column) AS type_type, (
                SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = projection.relation AND attname = projection.entity_column) AS entity_type
    ) AS log
$body$;

CREATE OR REPLACE FUNCTION runnel_internal.build_projection(built runnel_internal.projection) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET check_function_bodies = on AS $build$
DECLARE
    service name := current_user;
    lent boolean := built.owner <> service AND NOT has_schema_privilege(built.owner, 'runnel_internal', 'CREATE');
    settings text := format('SET search_path = %s SET TimeZone = %L SET DateStyle = ''ISO, MDY'' SET IntervalStyle = postgres',
        (
            SELECT string_agg(quote_ident(part), ', ' ORDER BY place)
            FROM unnest(built.search_path || 'pg_temp'::name) WITH ORDINALITY AS path (part, place)), built.time_zone);
    made regprocedure;
BEGIN
    IF lent THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('runnel.build_projection', 0));
        EXECUTE format('GRANT CREATE ON SCHEMA runnel_internal TO %I', built.owner);
    END IF;
    -- It returns something, because PL/pgSQL calls what stands in an assignment without a statement around it.
    EXECUTE format('CREATE OR REPLACE FUNCTION runnel_internal.%I(event %s) RETURNS boolean LANGUAGE plpgsql AS %L',
        'handle_' || built.id, built.relation::regclass, runnel_internal.handler_body(built));
    EXECUTE format('CREATE OR REPLACE FUNCTION runnel_internal.%I(kind text, low bigint, high bigint, chosen int8multirange, '
        'batch integer, held text[], selection jsonb, isolating boolean, exhausted bigint, worker integer, workers integer) RETURNS jsonb '
        'LANGUAGE plpgsql SECURITY DEFINER %s AS %L',
        'apply_' || built.id, settings, runnel_internal.apply_body(built));
    EXECUTE format('CREATE OR REPLACE FUNCTION runnel_internal.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER %s AS %L',
        'insert_' || built.id, settings,
        format(E'DECLARE\n  handled boolean;\nBEGIN\n  handled := runnel_internal.%I(NEW);\n  RETURN NULL;\nEND', 'handle_' || built.id));
    IF built.rebuild_of IS NOT NULL THEN
        EXECUTE format('CREATE OR REPLACE FUNCTION runnel_internal.%I(targets oid[], copies oid[], shadow text) RETURNS bigint[] '
            'LANGUAGE plpgsql SECURITY DEFINER %s SET extra_float_digits = 1 AS %L',
            'exchange_' || built.id, settings, runnel_internal.exchange_body());
    END IF;
    FOR made IN SELECT runnel_internal.projection_functions(built.id) LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
        IF built.owner <> service THEN
            EXECUTE format('ALTER FUNCTION %s OWNER TO %I', made, built.owner);
            EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', made, service);
        END IF;
    END LOOP;
    IF lent THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA runnel_internal FROM %I', built.owner);
    END IF;
END $build$;

DROP FUNCTION runnel_internal.block_projection(runnel_internal.projection, jsonb, boolean);
CREATE FUNCTION runnel_internal.block_projection(
    projection runnel_internal.projection, blocked jsonb, suspending boolean, blocked_worker integer
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.projection_state
    SET suspended = suspending, failing_position = (blocked ->> 'position')::bigint,
        attempts = CASE WHEN failing_position = (blocked ->> 'position')::bigint THEN attempts ELSE 0 END + 1,
        consecutive_errors = consecutive_errors + 1, last_error = blocked ->> 'message',
        last_error_code = blocked ->> 'code', last_error_detail = nullif(blocked ->> 'detail', ''),
        last_error_hint = nullif(blocked ->> 'hint', ''), last_error_at = clock_timestamp()
    WHERE projection_id = projection.id AND worker = blocked_worker
$$;

DROP FUNCTION runnel_internal.revived(bigint, integer);
CREATE FUNCTION runnel_internal.revived(wanted_id bigint, rows_max integer, worker_wanted integer, workers integer) RETURNS int8multirange
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(range_agg(int8range(position, position, '[]')), '{}')
    FROM (
        SELECT position
        FROM (
            SELECT position, bool_and(status = 'WAITING' OR retry) OVER (
                PARTITION BY entity, CASE WHEN entity IS NULL THEN position END ORDER BY position) AS eligible
            FROM runnel_internal.dead_letter
            WHERE projection_id = wanted_id AND runnel_internal.worker_of(entity, workers) = worker_wanted
        ) AS letter
        WHERE eligible
        ORDER BY position
        LIMIT rows_max
    ) AS chosen
$$;

CREATE OR REPLACE FUNCTION runnel_internal.broken(projection runnel_internal.projection, state runnel_internal.projection_state)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class WHERE oid = projection.relation) THEN
        RETURN jsonb_build_object('code', 'RN004', 'message', 'the event log was dropped',
            'hint', 'Drop the projection, or create it anew over another log.');
    ELSIF (
        SELECT count(*)
        FROM runnel_internal.projection_functions(projection.id) AS made
        JOIN pg_proc ON pg_proc.oid = made
        WHERE proowner = to_regrole(quote_ident(projection.owner))
            AND (proname LIKE 'handle%' OR proname LIKE 'insert%' AND prosecdef OR proname LIKE 'apply%' AND prosecdef AND pronargs = 11)
    ) < 3 THEN
        RETURN jsonb_build_object('code', 'RN004', 'message', 'the functions of the projection were dropped or altered',
            'hint', 'Use runnel.alter_projection to have them made again.');
    ELSIF projection.workers > 1
        AND projection.entity_type IS DISTINCT FROM runnel_internal.entity_type(projection.relation, projection.entity_column)
    THEN
        RETURN jsonb_build_object('code', 'RN007', 'message', format('the type of entity column %I was altered', projection.entity_column),
            'detail', 'Workers share out the events by the text of their entities, which may be another one now.',
            'hint', 'Use runnel.rebuild_projection, or runnel.resume_projection if the texts are the same.');
    ELSIF state.origin <> runnel_internal.origin() THEN
        RETURN jsonb_build_object('code', 'RN005', 'message', 'the database was restored from a dump',
            'detail', 'Transactions have other numbers here: it is unknown whether events were added out of order meanwhile.',
            'hint', 'Use runnel.rebuild_projection, or runnel.resume_projection if nothing was appended after the dump.');
    END IF;
    RETURN NULL;
END $$;

-- One batch of a worker; see the migration of projections.
DROP FUNCTION runnel_internal.run_projection(bigint, bigint, boolean);
CREATE FUNCTION runnel_internal.run_projection(
    wanted_id bigint, horizon bigint, first boolean DEFAULT NULL, worker_wanted integer DEFAULT 0
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    replay runnel_internal.projection_replay;
    part runnel_internal.projection_replay_part;
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
    ended boolean;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id AND worker = worker_wanted FOR UPDATE;
    IF projection.id IS NULL OR state.projection_id IS NULL OR projection.wanted <> 'ACTIVE' THEN
        RETURN '{"outcome": "GONE"}';
    ELSIF EXISTS (SELECT FROM runnel_internal.projection_state WHERE projection_id = wanted_id AND suspended) THEN
        RETURN '{"outcome": "SUSPENDED"}';
    ELSIF state.held_until > clock_timestamp() THEN
        RETURN '{"outcome": "WAITING"}';
    END IF;
    blocked := runnel_internal.broken(projection, state);
    IF blocked IS NOT NULL THEN
        PERFORM runnel_internal.block_projection(projection, blocked, true, worker_wanted);
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
            'hint', 'Drop the projection and create it again.'), true, worker_wanted);
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
        chosen := runnel_internal.revived(wanted_id, projection.batch_size, worker_wanted, projection.workers);
        IF isempty(chosen) THEN
            UPDATE runnel_internal.projection_state SET recheck = false
            WHERE projection_id = wanted_id AND worker = worker_wanted;
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
        WHERE projection_id = wanted_id AND finished_at IS NULL AND NOT EXISTS (
            SELECT
            FROM runnel_internal.projection_replay_part
            WHERE replay_id = projection_replay.id AND worker = worker_wanted AND projection_replay_part.finished_at IS NOT NULL)
        ORDER BY id
        LIMIT 1;
        IF FOUND THEN
            SELECT * INTO part
            FROM runnel_internal.projection_replay_part
            WHERE replay_id = replay.id AND worker = worker_wanted;
            kind := 'REPLAY';
            low := coalesce(part.at_position, replay.from_position - 1);
            high := coalesce(part.upto_position, state.checkpoint, -9223372036854775808);
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
    EXECUTE format('SELECT runnel_internal.%I($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)', 'apply_' || wanted_id)
    INTO result
    USING CASE WHEN kind IN ('LATE', 'REVIVED') THEN 'CHOSEN' ELSE kind END, low, high, chosen, projection.batch_size, held,
        selection, isolating, exhausted, worker_wanted,
        -- The dead letters that were chosen are its own.
        CASE WHEN kind = 'REVIVED' THEN 1 ELSE projection.workers END;
    total := (result ->> 'total')::integer;
    blocked := CASE WHEN jsonb_typeof(result -> 'blocked') = 'object' THEN result -> 'blocked' END;
    IF projection.workers > 1 AND jsonb_path_exists(
        jsonb_build_array(blocked) || (result -> 'failures'), '$[*] ? (@.code == "23505" || @.code == "23P01")')
    THEN
        -- A key may have been taken by another worker since this snapshot. If one has ended a batch since then, this fails with
        -- an error of class 40; one that is at work still is not asked, because the key was taken by a transaction that has ended.
        PERFORM FROM runnel_internal.projection_state
        WHERE projection_id = wanted_id AND worker <> worker_wanted
        FOR SHARE SKIP LOCKED;
    END IF;
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
        -- Up to the last one that was handled, what is left is others' or deleted from the log.
        state.late := state.late - CASE WHEN total < projection.batch_size AND blocked IS NULL THEN chosen
            WHEN projection.workers > 1 AND result ->> 'position' IS NOT NULL
                THEN int8multirange(int8range(NULL, (result ->> 'position')::bigint, '(]'))
            ELSE coalesce((result ->> 'consumed')::int8multirange, '{}') END;
    ELSIF kind = 'REPLAY' THEN
        ended := blocked IS NULL AND total < projection.batch_size;
        INSERT INTO runnel_internal.projection_replay_part AS known
            (replay_id, worker, upto_position, at_position, events_handled, started_at, finished_at)
        VALUES (replay.id, worker_wanted, high, (result ->> 'position')::bigint, (result ->> 'handled')::integer, now(),
            CASE WHEN ended THEN clock_timestamp() END)
        ON CONFLICT (replay_id, worker) DO UPDATE
        SET at_position = coalesce(excluded.at_position, known.at_position),
            events_handled = known.events_handled + excluded.events_handled, finished_at = excluded.finished_at;
        IF ended THEN
            -- Of two workers that end at once one fails here, and ends later.
            UPDATE runnel_internal.projection_replay
            SET parts_finished = parts_finished + 1,
                finished_at = CASE WHEN parts_finished + 1 >= projection.workers THEN clock_timestamp() END
            WHERE id = replay.id;
        END IF;
    END IF;
    IF kind <> 'REPLAY' THEN
        PERFORM runnel_internal.bury(projection, result);
    END IF;
    -- A look that found nothing leaves no trace.
    IF total > 0 OR arrived IS NOT NULL OR kind <> 'NEXT' OR result ->> 'position' IS NOT NULL THEN
        UPDATE runnel_internal.projection_state
        SET checkpoint = CASE WHEN kind = 'NEXT' THEN coalesce((result ->> 'position')::bigint, checkpoint) ELSE checkpoint END,
            frontier = pg_current_snapshot(), late = state.late,
            events_handled = events_handled + (result ->> 'handled')::integer,
            last_event_at = CASE WHEN kind = 'NEXT' THEN coalesce((result ->> 'time')::timestamptz, last_event_at)
                ELSE last_event_at END,
            updated_at = CASE WHEN (result ->> 'done')::integer > 0 THEN clock_timestamp() ELSE updated_at END,
            consecutive_errors = CASE WHEN (result ->> 'done')::integer > 0 THEN 0 ELSE consecutive_errors END
        WHERE projection_id = wanted_id AND worker = worker_wanted;
    END IF;
    IF blocked IS NOT NULL THEN
        tries := CASE WHEN state.failing_position = (blocked ->> 'position')::bigint THEN state.attempts ELSE 0 END + 1;
        suspending := projection.failure_policy = 'STOP' OR kind = 'REPLAY' OR blocked ->> 'code' LIKE '42%'
            OR (projection.failure_policy = 'RETRY' AND coalesce(tries >= projection.attempts_max, false));
        PERFORM runnel_internal.block_projection(projection, blocked, suspending, worker_wanted);
    ELSIF state.failing_position IS NOT NULL AND (result ->> 'done')::integer > 0 THEN
        UPDATE runnel_internal.projection_state SET failing_position = NULL, attempts = 0
        WHERE projection_id = wanted_id AND worker = worker_wanted;
    END IF;
    outcome := CASE
        WHEN suspending THEN 'SUSPENDED'
        WHEN blocked IS NOT NULL THEN 'FAILED'
        WHEN kind <> 'NEXT' OR (result ->> 'more')::boolean THEN 'MORE'
        WHEN (result ->> 'waiting')::boolean THEN 'WAITING'
        ELSE 'IDLE' END;
    IF outcome = 'IDLE' AND runnel_internal.by_clock(projection.schedule) THEN
        UPDATE runnel_internal.projection_state SET looked_at = now()
        WHERE projection_id = wanted_id AND worker = worker_wanted;
    END IF;
    RETURN jsonb_build_object('handled', result -> 'handled', 'outcome', outcome);
END $$;

-- Whether a batch of a worker would find something to do; of any worker, if none is named.
DROP FUNCTION runnel_internal.projection_pending(bigint);
CREATE FUNCTION runnel_internal.projection_pending(wanted_id bigint, worker_wanted integer DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    pending boolean;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    IF projection.wanted IS DISTINCT FROM 'ACTIVE' OR projection.log_id IS NULL
        OR EXISTS (SELECT FROM runnel_internal.projection_state WHERE projection_id = wanted_id AND suspended)
    THEN
        RETURN false;
    END IF;
    FOR state IN
        SELECT *
        FROM runnel_internal.projection_state
        WHERE projection_id = wanted_id AND worker = coalesce(worker_wanted, worker)
    LOOP
        IF state.recheck OR NOT isempty(state.late) OR EXISTS (
            SELECT
            FROM runnel_internal.projection_replay
            WHERE projection_id = wanted_id AND finished_at IS NULL AND (cancelled OR NOT EXISTS (
                SELECT
                FROM runnel_internal.projection_replay_part
                WHERE replay_id = projection_replay.id AND worker = state.worker
                    AND projection_replay_part.finished_at IS NOT NULL)))
        THEN
            RETURN true;
        END IF;
        EXECUTE format('SELECT coalesce((SELECT max(%I) FROM %s) > $1, $1 IS NULL AND EXISTS (SELECT FROM %2$s)) OR EXISTS ('
                'SELECT FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($2) AND NOT pg_visible_in_snapshot(xid, $2) '
                'AND (positions IS NULL OR lower(positions) <= $1))',
            projection.position_column, projection.relation::regclass, 'appended_' || projection.log_id)
        INTO pending
        USING state.checkpoint, state.frontier;
        IF pending THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    -- A batch finds out what is wrong.
    RETURN true;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION runnel_internal.make_projection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT has_table_privilege(NEW.owner, NEW.relation, 'SELECT')
        OR (NEW.mode = 'SYNCHRONOUS' AND NOT has_table_privilege(NEW.owner, NEW.relation, 'TRIGGER'))
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied for event log %s', NEW.relation::regclass),
            HINT = format('GRANT SELECT%s ON %s TO %I.', CASE NEW.mode WHEN 'SYNCHRONOUS' THEN ', TRIGGER' ELSE '' END,
                NEW.relation::regclass, NEW.owner);
    ELSIF NOT has_table_privilege(current_user, NEW.relation, 'SELECT')
        OR NOT has_table_privilege(current_user, NEW.relation, 'TRIGGER')
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('a right is missing on event log %s', NEW.relation::regclass),
            HINT = format('GRANT SELECT, TRIGGER ON %s TO %I.', NEW.relation::regclass, current_user);
    END IF;
    IF NEW.rebuild_of IS NOT NULL AND NOT EXISTS (
        SELECT FROM runnel_internal.projection AS original
        WHERE original.id = NEW.rebuild_of AND original.mode = 'ASYNCHRONOUS' AND NEW.mode = 'ASYNCHRONOUS'
            AND (original.owner, original.relation, original.position_column)
                = (NEW.owner, NEW.relation, NEW.position_column))
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'a projection is rebuilt by its owner',
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    PERFORM runnel_internal.check_workers(NEW);
    PERFORM runnel_internal.build_projection(NEW);
    IF NEW.mode = 'ASYNCHRONOUS' THEN
        UPDATE runnel_internal.projection
        SET log_id = runnel_internal.record_log(NEW.relation, NEW.position_column)
        WHERE id = NEW.id;
    END IF;
    INSERT INTO runnel_internal.projection_state (projection_id, worker, frontier, origin)
    SELECT NEW.id, worker, pg_current_snapshot(), runnel_internal.origin()
    FROM generate_series(0, NEW.workers - 1) AS worker;
    IF NEW.start_from = 'NOW' THEN
        PERFORM runnel_internal.begin_after_all(NEW);
    END IF;
    IF NEW.mode = 'SYNCHRONOUS' THEN
        PERFORM runnel_internal.synchronize(NEW.id);
    END IF;
    PERFORM pg_notify('runnel_projection', NEW.id::text);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.remake_projection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.handlers, NEW.ignored_types, NEW.search_path, NEW.time_zone)
        IS DISTINCT FROM (OLD.handlers, OLD.ignored_types, OLD.search_path, OLD.time_zone)
    THEN
        PERFORM runnel_internal.build_projection(NEW);
    END IF;
    -- A batch that is under way ends first.
    PERFORM FROM runnel_internal.projection_state WHERE projection_id = NEW.id ORDER BY worker FOR UPDATE;
    IF NEW.rebuilds <> OLD.rebuilds THEN
        DELETE FROM runnel_internal.dead_letter WHERE projection_id = NEW.id;
        UPDATE runnel_internal.projection_replay
        SET finished_at = clock_timestamp(), cancelled = true
        WHERE projection_id = NEW.id AND finished_at IS NULL;
        UPDATE runnel_internal.projection_state
        SET checkpoint = NULL, late = '{}', events_handled = 0, last_event_at = NULL
        WHERE projection_id = NEW.id;
    END IF;
    IF NEW.rebuilds <> OLD.rebuilds OR NEW.resumptions <> OLD.resumptions THEN
        UPDATE runnel_internal.projection_state
        SET suspended = false, failing_position = NULL, attempts = 0, consecutive_errors = 0, last_error = NULL,
            last_error_code = NULL, last_error_detail = NULL, last_error_hint = NULL,
            frontier = CASE WHEN origin = runnel_internal.origin() THEN frontier ELSE pg_current_snapshot() END,
            origin = runnel_internal.origin()
        WHERE projection_id = NEW.id;
    END IF;
    IF NEW.workers <> OLD.workers OR NEW.rebuilds <> OLD.rebuilds OR NEW.resumptions <> OLD.resumptions THEN
        PERFORM runnel_internal.check_workers(NEW);
    END IF;
    IF NEW.workers <> OLD.workers THEN
        PERFORM runnel_internal.share_out(NEW, OLD.workers);
    END IF;
    IF NEW.mode = 'SYNCHRONOUS' AND OLD.wanted = 'ACTIVE' AND NEW.wanted = 'PAUSED' THEN
        PERFORM runnel_internal.desynchronize(NEW);
    ELSIF NEW.mode = 'SYNCHRONOUS' AND NEW.wanted = 'ACTIVE'
        AND (OLD.wanted = 'PAUSED' OR NEW.resumptions <> OLD.resumptions)
    THEN
        PERFORM runnel_internal.synchronize(NEW.id);
    END IF;
    PERFORM pg_notify('runnel_projection', NEW.id::text);
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.unmake_projection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    made regprocedure;
BEGIN
    PERFORM FROM runnel_internal.projection_state WHERE projection_id = OLD.id ORDER BY worker FOR UPDATE;
    FOR made IN SELECT runnel_internal.projection_functions(OLD.id) LOOP
        PERFORM runnel_internal.alter_log(OLD.relation, format('DROP FUNCTION IF EXISTS %s CASCADE', made));
    END LOOP;
    IF OLD.rebuild_of IS NOT NULL THEN
        PERFORM runnel_internal.alter_log(OLD.relation, format(
            'DROP FUNCTION IF EXISTS runnel_internal.%I() CASCADE', 'guard_' || OLD.rebuild_of));
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', runnel_internal.shadow_schema(OLD.rebuild_of));
    END IF;
    PERFORM pg_notify('runnel_projection', OLD.id::text);
    RETURN OLD;
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.recheck_dead_letters(rechecked_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM runnel_internal.projection_state WHERE projection_id = rechecked_id ORDER BY worker FOR UPDATE;
    UPDATE runnel_internal.projection_state
    SET recheck = true
    FROM runnel_internal.projection
    WHERE projection_id = rechecked_id AND projection.id = projection_id
        AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(projection.owner))::oid, 'USAGE');
    PERFORM pg_notify('runnel_projection', rechecked_id::text);
END $$;

CREATE OR REPLACE TRIGGER remake_projection
    AFTER UPDATE OF handlers, ignored_types, search_path, time_zone, schedule, schedule_time_zone, batch_size, failure_policy,
        attempts_max, workers, wanted, resumptions, rebuilds ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.remake_projection();

-- ---------------------------------------------------------------------------------------------------------------------
-- Freshness
-- ---------------------------------------------------------------------------------------------------------------------

-- Whether the targets show every event of a worker that the snapshot sees, dead letters apart; see the head of the migration of
-- freshness. An event of another worker that this one has not gone past counts as well, and is waited for in vain, but not for
-- long.
CREATE FUNCTION runnel_internal.worker_reflects(
    projection runnel_internal.projection, state runnel_internal.projection_state, awaited pg_snapshot
) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing boolean;
    beyond int8multirange := '{}';
    later int8multirange;
BEGIN
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
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.projection_reflects(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR state IN SELECT * FROM runnel_internal.projection_state WHERE projection_id = wanted_id ORDER BY worker LOOP
        IF state.worker = 0 AND runnel_internal.broken(projection, state) IS NOT NULL THEN
            RETURN false;
        ELSIF projection.log_id IS NULL THEN
            RETURN runnel_internal.projection_obstacle(wanted_id) IS NULL;
        ELSIF NOT runnel_internal.worker_reflects(projection, state, awaited) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    -- The next batch fails in the same way, and says so.
    RETURN false;
END $$;

-- How long events of a worker have been waiting; null where that is not known. See projection_lag.
CREATE FUNCTION runnel_internal.worker_lag(
    projection runnel_internal.projection, state runnel_internal.projection_state
) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    arrived int8multirange;
    since timestamptz;
    first_at timestamptz;
BEGIN
    IF runnel_internal.worker_reflects(projection, state, pg_current_snapshot()) THEN
        RETURN 0;
    ELSIF runnel_internal.worker_reflects(projection, state, state.frontier) THEN
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
END $$;

-- The greatest lag of its workers.
CREATE OR REPLACE FUNCTION runnel_internal.projection_lag(wanted_id bigint) RETURNS double precision
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    seconds double precision;
    longest double precision;
BEGIN
    IF runnel_internal.projection_reflects(wanted_id, pg_current_snapshot()) THEN
        RETURN 0;
    END IF;
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    FOR state IN SELECT * FROM runnel_internal.projection_state WHERE projection_id = wanted_id ORDER BY worker LOOP
        IF projection.log_id IS NULL OR (state.worker = 0 AND runnel_internal.broken(projection, state) IS NOT NULL) THEN
            RETURN NULL;
        END IF;
        seconds := runnel_internal.worker_lag(projection, state);
        IF seconds IS NULL THEN
            RETURN NULL;
        END IF;
        longest := greatest(longest, seconds);
    END LOOP;
    RETURN longest;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.projection_obstacle(wanted_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    broken jsonb;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id ORDER BY suspended DESC, worker LIMIT 1;
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

CREATE OR REPLACE FUNCTION runnel_internal.urge_projection(wanted_id bigint, look integer) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_notify('runnel_projection', wanted_id::text)
    FROM runnel_internal.projection
    WHERE id = wanted_id AND schedule <> 'on-change' AND look % 20 = 0 AND NOT EXISTS (
        SELECT FROM runnel_internal.projection_state WHERE projection_id = wanted_id AND consecutive_errors > 0)
$$;

CREATE OR REPLACE FUNCTION runnel_internal.model_frontier(wanted_kind text, wanted_id bigint) RETURNS pg_snapshot
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE wanted_kind
        WHEN 'STREAM_TABLE' THEN (SELECT snapshot FROM runnel_internal.frontier WHERE stream_table_id = wanted_id)
        WHEN 'PROJECTION' THEN (
            SELECT CASE WHEN log_id IS NULL THEN pg_current_snapshot() ELSE runnel_internal.joint_frontier(id) END
            FROM runnel_internal.projection
            WHERE id = wanted_id)
        WHEN 'MATERIALIZED_VIEW' THEN (
            SELECT coalesce(runnel_internal.view_frontier(id), pg_current_snapshot())
            FROM runnel_internal.materialized_view
            JOIN pg_class ON pg_class.oid = relation AND relispopulated
            WHERE id = wanted_id) END
$$;

CREATE OR REPLACE FUNCTION runnel_internal.raise_model_timeout(wanted_kind text, wanted_id bigint, given text, timeout interval) RETURNS void
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
    JOIN runnel_internal.projection_progress ON projection_id = projection.id
    WHERE projection.id = wanted_id;
    RAISE SQLSTATE 'RN001' USING
        MESSAGE = format('projection %s is not up to date after %s', given, timeout),
        DETAIL = concat('It is at position ', coalesce(progress.checkpoint::text, 'none'), ' of ',
            coalesce(progress.latest::text, 'none'),
            CASE WHEN progress.consecutive_errors > 0 THEN ', last error: ' || progress.last_error END, '.'),
        HINT = 'Call again with a longer timeout; if nothing moves, see whether the service runs.';
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Side by side
-- ---------------------------------------------------------------------------------------------------------------------

-- The shadow has as many workers as the projection, so that each of them has its counterpart.
CREATE OR REPLACE FUNCTION runnel_internal.lock_rebuild(wanted_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT FROM runnel_internal.projection_state
    WHERE projection_id IN (SELECT unnest(ARRAY[id, rebuild_of]) FROM runnel_internal.projection WHERE id = wanted_id)
    ORDER BY projection_id, worker
    FOR UPDATE
$$;

CREATE OR REPLACE FUNCTION runnel_internal.exchange_rebuild(wanted_id bigint) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild;
    shadow runnel_internal.projection;
    original runnel_internal.projection;
    behind runnel_internal.projection_state;
    ahead runnel_internal.projection_state;
    unseen boolean;
    counts bigint[];
    letters runnel_internal.dead_letter[];
BEGIN
    SELECT * INTO rebuild FROM runnel_internal.projection_rebuild WHERE shadow_id = wanted_id;
    SELECT * INTO shadow FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO original FROM runnel_internal.projection WHERE id = shadow.rebuild_of;
    IF rebuild.exchanging IS NOT TRUE
        OR EXISTS (SELECT FROM runnel_internal.projection_state WHERE projection_id = shadow.id AND suspended)
    THEN
        RETURN 'DONE';
    END IF;
    FOR behind IN SELECT * FROM runnel_internal.projection_state WHERE projection_id = shadow.id LOOP
        SELECT * INTO ahead FROM runnel_internal.projection_state WHERE projection_id = original.id AND worker = behind.worker;
        IF NOT FOUND THEN
            RAISE 'projection % has other workers than its rebuild', original.name;
        END IF;
        EXECUTE format('SELECT EXISTS (SELECT FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($1) '
            'AND NOT pg_visible_in_snapshot(xid, $1) AND (positions IS NULL OR lower(positions) <= $2))',
            'appended_' || shadow.log_id)
        INTO unseen
        USING behind.frontier, behind.checkpoint;
        IF unseen OR NOT isempty(behind.late)
            OR coalesce(behind.checkpoint, -9223372036854775808) < coalesce(ahead.checkpoint, -9223372036854775808)
        THEN
            IF ahead.held_until > clock_timestamp() THEN
                RETURN 'AGAIN';
            ELSIF ahead.held_until > clock_timestamp() - interval '30 seconds' THEN
                RETURN 'LATER';
            END IF;
            UPDATE runnel_internal.projection_state
            SET held_until = clock_timestamp() + interval '2 seconds'
            WHERE projection_id = original.id;
            RETURN 'AGAIN';
        END IF;
    END LOOP;
    EXECUTE format('SELECT runnel_internal.%I($1, $2, $3)', 'exchange_' || shadow.id)
    INTO counts
    USING rebuild.targets, rebuild.copies, quote_ident(runnel_internal.shadow_schema(original.id));
    SELECT array_agg(letter) INTO letters
    FROM runnel_internal.dead_letter AS letter
    WHERE projection_id IN (original.id, shadow.id);
    DELETE FROM runnel_internal.dead_letter WHERE projection_id IN (original.id, shadow.id);
    INSERT INTO runnel_internal.dead_letter
    SELECT CASE WHEN projection_id = original.id THEN shadow.id ELSE original.id END, position, entity, event_type, status, retry,
        attempts, error, error_code, error_detail, failed_at
    FROM unnest(letters);
    UPDATE runnel_internal.projection_state AS state
    SET checkpoint = other.checkpoint, frontier = other.frontier, frontier_at = other.frontier_at, origin = other.origin, late = other.late,
        recheck = other.recheck, suspended = other.suspended, events_handled = other.events_handled,
        last_event_at = other.last_event_at, updated_at = clock_timestamp(), failing_position = other.failing_position,
        attempts = other.attempts, consecutive_errors = other.consecutive_errors, last_error = other.last_error,
        last_error_code = other.last_error_code, last_error_detail = other.last_error_detail,
        last_error_hint = other.last_error_hint, last_error_at = other.last_error_at, held_until = NULL
    FROM runnel_internal.projection_state AS other
    WHERE (state.projection_id, other.projection_id) IN ((original.id, shadow.id), (shadow.id, original.id))
        AND state.worker = other.worker;
    UPDATE runnel_internal.projection_replay
    SET finished_at = clock_timestamp(), cancelled = true
    WHERE projection_id = original.id AND finished_at IS NULL;
    UPDATE runnel_internal.projection AS version
    SET handlers = CASE WHEN version.id = original.id THEN rebuild.handlers_for_targets ELSE rebuild.handlers_for_copies END,
        ignored_types = other.ignored_types, time_zone = other.time_zone,
        search_path = CASE WHEN version.id = original.id THEN array_remove(other.search_path, runnel_internal.shadow_schema(original.id))
            ELSE runnel_internal.shadow_schema(original.id) || other.search_path END
    FROM runnel_internal.projection AS other
    WHERE (version.id, other.id) IN ((original.id, shadow.id), (shadow.id, original.id));
    UPDATE runnel_internal.projection_rebuild
    SET handlers_for_targets = original.handlers, handlers_for_copies = shadow.handlers,
        exchanging = false, exchanges = exchanges + 1, exchanged_at = clock_timestamp(), rows_inserted = counts[1],
        rows_updated = counts[2], rows_deleted = counts[3]
    WHERE shadow_id = shadow.id;
    RETURN 'DONE';
END $$;

CREATE OR REPLACE FUNCTION runnel_internal.fail_rebuild(wanted_id bigint, code text, message text, hint text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.projection_state
    SET suspended = true, consecutive_errors = consecutive_errors + 1, last_error = message, last_error_code = code,
        last_error_detail = NULL, last_error_hint = nullif(hint, ''), last_error_at = clock_timestamp()
    WHERE projection_id = wanted_id AND worker = 0
$$;

CREATE OR REPLACE FUNCTION runnel_internal.begin_side_by_side(stored runnel_internal.projection) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    owned_id bigint := stored.id;
    shadow pg_catalog.name := runnel_internal.shadow_schema(stored.id);
    target oid;
    obstacle text;
    ordered oid[];
    copies oid[] := '{}';
    log text;
    handlers_new jsonb;
    handlers_old jsonb;
    path_before text := pg_catalog.current_setting('search_path');
BEGIN
    IF stored.mode = 'SYNCHRONOUS' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'a synchronous projection cannot be rebuilt side by side: its writers would have to wait',
            HINT = 'Use runnel.rebuild_projection without side_by_side, or create it in mode ASYNCHRONOUS.';
    ELSIF pg_catalog.current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE active_sql_transaction USING
            MESSAGE = 'a side-by-side rebuild begins in a READ COMMITTED transaction',
            HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
    FOREACH target IN ARRAY stored.targets LOOP
        obstacle := runnel_internal.copy_obstacle(target);
        IF obstacle IS NOT NULL OR NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = target) THEN
            RAISE feature_not_supported USING
                MESSAGE = pg_catalog.format('%s cannot be rebuilt side by side: %s', target::pg_catalog.regclass,
                    coalesce(obstacle, 'it was dropped')),
                HINT = 'Use runnel.rebuild_projection without side_by_side.';
        END IF;
    END LOOP;
    ordered := runnel_internal.by_reference(stored.targets);
    PERFORM runnel_internal.make_shadow_schema(owned_id);
    FOREACH target IN ARRAY ordered LOOP
        copies := copies || runnel_internal.copy_table(target, shadow);
        PERFORM runnel_internal.guard_target(target, owned_id);
    END LOOP;
    SELECT pg_catalog.format('%I.%I', nspname, relname) INTO log
    FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = stored.relation;
    PERFORM pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', pg_catalog.quote_ident(shadow), (
        SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part), ', ' ORDER BY place)
        FROM pg_catalog.unnest(stored.search_path) WITH ORDINALITY AS path (part, place))), true);
    handlers_new := runnel_internal.handlers_for_copies(log, stored.handlers, stored.targets, shadow);
    handlers_old := runnel_internal.handlers_for_copies(
        log, (SELECT handlers FROM runnel_internal.projection WHERE id = owned_id), stored.targets, shadow);
    PERFORM pg_catalog.set_config('search_path', path_before, true);
    INSERT INTO runnel_internal.projection (name, relation, position_column, type_column, entity_column, time_column,
        handlers, ignored_types, targets, mode, schedule, batch_size, failure_policy, attempts_max, start_from, search_path,
        time_zone, workers, rebuild_of)
    VALUES (pg_catalog.format('%s~rebuild', stored.name), stored.relation, stored.position_column, stored.type_column,
        stored.entity_column, stored.time_column, handlers_new, stored.ignored_types, copies, 'ASYNCHRONOUS', 'on-change',
        stored.batch_size, stored.failure_policy, stored.attempts_max, stored.start_from, shadow || stored.search_path,
        stored.time_zone, stored.workers, owned_id);
    PERFORM runnel_internal.register_rebuild(owned_id, ordered, copies, stored.handlers, handlers_old);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The surface
-- ---------------------------------------------------------------------------------------------------------------------

-- With the time zone of the schedule, and the number of workers.
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
    schedule_time_zone text DEFAULT NULL,
    workers integer DEFAULT 1
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
        time_zone, schedule_time_zone, workers)
    VALUES (name, log, position_found, type_found, entity_found, time_found, handlers_checked,
        coalesce(ignored_types, '{}'), targets_checked, mode_checked, schedule_checked, batch_size, policy_checked,
        attempts_max, start_checked, runnel_internal.named_schemas(), pg_catalog.current_setting('TimeZone'),
        runnel_internal.zone(schedule_time_zone), runnel_internal.checked_workers(workers));
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
    schedule_time_zone text DEFAULT NULL,
    workers integer DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    altered_id bigint := runnel_internal.owned_projection(name);
    stored runnel_internal.projection;
BEGIN
    SELECT * INTO stored FROM runnel_internal.projection WHERE id = altered_id FOR NO KEY UPDATE;
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
    IF workers <> stored.workers THEN
        stored.workers := runnel_internal.checked_workers(workers);
        PERFORM runnel_internal.refuse_while_rebuilt(altered_id, name);
    END IF;
    IF handlers IS NOT NULL OR default_handler IS NOT NULL OR ignored_types IS NOT NULL THEN
        PERFORM runnel_internal.refuse_while_rebuilt(altered_id, name);
        stored := runnel_internal.with_handlers(stored, handlers, default_handler, ignored_types);
    END IF;
    UPDATE runnel_internal.projection
    SET handlers = stored.handlers, ignored_types = stored.ignored_types, search_path = stored.search_path,
        time_zone = stored.time_zone, schedule = stored.schedule,
        schedule_time_zone = stored.schedule_time_zone, workers = stored.workers, failure_policy = stored.failure_policy,
        batch_size = coalesce(alter_projection.batch_size, stored.batch_size),
        attempts_max = coalesce(alter_projection.attempts_max, stored.attempts_max)
    WHERE id = altered_id;
END $$;

-- Batches refer to the row of their projection while they hold that of their state, so whoever locks both must not keep them
-- from the first before it has the second.

CREATE OR REPLACE FUNCTION runnel.rebuild_projection(
    name text,
    side_by_side boolean DEFAULT false,
    handlers jsonb DEFAULT NULL,
    default_handler text DEFAULT NULL,
    ignored_types text[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    rebuilt_id bigint := runnel_internal.owned_projection(name);
    stored runnel_internal.projection;
    emptied runnel_internal.projection;
BEGIN
    PERFORM runnel_internal.refuse_while_rebuilt(rebuilt_id, name);
    SELECT * INTO stored FROM runnel_internal.projection WHERE id = rebuilt_id FOR NO KEY UPDATE;
    IF stored.targets = '{}' THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('projection %s has no targets that could be emptied', name),
            HINT = 'Create it with targets => ARRAY[...], or empty its tables yourself and use runnel.replay_projection.';
    END IF;
    IF side_by_side THEN
        stored := runnel_internal.with_handlers(stored, handlers, default_handler, ignored_types);
        PERFORM runnel_internal.begin_side_by_side(stored);
        RETURN;
    END IF;
    IF handlers IS NOT NULL OR default_handler IS NOT NULL OR ignored_types IS NOT NULL THEN
        PERFORM runnel.alter_projection(name, handlers => handlers, default_handler => default_handler,
            ignored_types => ignored_types);
    END IF;
    UPDATE runnel_internal.projection SET rebuilds = rebuilds + 1 WHERE id = rebuilt_id RETURNING * INTO emptied;
    EXECUTE 'TRUNCATE ' || (
        SELECT pg_catalog.string_agg(target::pg_catalog.regclass::text, ', ') FROM pg_catalog.unnest(emptied.targets) AS target);
    -- One that runs in the writers' transactions does it at once.
    UPDATE runnel_internal.projection SET resumptions = resumptions + 1
    WHERE id = rebuilt_id AND projection.mode = 'SYNCHRONOUS';
END $$;

CREATE FUNCTION runnel_internal.await_batches(awaited_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT
    FROM runnel_internal.projection_state
    JOIN runnel_internal.projection ON projection.id = projection_id
    WHERE projection_id = awaited_id
        AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(projection.owner))::oid, 'USAGE')
    ORDER BY worker
    FOR UPDATE OF projection_state
$$;

CREATE OR REPLACE FUNCTION runnel.drop_projection(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    dropped_id bigint := runnel_internal.owned_projection(name);
BEGIN
    PERFORM runnel_internal.await_batches(dropped_id);
    DELETE FROM runnel_internal.projection WHERE id = dropped_id;
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
    projection.schedule_time_zone,
    projection.workers
FROM runnel_internal.projection
JOIN runnel_internal.projection_progress AS state ON state.projection_id = projection.id
LEFT JOIN pg_class ON pg_class.oid = projection.relation
LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
CROSS JOIN LATERAL (SELECT runnel_internal.latest_position(projection.id)) AS latest (position)
WHERE projection.rebuild_of IS NULL
    AND (coalesce(pg_has_role(current_user, to_regrole(quote_ident(projection.owner))::oid, 'USAGE'), false)
        OR EXISTS (
            SELECT FROM unnest(projection.targets) AS target
            WHERE coalesce(has_table_privilege(current_user, target, 'SELECT'), false)));

CREATE OR REPLACE VIEW runnel.projection_rebuilds WITH (security_barrier) AS
SELECT original.name AS projection_name,
    CASE WHEN rebuild.exchanging AND state.suspended THEN 'FAILED'
        WHEN rebuild.exchanging AND rebuild.exchanges = 0 THEN 'RUNNING'
        WHEN rebuild.exchanging THEN 'ROLLING_BACK'
        WHEN rebuild.exchanges % 2 = 1 THEN 'EXCHANGED'
        ELSE 'ROLLED_BACK' END AS status,
    state.checkpoint AS at_position, rebuild.upto_position, state.events_handled,
    (SELECT count(*) FROM runnel_internal.dead_letter WHERE projection_id = rebuild.shadow_id) AS dead_letters,
    state.events_handled / nullif(took.seconds, 0) AS events_per_second,
    CASE WHEN rebuild.exchanging AND rebuild.exchanges = 0
        THEN greatest(took.seconds * (rebuild.upto_position - state.checkpoint) / nullif(state.checkpoint, 0), 0)
    END AS seconds_remaining,
    rebuild.started_at, rebuild.exchanged_at, rebuild.rows_inserted, rebuild.rows_updated, rebuild.rows_deleted,
    state.failing_position, state.last_error, state.last_error_code, state.last_error_detail, state.last_error_hint, state.last_error_at
FROM runnel_internal.projection_rebuild AS rebuild
JOIN runnel_internal.projection AS shadow ON shadow.id = rebuild.shadow_id
JOIN runnel_internal.projection AS original ON original.id = shadow.rebuild_of
JOIN runnel_internal.projection_progress AS state ON state.projection_id = shadow.id
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM coalesce(rebuild.exchanged_at, clock_timestamp()) - rebuild.started_at)::double precision
) AS took (seconds)
WHERE coalesce(pg_has_role(current_user, to_regrole(quote_ident(original.owner))::oid, 'USAGE'), false);

CREATE OR REPLACE VIEW runnel.projection_replays WITH (security_barrier) AS
SELECT replay.id, projection.name AS projection_name, replay.types, replay.entity, replay.from_position, replay.from_time,
    part.upto_position, part.at_position, part.events_handled,
    CASE WHEN replay.cancelled THEN 'CANCELLED' WHEN replay.finished_at IS NOT NULL THEN 'FINISHED'
        WHEN part.started_at IS NULL THEN 'WAITING' ELSE 'RUNNING' END AS status,
    replay.requested_at, part.started_at, replay.finished_at,
    part.events_handled / nullif(took.seconds, 0) AS events_per_second,
    CASE WHEN replay.finished_at IS NULL THEN took.seconds * (part.upto_position - part.at_position)
        / nullif(part.at_position - coalesce(replay.from_position, 1) + 1, 0) END AS seconds_remaining
FROM runnel_internal.projection_replay AS replay
JOIN runnel_internal.projection ON projection.id = replay.projection_id
CROSS JOIN LATERAL (
    -- That of the worker that is least far; one that has ended has looked at all.
    SELECT max(upto_position) AS upto_position,
        min(CASE WHEN projection_replay_part.finished_at IS NOT NULL AND projection.workers > 1 THEN upto_position ELSE at_position END)
            AS at_position,
        coalesce(sum(events_handled), 0)::bigint AS events_handled, min(started_at) AS started_at
    FROM runnel_internal.projection_replay_part
    WHERE replay_id = replay.id
) AS part
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM coalesce(replay.finished_at, clock_timestamp()) - part.started_at)::double precision
) AS took (seconds)
WHERE projection.rebuild_of IS NULL
    AND coalesce(pg_has_role(current_user, to_regrole(quote_ident(projection.owner))::oid, 'USAGE'), false);

ALTER TABLE runnel_internal.projection_replay DROP COLUMN upto_position, DROP COLUMN at_position, DROP COLUMN events_handled,
    DROP COLUMN started_at;

-- ---------------------------------------------------------------------------------------------------------------------
-- Those that are there
-- ---------------------------------------------------------------------------------------------------------------------

-- Their functions are made anew, with the worker among their arguments. One that cannot be made, because its owner has lost a
-- right, is told as broken by the next batch.
DO $$
DECLARE
    known runnel_internal.projection;
BEGIN
    FOR known IN
        SELECT * FROM runnel_internal.projection WHERE relation IN (SELECT oid FROM pg_class) ORDER BY id
    LOOP
        BEGIN
            EXECUTE format('DROP FUNCTION IF EXISTS runnel_internal.%I(text, bigint, bigint, int8multirange, integer, text[], jsonb, '
                'boolean, bigint)', 'apply_' || known.id);
            PERFORM runnel_internal.build_projection(known);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING 'projection % must be altered or created anew: %', known.name, SQLERRM;
        END;
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    runnel_internal.by_clock(text),
    runnel_internal.worker_of(text, integer),
    runnel_internal.checked_workers(integer),
    runnel_internal.await_batches(bigint)
TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.check_workers(runnel_internal.projection),
    runnel_internal.share_out(runnel_internal.projection, integer),
    runnel_internal.projection_pending(bigint, integer),
    runnel_internal.run_projection(bigint, bigint, boolean, integer),
    runnel_internal.worker_reflects(runnel_internal.projection, runnel_internal.projection_state, pg_snapshot),
    runnel_internal.worker_lag(runnel_internal.projection, runnel_internal.projection_state)
FROM PUBLIC;
