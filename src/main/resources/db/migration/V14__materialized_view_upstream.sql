-- Before a materialized view is refreshed on its schedule, what it reads is made fresh, as far as that is its business.
--
-- A stream table whose schedule is downstream is refreshed whenever a dependant needs it, and a view is one. What follows its
-- sources as soon as they change, a stream table or projection on-change, is waited for, because it is about to be there. What
-- has times of its own keeps them: how old it may be was said by whoever created it, and what is below it is its business. What
-- is below another materialized view shows only when that is refreshed, which has its own schedule.

-- Those that are asked and waited for.
CREATE FUNCTION runnel_internal.view_upstream(wanted_id bigint) RETURNS TABLE (kind text, id bigint, depth integer)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE walked (kind, id, depth) AS (
        SELECT 'MATERIALIZED_VIEW', wanted_id, 0
        UNION
        SELECT upstream.kind, upstream.id, walked.depth + 1
        FROM walked
        CROSS JOIN LATERAL runnel_internal.model_reads(walked.kind, walked.id) AS reading
        JOIN runnel_internal.model_written AS upstream ON upstream.relation = reading.relation
        WHERE walked.depth < 64 AND (upstream.kind, upstream.id) IS DISTINCT FROM (walked.kind, walked.id)
            AND CASE upstream.kind
                WHEN 'STREAM_TABLE' THEN EXISTS (
                    SELECT
                    FROM runnel_internal.stream_table
                    WHERE stream_table.id = upstream.id AND schedule IN ('downstream', 'on-change'))
                WHEN 'PROJECTION' THEN EXISTS (
                    SELECT
                    FROM runnel_internal.projection
                    WHERE projection.id = upstream.id AND schedule = 'on-change' AND mode = 'ASYNCHRONOUS')
                ELSE false END
    )
    SELECT walked.kind, walked.id, max(walked.depth) FROM walked WHERE walked.depth > 0 GROUP BY 1, 2
$$;

-- Whether changes of what a stream table reads directly are recorded that the snapshot sees and it does not have.
CREATE FUNCTION runnel_internal.behind_its_sources(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT
        FROM runnel_internal.dependency
        JOIN runnel_internal.frontier ON frontier.stream_table_id = dependency.stream_table_id
        WHERE dependency.stream_table_id = wanted_id AND source_id IS NOT NULL AND frontier.snapshot IS NOT NULL
            AND runnel_internal.pending_in(source_id, frontier.snapshot, awaited, 1) > 0)
$$;

-- One look on behalf of a view that is to be refreshed: asks for what is missing, lowest first. Called again, with what it has
-- returned, until it is ready. What is paused or fails is not waited for; a note says so.
CREATE FUNCTION runnel_internal.approach_upstream(
    viewed_id bigint, INOUT awaited pg_snapshot, INOUT asked jsonb, INOUT notes text[], OUT ready boolean, OUT waits_for text
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stage record;
    missing boolean;
    seen pg_snapshot;
    failing text;
BEGIN
    awaited := coalesce(awaited, pg_current_snapshot());
    ready := true;
    FOR stage IN
        SELECT upstream.kind, upstream.id, upstream.kind || upstream.id AS name, stream_table.schedule,
            coalesce(frontier.consecutive_errors, worst.consecutive_errors) AS errors,
            coalesce(frontier.last_error, worst.last_error) AS last_error, stream_table.refresh_requests AS requests,
            frontier.refresh_requests AS answered
        FROM runnel_internal.view_upstream(viewed_id) AS upstream
        LEFT JOIN runnel_internal.stream_table ON upstream.kind = 'STREAM_TABLE' AND stream_table.id = upstream.id
        LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
        LEFT JOIN LATERAL (
            SELECT consecutive_errors, last_error
            FROM runnel_internal.projection_state
            WHERE upstream.kind = 'PROJECTION' AND projection_id = upstream.id
            ORDER BY consecutive_errors DESC
            LIMIT 1
        ) AS worst ON true
        ORDER BY upstream.depth DESC, upstream.kind, upstream.id
    LOOP
        CONTINUE WHEN asked -> stage.name = 'true';
        failing := CASE WHEN stage.errors > 0 THEN
            format('%s fails: %s', runnel_internal.model_title(stage.kind, stage.id), stage.last_error) END;
        BEGIN
            PERFORM runnel_internal.refuse_model_obstacle(stage.kind, stage.id);
        EXCEPTION WHEN object_not_in_prerequisite_state THEN
            failing := SQLERRM;
        END;
        IF failing IS NOT NULL THEN
            -- One that fails is tried again with pauses, as long as a request is not answered.
            IF stage.schedule = 'downstream' AND stage.errors > 0 AND stage.requests <= stage.answered THEN
                PERFORM runnel_internal.ask_refresh(stage.id);
            END IF;
            notes := notes || failing;
            asked := asked || jsonb_build_object(stage.name, true);
            CONTINUE;
        END IF;
        -- In one statement, whose snapshot is the one that what is above must include.
        SELECT CASE
                WHEN asked ? stage.name THEN stage.answered < (asked -> stage.name)::bigint
                WHEN stage.kind = 'PROJECTION' THEN NOT runnel_internal.projection_reflects(stage.id, awaited)
                WHEN stage.schedule = 'downstream' THEN NOT runnel_internal.reflects(stage.id, awaited)
                ELSE runnel_internal.behind_its_sources(stage.id, awaited) END,
            pg_current_snapshot()
        INTO missing, seen;
        IF NOT missing THEN
            awaited := seen;
            asked := asked || jsonb_build_object(stage.name, true);
            CONTINUE;
        END IF;
        IF stage.schedule = 'downstream' AND NOT asked ? stage.name THEN
            asked := asked || jsonb_build_object(stage.name, runnel_internal.ask_refresh(stage.id));
        END IF;
        ready := false;
        waits_for := runnel_internal.model_title(stage.kind, stage.id);
        RETURN;
    END LOOP;
END $$;

REVOKE EXECUTE ON FUNCTION
    runnel_internal.view_upstream(bigint),
    runnel_internal.behind_its_sources(bigint, pg_snapshot),
    runnel_internal.approach_upstream(bigint, pg_snapshot, jsonb, text[])
FROM PUBLIC;
