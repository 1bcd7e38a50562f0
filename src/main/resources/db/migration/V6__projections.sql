-- Projections: tables that handlers keep up to date, event by event, over an event log.
--
-- The definition is a row of projection, written with the rights of its owner; triggers on it, which run as the service,
-- make the database match at once: the handlers become one function, the log gets its trigger. What moves is in
-- projection_state, one narrow row, written by every batch in its own transaction.
--
-- How no event is lost and none is handled twice. After each batch these hold, for the snapshot of that batch, which is
-- stored as the frontier: every event that it sees at a position up to the checkpoint was handled or is listed in late,
-- or is a dead letter; no other was. The trigger of the log records, in the writer's transaction, who has added which
-- positions. An event that the next batch finds up to the checkpoint and that was not visible in the frontier is
-- therefore known by the transaction that recorded it, however late that commits, and is handled then; events beyond the
-- checkpoint are read from the log itself. This holds for any order of commits, and for positions from sequence caches.
--
-- In which order. Positions in order, and a gap is not passed while a transaction that may fill it is open. The service
-- knows such transactions by their locks: an INSERT locks the log before it takes a position, nextval locks the sequence,
-- and both locks last until the transaction's end is visible to others. It looks at the greatest position, then at the
-- locks, then takes the snapshot of the batch. A writer that was not there at the last look takes positions greater than
-- the greatest one of that look. The least of these bounds over all open writers is the horizon: up to it, every gap is
-- one for good. Beyond it, positions without a gap may be handled all the same, because nobody can fill them again.

-- ---------------------------------------------------------------------------------------------------------------------
-- Catalog
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE runnel_internal.event_log (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL,
    position_column name NOT NULL,
    UNIQUE (relation, position_column)
);

CREATE TABLE runnel_internal.projection (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    owner name NOT NULL DEFAULT current_user,
    relation oid NOT NULL,
    position_column name NOT NULL,
    type_column name,
    entity_column name,
    time_column name,
    -- [{"types": [...], "sql": as given, "statements": as they stand in PL/pgSQL}]; types are absent for the default.
    handlers jsonb NOT NULL,
    ignored_types text[] NOT NULL,
    targets oid[] NOT NULL,
    mode text NOT NULL CHECK (mode IN ('ASYNCHRONOUS', 'SYNCHRONOUS')),
    schedule text NOT NULL,
    batch_size integer NOT NULL CHECK (batch_size BETWEEN 1 AND 100000),
    failure_policy text NOT NULL CHECK (failure_policy IN ('STOP', 'RETRY', 'DEAD_LETTER')),
    attempts_max integer CHECK (attempts_max > 0),
    start_from text NOT NULL CHECK (start_from IN ('BEGINNING', 'NOW')),
    search_path name[] NOT NULL,
    time_zone text NOT NULL,
    wanted text NOT NULL DEFAULT 'ACTIVE' CHECK (wanted IN ('ACTIVE', 'PAUSED')),
    -- Raised to go on after errors, and to begin again.
    resumptions bigint NOT NULL DEFAULT 0,
    rebuilds bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Null while nothing is recorded for it, because it runs in the writers' transactions.
    log_id integer REFERENCES runnel_internal.event_log,
    -- The projection that this one rebuilds side by side; people do not see it as one of its own.
    rebuild_of bigint UNIQUE REFERENCES runnel_internal.projection ON DELETE CASCADE
);
CREATE INDEX ON runnel_internal.projection (log_id);

CREATE TABLE runnel_internal.projection_state (
    projection_id bigint PRIMARY KEY REFERENCES runnel_internal.projection ON DELETE CASCADE,
    -- Null before the first event.
    checkpoint bigint,
    frontier pg_snapshot NOT NULL,
    origin text NOT NULL,
    late int8multirange NOT NULL DEFAULT '{}',
    -- Whether dead letters were retried or dismissed since the last look at them.
    recheck boolean NOT NULL DEFAULT false,
    suspended boolean NOT NULL DEFAULT false,
    events_handled bigint NOT NULL DEFAULT 0,
    last_event_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Until when it stands still, so that its rebuild can catch up.
    held_until timestamptz,
    -- Attempts at the event at this position that have failed.
    failing_position bigint,
    attempts integer NOT NULL DEFAULT 0,
    consecutive_errors integer NOT NULL DEFAULT 0,
    last_error text,
    last_error_code text,
    last_error_detail text,
    last_error_hint text,
    last_error_at timestamptz
) WITH (fillfactor = 50);

CREATE TABLE runnel_internal.dead_letter (
    projection_id bigint NOT NULL REFERENCES runnel_internal.projection ON DELETE CASCADE,
    position bigint NOT NULL,
    entity text,
    event_type text,
    -- FAILED itself, or WAITING behind an earlier event of the same entity.
    status text NOT NULL CHECK (status IN ('FAILED', 'WAITING')),
    retry boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 0,
    error text,
    error_code text,
    error_detail text,
    failed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection_id, position)
);
CREATE INDEX ON runnel_internal.dead_letter (projection_id, entity, position);

CREATE TABLE runnel_internal.projection_replay (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    projection_id bigint NOT NULL REFERENCES runnel_internal.projection ON DELETE CASCADE,
    types text[],
    entity text,
    from_position bigint,
    from_time timestamptz,
    -- The last position handled before the replay began; null until it does.
    upto_position bigint,
    at_position bigint,
    events_handled bigint NOT NULL DEFAULT 0,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    cancelled boolean NOT NULL DEFAULT false
);
CREATE INDEX ON runnel_internal.projection_replay (projection_id) WHERE finished_at IS NULL;

ALTER TABLE runnel_internal.projection ENABLE ROW LEVEL SECURITY;
CREATE POLICY owned ON runnel_internal.projection TO PUBLIC
    USING (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'))
    WITH CHECK (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'));
GRANT SELECT, DELETE ON runnel_internal.projection TO PUBLIC;
GRANT INSERT (name, relation, position_column, type_column, entity_column, time_column, handlers, ignored_types, targets,
        mode, schedule, batch_size, failure_policy, attempts_max, start_from, search_path, time_zone, rebuild_of)
    ON runnel_internal.projection TO PUBLIC;
GRANT UPDATE (handlers, ignored_types, search_path, time_zone, schedule, batch_size, failure_policy, attempts_max,
        wanted, resumptions, rebuilds)
    ON runnel_internal.projection TO PUBLIC;

-- Who may see the definition may do so with what belongs to it.
ALTER TABLE runnel_internal.dead_letter ENABLE ROW LEVEL SECURITY;
CREATE POLICY owned ON runnel_internal.dead_letter TO PUBLIC
    USING (EXISTS (SELECT FROM runnel_internal.projection WHERE projection.id = projection_id));
GRANT SELECT, DELETE, UPDATE (retry) ON runnel_internal.dead_letter TO PUBLIC;
ALTER TABLE runnel_internal.projection_replay ENABLE ROW LEVEL SECURITY;
CREATE POLICY owned ON runnel_internal.projection_replay TO PUBLIC
    USING (EXISTS (SELECT FROM runnel_internal.projection WHERE projection.id = projection_id));
GRANT SELECT, INSERT (projection_id, types, entity, from_position, from_time), UPDATE (cancelled)
    ON runnel_internal.projection_replay TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Handlers
-- ---------------------------------------------------------------------------------------------------------------------

-- The tokens of a text: words, quoted names, strings, comments, and what is between them.
CREATE FUNCTION runnel_internal.sql_tokens(given text)
RETURNS TABLE (begins integer, token text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    depth integer;
    rest text;
BEGIN
    begins := 1;
    WHILE begins <= length(given) LOOP
        rest := substr(given, begins);
        token := substring(rest FROM '^[$](?:[[:alpha:]_][[:alnum:]_]*)?[$]');
        IF token IS NOT NULL THEN
            token := token || coalesce(
                left(substr(rest, length(token) + 1),
                    nullif(strpos(substr(rest, length(token) + 1), token), 0) + length(token) - 1),
                substr(rest, length(token) + 1));
        ELSIF rest LIKE '--%' THEN
            token := substring(rest FROM '^[^\n]*');
        ELSIF rest LIKE '/*%' THEN
            depth := 0;
            token := '';
            LOOP
                depth := depth + CASE substr(rest, length(token) + 1, 2) WHEN '/*' THEN 1 WHEN '*/' THEN -1 ELSE 0 END;
                token := left(rest, length(token)
                    + CASE WHEN substr(rest, length(token) + 1, 2) IN ('/*', '*/') THEN 2 ELSE 1 END);
                EXIT WHEN depth = 0 OR length(token) = length(rest);
            END LOOP;
        ELSE
            token := substring(rest FROM
                '^(?:[eE]''(?:[^''\\]|\\.|'''')*''|''[^'']*''|"[^"]*"|[[:alpha:]_][[:alnum:]_$]*|[^[:alpha:]_''"$/;-]+|.)');
        END IF;
        RETURN NEXT;
        begins := begins + length(token);
    END LOOP;
END $$;

-- The statements of a text, without the comments before each, and where each begins.
CREATE FUNCTION runnel_internal.handler_statements(given text)
RETURNS TABLE (begins integer, statement text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT read.place, read.token FROM runnel_internal.sql_tokens(given) AS read (place, token) LOOP
        IF part.token = ';' THEN
            IF begins IS NOT NULL THEN
                statement := rtrim(substr(given, begins, part.place - begins), E' \t\r\n\f\v');
                RETURN NEXT;
            END IF;
            begins := NULL;
        ELSIF begins IS NULL AND part.token !~ '^(--|/[*]|\s*$)' THEN
            begins := part.place + length(substring(part.token FROM '^\s*'));
        END IF;
    END LOOP;
    IF begins IS NOT NULL THEN
        statement := rtrim(substr(given, begins), E' \t\r\n\f\v');
        RETURN NEXT;
    END IF;
END $$;

-- Lets PostgreSQL analyse a statement in which event is a row of the log, at its place in the text that was given, as the
-- body of a function in SQL; returns how it stands in PL/pgSQL. Nothing is run. The mark at the end tells those who are told
-- a position in the body which handler it is in.
CREATE FUNCTION runnel_internal.checked_statement(log text, statement text, before text, handler bigint)
RETURNS text
LANGUAGE plpgsql SET check_function_bodies = on AS $$
DECLARE
    word text := pg_catalog.upper(pg_catalog.substring(statement, '^[[:alpha:]]+'));
    select_added text := '';
    body text;
    returns_rows boolean := true;
    column_missing text;
BEGIN
    IF word IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'WITH', 'VALUES', 'TABLE') OR statement LIKE '(%' THEN
        NULL;
    ELSIF statement ~ '^("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*)(\s*[.]\s*("([^"]|"")+"|[[:alpha:]_][[:alnum:]_$]*))*\s*[(]'
    THEN
        select_added := 'SELECT ';
    ELSE
        RAISE syntax_error USING
            MESSAGE = pg_catalog.format('a handler cannot do this: %s', pg_catalog.left(statement, 60)),
            HINT = 'A handler is made of SELECT, INSERT, UPDATE, DELETE and MERGE statements and calls of functions, '
                'separated by semicolons; put anything else into a function of yours and call it.';
    END IF;
    body := pg_catalog.regexp_replace(before, '[^\n]', ' ', 'g') || select_added || statement
        || pg_catalog.format(E'\n-- handler %s + %s', handler, pg_catalog.length(select_added));
    BEGIN
        EXECUTE pg_catalog.format(
            'CREATE OR REPLACE FUNCTION pg_temp.runnel_rows(event %s) RETURNS SETOF record LANGUAGE sql AS %L', log, body);
    EXCEPTION
        WHEN invalid_function_definition THEN
            returns_rows := false;
        WHEN undefined_table THEN
            column_missing := runnel_internal.missing_column(log, statement);
            IF SQLERRM <> 'missing FROM-clause entry for table "event"' OR column_missing IS NULL THEN
                RAISE;
            END IF;
            RAISE undefined_column USING
                MESSAGE = pg_catalog.format('the event has no column %I', column_missing),
                DETAIL = pg_catalog.format('At character %s of handler %s: %s',
                    pg_catalog.length(before) + pg_catalog.regexp_instr(statement, '\mevent\s*[.]\s*"?' || column_missing || '\M'),
                    handler, statement),
                HINT = pg_catalog.format('The columns of %s are %s.', log, (
                    SELECT pg_catalog.string_agg(attname, ', ' ORDER BY attnum)
                    FROM pg_catalog.pg_attribute
                    WHERE attrelid = log::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped));
    END;
    IF NOT returns_rows THEN
        EXECUTE pg_catalog.format(
            'CREATE OR REPLACE FUNCTION pg_temp.runnel_none(event %s) RETURNS void LANGUAGE sql AS %L', log, body);
        RETURN statement;
    ELSIF select_added <> '' THEN
        RETURN 'PERFORM ' || statement;
    ELSIF word = 'SELECT' THEN
        RETURN 'PERFORM ' || pg_catalog.substr(statement, 7);
    END IF;
    RETURN 'FOR runnel_ignored IN ' || statement || E'\nLOOP END LOOP';
END $$;

-- The first name after "event." that is no column of the log.
CREATE FUNCTION runnel_internal.missing_column(log text, statement text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT found[1]
    FROM regexp_matches(statement, '\mevent\s*[.]\s*"?([[:alnum:]_$]+)', 'gi') WITH ORDINALITY AS match (found, place)
    WHERE lower(found[1]) NOT IN (
        SELECT lower(attname) FROM pg_attribute WHERE attrelid = log::regclass AND attnum > 0 AND NOT attisdropped)
    ORDER BY place
    LIMIT 1
$$;

-- What a handler's statements lack in rights and names, as PostgreSQL finds it when it plans them for an event.
CREATE FUNCTION runnel_internal.rehearse(log text, statements text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY statements LOOP
        statement := CASE
            WHEN statement LIKE 'FOR %' THEN pg_catalog.replace(statement, 'FOR runnel_ignored IN ', 'FOR runnel_ignored IN EXPLAIN ')
            WHEN statement LIKE 'PERFORM %' THEN
                'FOR runnel_ignored IN EXPLAIN SELECT ' || pg_catalog.substr(statement, 8) || E'\nLOOP END LOOP'
            ELSE 'FOR runnel_ignored IN EXPLAIN ' || statement || E'\nLOOP END LOOP' END;
        EXECUTE pg_catalog.format(
            'CREATE OR REPLACE FUNCTION pg_temp.runnel_plan(event %s) RETURNS void LANGUAGE plpgsql AS %L',
            log, E'#variable_conflict use_column\nDECLARE runnel_ignored record; BEGIN ' || statement || E';\nEND');
        BEGIN
            EXECUTE pg_catalog.format('SELECT pg_temp.runnel_plan(NULL::%s)', log);
        EXCEPTION WHEN OTHERS THEN
            -- What fails for the values of an event that is all null says nothing.
            IF SQLSTATE LIKE '42%' THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

-- The handlers in their stored form: [{"types", "sql", "statements"}].
CREATE FUNCTION runnel_internal.checked_handlers(log text, given jsonb, default_handler text) RETURNS jsonb
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    wanted pg_catalog.jsonb := given;
    checked pg_catalog.jsonb := '[]';
    seen text[] := '{}';
    handler pg_catalog.jsonb;
    place bigint;
    types text[];
    text_given text;
    statements text[];
    part record;
BEGIN
    IF pg_catalog.jsonb_typeof(wanted) = 'object' THEN
        SELECT coalesce(pg_catalog.jsonb_agg(
            pg_catalog.jsonb_build_object('types', pg_catalog.jsonb_build_array(key), 'sql', value)), '[]')
        INTO wanted
        FROM pg_catalog.jsonb_each(given);
    END IF;
    IF pg_catalog.jsonb_typeof(wanted) IS DISTINCT FROM 'array' THEN
        PERFORM runnel_internal.refuse_handlers('they are neither an object nor an array');
    END IF;
    IF default_handler IS NOT NULL THEN
        wanted := wanted || pg_catalog.jsonb_build_array(pg_catalog.jsonb_build_object('sql', default_handler));
    END IF;
    IF wanted = '[]' THEN
        PERFORM runnel_internal.refuse_handlers('there are none');
    END IF;
    FOR handler, place IN
        SELECT element.value, element.place
        FROM pg_catalog.jsonb_array_elements(wanted) WITH ORDINALITY AS element (value, place)
    LOOP
        IF handler ? 'types' AND pg_catalog.jsonb_typeof(handler -> 'types') = 'array' THEN
            types := ARRAY(SELECT pg_catalog.jsonb_array_elements_text(handler -> 'types'));
        ELSIF default_handler IS NOT NULL AND NOT handler ? 'types' THEN
            types := NULL;
        ELSE
            PERFORM runnel_internal.refuse_handlers('one has no list of types');
        END IF;
        text_given := CASE pg_catalog.jsonb_typeof(handler -> 'sql')
            WHEN 'string' THEN handler ->> 'sql'
            WHEN 'array' THEN (
                SELECT pg_catalog.string_agg(each.value, E';\n' ORDER BY each.place)
                FROM pg_catalog.jsonb_array_elements_text(handler -> 'sql') WITH ORDINALITY AS each (value, place))
            END;
        IF types = '{}' OR pg_catalog.array_position(types, NULL) > 0 THEN
            PERFORM runnel_internal.refuse_handlers('one has no types');
        ELSIF types && seen THEN
            PERFORM runnel_internal.refuse_handlers(pg_catalog.format('two handle the type %L',
                (SELECT type FROM pg_catalog.unnest(types) AS type WHERE type = ANY (seen) LIMIT 1)));
        ELSIF pg_catalog.length(text_given) > 100000 THEN
            PERFORM runnel_internal.refuse_handlers('one is longer than 100000 characters');
        END IF;
        seen := seen || coalesce(types, '{}');
        statements := '{}';
        FOR part IN SELECT * FROM runnel_internal.handler_statements(text_given) LOOP
            statements := statements || runnel_internal.checked_statement(
                log, part.statement, pg_catalog.left(text_given, part.begins - 1), place);
        END LOOP;
        IF statements = '{}' THEN
            PERFORM runnel_internal.refuse_handlers('one has no SQL');
        END IF;
        PERFORM runnel_internal.rehearse(log, statements);
        checked := checked || pg_catalog.jsonb_build_array(pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
            'types', CASE WHEN types IS NOT NULL THEN pg_catalog.to_jsonb(types) END,
            'sql', text_given, 'statements', pg_catalog.to_jsonb(statements))));
    END LOOP;
    -- They would keep the log from being dropped for as long as the session lasts.
    EXECUTE pg_catalog.format('DROP FUNCTION IF EXISTS pg_temp.runnel_rows(%1$s), pg_temp.runnel_none(%1$s), '
        'pg_temp.runnel_plan(%1$s)', log);
    RETURN checked;
END $$;

CREATE FUNCTION runnel_internal.refuse_handlers(reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
    RAISE invalid_parameter_value USING
        MESSAGE = 'invalid handlers: ' || reason,
        HINT = 'Give jsonb_build_object(''type'', $$SQL$$, ...), or an array of {"types": ["a", "b"], "sql": "..."}; '
            'each type once.';
END $body$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Generated functions
-- ---------------------------------------------------------------------------------------------------------------------

-- The handlers as the body of one function. What is neither handled nor ignored fails, unless all the rest is ignored.
CREATE FUNCTION runnel_internal.handler_body(projection runnel_internal.projection) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $body$
    WITH handler AS (
        SELECT place, value -> 'types' AS types, (
            SELECT string_agg('      ' || statement || ';', E'\n' ORDER BY at)
            FROM jsonb_array_elements_text(value -> 'statements') WITH ORDINALITY AS each (statement, at)) AS statements
        FROM jsonb_array_elements(projection.handlers) WITH ORDINALITY AS each (value, place)
    ),
    branch AS (
        SELECT place, format(E'    WHEN %s THEN\n%s', (
            SELECT string_agg(quote_literal(type), ', ') FROM jsonb_array_elements_text(types) AS type), statements) AS text
        FROM handler
        WHERE types IS NOT NULL
        UNION ALL
        SELECT 1000000, format(E'    WHEN %s THEN\n      NULL;', string_agg(quote_literal(type), ', '))
        FROM unnest(projection.ignored_types) AS type
        WHERE type <> '*' AND NOT EXISTS (SELECT FROM handler WHERE handler.types ? type)
        HAVING count(*) > 0
    ),
    otherwise AS (
        SELECT coalesce(
            (SELECT statements FROM handler WHERE types IS NULL),
            CASE WHEN '*' = ANY (projection.ignored_types) THEN '      NULL;' ELSE format(
                $raise$      RAISE SQLSTATE 'RN002' USING MESSAGE = 'no handler for event type ' || coalesce(quote_literal(event.%I), 'null'),
        HINT = 'Add a handler, or name the type among the ignored ones.';$raise$, projection.type_column) END) AS text
    )
    SELECT E'#variable_conflict use_column\nDECLARE\n  runnel_ignored record;\nBEGIN\n'
        || CASE WHEN EXISTS (SELECT FROM branch) THEN format(
            E'  CASE event.%I::pg_catalog.text\n%s\n    ELSE\n%s\n  END CASE;',
            projection.type_column,
            (SELECT string_agg(text, E'\n' ORDER BY place) FROM branch),
            otherwise.text)
        ELSE otherwise.text END
        || E'\n  RETURN true;\nEND'
    FROM otherwise
$body$;

-- Reads events and hands them to the handlers in the order of their positions: the next ones after low, chosen ones, or
-- those of a replay. The whole batch is one subtransaction; when an event fails, what came before it is handled again in
-- a subtransaction of its own, so that batches without failures pay for one only. An event behind a dead letter of its
-- entity is parked. Failures that say something about the definition or the moment, and not about the event, end the run.
CREATE FUNCTION runnel_internal.apply_body(projection runnel_internal.projection) RETURNS text
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
BEGIN
  %12$s
  IF kind = 'NEXT' THEN
    events := ARRAY(SELECT runnel_event FROM %1$s AS runnel_event
      WHERE runnel_event.%2$I > edge ORDER BY runnel_event.%2$I LIMIT batch);
  ELSIF kind = 'CHOSEN' THEN
    events := ARRAY(SELECT runnel_event FROM unnest(chosen) AS runnel_range
      JOIN %1$s AS runnel_event ON runnel_event.%2$I >= lower(runnel_range) AND runnel_event.%2$I < upper(runnel_range)
      ORDER BY runnel_event.%2$I LIMIT batch);
  ELSE
    EXECUTE %10$L
      || CASE WHEN selection ? 'types' THEN %6$L ELSE '' END
      || CASE WHEN selection ? 'entity' THEN %7$L ELSE '' END
      || CASE WHEN selection ? 'from_time' THEN %8$L ELSE '' END
      || %11$L
    INTO events
    USING edge, high, chosen, batch, ARRAY(SELECT jsonb_array_elements_text(selection -> 'types')), selection ->> 'entity',
      (selection ->> 'from_time')::timestamptz;
  END IF;
  total := coalesce(cardinality(events), 0);
  IF kind = 'NEXT' THEN
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
  RETURN jsonb_build_object('total', total, 'done', done, 'handled', done - jsonb_array_length(parked) - jsonb_array_length(failures),
    'position', event.%2$I, 'time', %9$s, 'waiting', allowed < total, 'parked', parked, 'failures', failures,
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
            THEN format('PERFORM pg_catalog.set_config(''runnel.shadow'', %L, true);', projection.rebuild_of) ELSE '' END)
    FROM (
        SELECT projection.relation::regclass::text AS qualified, (
                SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = projection.relation AND attname = projection.type_column) AS type_type, (
                SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = projection.relation AND attname = projection.entity_column) AS entity_type
    ) AS log
$body$;

-- Makes the functions of a projection, which belong to its owner and run with the owner's rights, whoever calls them.
-- Owning a function needs the right to create in its schema, for as long as it takes to be given it.
CREATE FUNCTION runnel_internal.build_projection(built runnel_internal.projection) RETURNS void
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
        'batch integer, held text[], selection jsonb, isolating boolean, exhausted bigint) RETURNS jsonb '
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

CREATE FUNCTION runnel_internal.projection_functions(projection_id bigint) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT oid::regprocedure
    FROM pg_proc
    WHERE pronamespace = 'runnel_internal'::regnamespace
        -- As names, for the index.
        AND proname IN (('handle_' || projection_id)::name, ('apply_' || projection_id)::name, ('insert_' || projection_id)::name,
            ('exchange_' || projection_id)::name)
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The trigger of a log
-- ---------------------------------------------------------------------------------------------------------------------

-- Carries out DDL on a log that waits for its writers, without making others wait behind it for longer than a moment.
CREATE FUNCTION runnel_internal.alter_log(log oid, statement text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET client_min_messages = warning AS $$
DECLARE
    late_at timestamptz := clock_timestamp() + interval '10 seconds';
    holders text;
BEGIN
    LOOP
        BEGIN
            EXECUTE statement;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > late_at THEN
                SELECT string_agg(DISTINCT coalesce('backend ' || pid, 'a prepared transaction'), ', ') INTO holders
                FROM pg_locks
                WHERE relation = log AND granted AND pid IS DISTINCT FROM pg_backend_pid()
                    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
                RAISE lock_not_available USING
                    MESSAGE = format('event log %s is in use', log::regclass),
                    DETAIL = 'Held for 10 seconds by ' || coalesce(holders, 'transactions that have ended by now') || '.',
                    HINT = 'Try again when these transactions have ended.';
            END IF;
        END;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;

-- Records who adds which positions to a log, from now on. Wakes up the service only when it sleeps, which it shows by an
-- exclusive lock, as change capture does.
CREATE FUNCTION runnel_internal.record_log(log oid, position_wanted name) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $record$
DECLARE
    log_found integer;
    by_row boolean := (SELECT relkind = 'p' OR relispartition FROM pg_class WHERE oid = log);
    owned boolean := (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = log);
    trigger_name name;
    body text;
BEGIN
    INSERT INTO runnel_internal.event_log (relation, position_column)
    VALUES (log, position_wanted)
    ON CONFLICT (relation, position_column) DO NOTHING;
    -- Until the end of this transaction nothing is pruned that its projection may need.
    SELECT id INTO log_found
    FROM runnel_internal.event_log
    WHERE relation = log AND position_column = position_wanted
    FOR SHARE;
    IF to_regclass('runnel_internal.appended_' || log_found) IS NOT NULL THEN
        RETURN log_found;
    END IF;
    trigger_name := 'runnel_append_' || log_found;
    EXECUTE format('CREATE TABLE runnel_internal.%I (xid xid8 NOT NULL, positions int8multirange) '
        'WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000)', 'appended_' || log_found);
    EXECUTE format('CREATE INDEX ON runnel_internal.%I (xid)', 'appended_' || log_found);
    -- The position is read in a block of its own, because a column that was renamed must not make the writer fail. The
    -- greatest number there is has no successor, which a range needs. Everybody may execute the function, as whoever adds a
    -- partition must, so it takes no notice of tables that somebody else has put it on.
    body := format($template$
        DECLARE
            added int8multirange;
            known boolean := true;
        BEGIN
            IF TG_RELID <> %s AND NOT EXISTS (SELECT FROM pg_partition_ancestors(TG_RELID) WHERE relid = %s) THEN
                RETURN NULL;
            END IF;
            BEGIN
                %s
            EXCEPTION WHEN OTHERS THEN
                known := false;
            END;
            IF known AND added IS NULL THEN
                RETURN NULL;
            END IF;
            INSERT INTO runnel_internal.%I (xid, positions) VALUES (pg_current_xact_id(), added);
            IF NOT pg_try_advisory_xact_lock_shared(%s, %s) THEN
                PERFORM pg_notify('runnel_events', %L);
            END IF;
            RETURN NULL;
        END$template$,
        log, log,
        CASE WHEN by_row
            THEN format('IF NEW.%1$I < 9223372036854775807 THEN added := int8multirange(int8range(NEW.%1$I, NEW.%1$I, ''[]'')); END IF;',
                position_wanted)
            ELSE format('SELECT range_agg(int8range(added_row.%1$I, added_row.%1$I, ''[]'')) INTO added FROM added_rows AS added_row '
                'WHERE added_row.%1$I < 9223372036854775807;', position_wanted) END,
        'appended_' || log_found, runnel_internal.log_lock_class(), log_found, log_found);
    EXECUTE format('CREATE OR REPLACE FUNCTION runnel_internal.%I() RETURNS trigger '
        'LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', 'append_' || log_found, body);
    PERFORM runnel_internal.alter_log(log, format('CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s %s EXECUTE FUNCTION runnel_internal.%I()',
        trigger_name, log::regclass,
        CASE WHEN by_row THEN 'FOR EACH ROW' ELSE 'REFERENCING NEW TABLE AS added_rows FOR EACH STATEMENT' END,
        'append_' || log_found));
    IF owned THEN
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', log::regclass, trigger_name);
    END IF;
    RETURN log_found;
END $record$;

-- The class of the advisory locks that the service holds on logs while it sleeps.
CREATE FUNCTION runnel_internal.log_lock_class() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS 'SELECT 5395792';

-- Takes the trigger from a log that no projection reads any more; what cannot be done now is left to the service.
CREATE FUNCTION runnel_internal.release_log(released integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
BEGIN
    DELETE FROM runnel_internal.event_log WHERE id = released;
    EXECUTE format('DROP FUNCTION IF EXISTS runnel_internal.%I() CASCADE', 'append_' || released);
    EXECUTE format('DROP TABLE IF EXISTS runnel_internal.%I', 'appended_' || released);
EXCEPTION WHEN lock_not_available OR deadlock_detected OR foreign_key_violation OR insufficient_privilege THEN
    RAISE DEBUG 'event log % is left to the service: %', released, SQLERRM;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Running
-- ---------------------------------------------------------------------------------------------------------------------

-- What the next look at the writers is compared with: the greatest position, and the transactions that may take smaller
-- ones. The position comes from the snapshot of the statement that calls this, the locks are read later.
CREATE FUNCTION runnel_internal.writers(log oid) RETURNS text[]
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}')
    FROM pg_locks
    WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relation IN (
            SELECT log
            UNION ALL
            SELECT relid FROM pg_partition_tree(log)
            UNION ALL
            SELECT refobjid
            FROM pg_depend
            JOIN pg_attrdef ON pg_attrdef.oid = objid
            JOIN pg_class ON pg_class.oid = refobjid AND relkind = 'S'
            WHERE classid = 'pg_attrdef'::regclass AND refclassid = 'pg_class'::regclass AND adrelid = log
            UNION ALL
            SELECT objid
            FROM pg_depend
            JOIN pg_class ON pg_class.oid = objid AND relkind = 'S'
            WHERE classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = log)
$$;

-- Stores what came of a failure that keeps the projection from going on.
CREATE FUNCTION runnel_internal.block_projection(
    projection runnel_internal.projection, blocked jsonb, suspending boolean
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.projection_state
    SET suspended = suspending, failing_position = (blocked ->> 'position')::bigint,
        attempts = CASE WHEN failing_position = (blocked ->> 'position')::bigint THEN attempts ELSE 0 END + 1,
        consecutive_errors = consecutive_errors + 1, last_error = blocked ->> 'message',
        last_error_code = blocked ->> 'code', last_error_detail = nullif(blocked ->> 'detail', ''),
        last_error_hint = nullif(blocked ->> 'hint', ''), last_error_at = clock_timestamp()
    WHERE projection_id = projection.id
$$;

CREATE FUNCTION runnel_internal.bury(projection runnel_internal.projection, result jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO runnel_internal.dead_letter
        (projection_id, position, entity, event_type, status, attempts, error, error_code, error_detail)
    SELECT projection.id, (failure ->> 'position')::bigint, failure ->> 'entity', failure ->> 'type', 'FAILED', 1,
        failure ->> 'message', failure ->> 'code', nullif(failure ->> 'detail', '')
    FROM jsonb_array_elements(result -> 'failures') AS failure
    UNION ALL
    SELECT projection.id, (parked ->> 'position')::bigint, parked ->> 'entity', parked ->> 'type', 'WAITING', 0, NULL, NULL, NULL
    FROM jsonb_array_elements(result -> 'parked') AS parked
    ON CONFLICT (projection_id, position) DO UPDATE
    SET status = excluded.status, retry = false, attempts = dead_letter.attempts + excluded.attempts,
        error = coalesce(excluded.error, dead_letter.error), error_code = coalesce(excluded.error_code, dead_letter.error_code),
        error_detail = coalesce(excluded.error_detail, dead_letter.error_detail), failed_at = clock_timestamp()
$$;

-- The dead letters that are to be tried now: of each entity those before which none stands that nobody wants to retry.
CREATE FUNCTION runnel_internal.revived(wanted_id bigint, rows_max integer) RETURNS int8multirange
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(range_agg(int8range(position, position, '[]')), '{}')
    FROM (
        SELECT position
        FROM (
            SELECT position, bool_and(status = 'WAITING' OR retry) OVER (
                PARTITION BY entity, CASE WHEN entity IS NULL THEN position END ORDER BY position) AS eligible
            FROM runnel_internal.dead_letter
            WHERE projection_id = wanted_id
        ) AS letter
        WHERE eligible
        ORDER BY position
        LIMIT rows_max
    ) AS chosen
$$;

-- One batch of a projection, in the caller's transaction, whose snapshot becomes the frontier; the service calls it in a
-- REPEATABLE READ transaction. Returns {"outcome", "handled"}:
--
--   MORE      there may be more to do at once
--   WAITING   a gap may still be filled by an open transaction
--   IDLE      everything that can be seen is handled
--   FAILED    to be tried again later
--   SUSPENDED until somebody resumes it
--   GONE      the projection does not exist, or needs no batches
--
-- While writers are kept away, a transaction of theirs may run several, and says which is the first: what it has written to
-- the log itself is late in none but that one.
CREATE FUNCTION runnel_internal.run_projection(wanted_id bigint, horizon bigint, first boolean DEFAULT NULL) RETURNS jsonb
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
    RETURN jsonb_build_object('handled', result -> 'handled', 'outcome', CASE
        WHEN suspending THEN 'SUSPENDED'
        WHEN blocked IS NOT NULL THEN 'FAILED'
        WHEN kind <> 'NEXT' OR total = projection.batch_size AND NOT (result ->> 'waiting')::boolean THEN 'MORE'
        WHEN (result ->> 'waiting')::boolean THEN 'WAITING'
        ELSE 'IDLE' END);
END $$;

-- Whether a batch would find something to do.
CREATE FUNCTION runnel_internal.projection_pending(wanted_id bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    state runnel_internal.projection_state;
    pending boolean;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id;
    IF projection.wanted IS DISTINCT FROM 'ACTIVE' OR state.suspended OR projection.log_id IS NULL THEN
        RETURN false;
    ELSIF state.recheck OR NOT isempty(state.late) OR EXISTS (
        SELECT FROM runnel_internal.projection_replay WHERE projection_id = wanted_id AND finished_at IS NULL)
    THEN
        RETURN true;
    END IF;
    EXECUTE format('SELECT coalesce((SELECT max(%I) FROM %s) > $1, $1 IS NULL AND EXISTS (SELECT FROM %2$s)) OR EXISTS ('
            'SELECT FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($2) AND NOT pg_visible_in_snapshot(xid, $2) '
            'AND (positions IS NULL OR lower(positions) <= $1))',
        projection.position_column, projection.relation::regclass, 'appended_' || projection.log_id)
    INTO pending
    USING state.checkpoint, state.frontier;
    RETURN coalesce(pending, false);
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    -- A batch finds out what is wrong.
    RETURN true;
END $$;

-- Deletes what every projection of a log has gone past. Not while one is being created, which may still need it. What is
-- beyond a checkpoint stays: it tells which events a snapshot does not see.
CREATE FUNCTION runnel_internal.prune_log(pruned integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM runnel_internal.event_log WHERE id = pruned FOR UPDATE SKIP LOCKED;
    IF FOUND THEN
        EXECUTE format('WITH passed AS MATERIALIZED ('
                'SELECT min(pg_snapshot_xmin(frontier)::text::numeric)::text::xid8 AS horizon, '
                'min(coalesce(checkpoint, -9223372036854775808)) AS checkpoint '
                'FROM runnel_internal.projection_state JOIN runnel_internal.projection ON id = projection_id WHERE log_id = $1) '
                'DELETE FROM runnel_internal.%I WHERE xid < (SELECT horizon FROM passed) '
                'AND (positions IS NULL OR upper(positions) - 1 <= (SELECT checkpoint FROM passed))',
            'appended_' || pruned)
        USING pruned;
    END IF;
END $$;

CREATE FUNCTION runnel_internal.duration_seconds(schedule text) RETURNS double precision
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sum(part[1]::double precision * CASE part[2]
        WHEN 'ms' THEN 0.001 WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 ELSE 604800 END)
    FROM regexp_matches(schedule, '([0-9]+)(ms|s|m|h|d|w)', 'g') AS part
$$;

-- What keeps a projection from running at all; null for nothing.
CREATE FUNCTION runnel_internal.broken(projection runnel_internal.projection, state runnel_internal.projection_state)
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
        WHERE proowner = to_regrole(quote_ident(projection.owner)) AND (prosecdef OR proname LIKE 'handle%')
    ) < 3 THEN
        RETURN jsonb_build_object('code', 'RN004', 'message', 'the functions of the projection were dropped or altered',
            'hint', 'Use runnel.alter_projection to have them made again.');
    ELSIF state.origin <> runnel_internal.origin() THEN
        RETURN jsonb_build_object('code', 'RN005', 'message', 'the database was restored from a dump',
            'detail', 'Transactions have other numbers here: it is unknown whether events were added out of order meanwhile.',
            'hint', 'Use runnel.rebuild_projection, or runnel.resume_projection if nothing was appended after the dump.');
    END IF;
    RETURN NULL;
END $$;

-- Handles everything that the transaction sees and that is not handled yet, while a lock keeps writers away from the log;
-- from then on the trigger does.
CREATE FUNCTION runnel_internal.synchronize(wanted_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
    result jsonb;
    first boolean := true;
    state runnel_internal.projection_state;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = wanted_id;
    PERFORM runnel_internal.alter_log(projection.relation, format(
        'CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION runnel_internal.%I()',
        'runnel_project_' || wanted_id, projection.relation::regclass, 'insert_' || wanted_id));
    LOOP
        result := runnel_internal.run_projection(wanted_id, 9223372036854775807, first);
        first := false;
        EXIT WHEN result ->> 'outcome' = 'IDLE';
        IF result ->> 'outcome' <> 'MORE' THEN
            SELECT * INTO state FROM runnel_internal.projection_state WHERE projection_id = wanted_id;
            RAISE SQLSTATE 'RN006' USING
                MESSAGE = format('projection %s cannot handle the event at position %s', projection.name, state.failing_position),
                DETAIL = concat(state.last_error, ' (', state.last_error_code, ')'),
                HINT = 'Correct the handler; nothing was changed.';
        END IF;
    END LOOP;
    UPDATE runnel_internal.projection SET log_id = NULL WHERE id = wanted_id;
    IF projection.log_id IS NOT NULL THEN
        PERFORM runnel_internal.release_log(projection.log_id);
    END IF;
END $$;

-- Ends the handling in the writers' transactions, and begins to record what is added.
CREATE FUNCTION runnel_internal.desynchronize(paused runnel_internal.projection) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    recorded integer;
BEGIN
    PERFORM runnel_internal.alter_log(
        paused.relation, format('DROP FUNCTION runnel_internal.%I() CASCADE', 'insert_' || paused.id));
    PERFORM runnel_internal.build_projection(paused);
    recorded := runnel_internal.record_log(paused.relation, paused.position_column);
    UPDATE runnel_internal.projection SET log_id = recorded WHERE id = paused.id;
    PERFORM runnel_internal.begin_after_all(paused);
END $$;

-- Takes everything that is there for handled. Both the position and the frontier are of one snapshot.
CREATE FUNCTION runnel_internal.begin_after_all(projection runnel_internal.projection) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('UPDATE runnel_internal.projection_state SET checkpoint = (SELECT max(%I) FROM %s), '
        'frontier = pg_current_snapshot(), late = ''{}'' WHERE projection_id = $1',
        projection.position_column, projection.relation::regclass)
    USING projection.id;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION runnel_internal.make_projection() RETURNS trigger
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
    PERFORM runnel_internal.build_projection(NEW);
    IF NEW.mode = 'ASYNCHRONOUS' THEN
        UPDATE runnel_internal.projection
        SET log_id = runnel_internal.record_log(NEW.relation, NEW.position_column)
        WHERE id = NEW.id;
    END IF;
    INSERT INTO runnel_internal.projection_state (projection_id, frontier, origin)
    VALUES (NEW.id, pg_current_snapshot(), runnel_internal.origin());
    IF NEW.start_from = 'NOW' THEN
        PERFORM runnel_internal.begin_after_all(NEW);
    END IF;
    IF NEW.mode = 'SYNCHRONOUS' THEN
        PERFORM runnel_internal.synchronize(NEW.id);
    END IF;
    PERFORM pg_notify('runnel_projection', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER make_projection
    AFTER INSERT ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.make_projection();

CREATE FUNCTION runnel_internal.remake_projection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (NEW.handlers, NEW.ignored_types, NEW.search_path, NEW.time_zone)
        IS DISTINCT FROM (OLD.handlers, OLD.ignored_types, OLD.search_path, OLD.time_zone)
    THEN
        PERFORM runnel_internal.build_projection(NEW);
    END IF;
    -- A batch that is under way ends first.
    PERFORM FROM runnel_internal.projection_state WHERE projection_id = NEW.id FOR UPDATE;
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

CREATE TRIGGER remake_projection
    AFTER UPDATE OF handlers, ignored_types, search_path, time_zone, schedule, batch_size, failure_policy, attempts_max, wanted,
        resumptions, rebuilds ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.remake_projection();

CREATE FUNCTION runnel_internal.unmake_projection() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    made regprocedure;
BEGIN
    PERFORM FROM runnel_internal.projection_state WHERE projection_id = OLD.id FOR UPDATE;
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

CREATE TRIGGER unmake_projection
    BEFORE DELETE ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.unmake_projection();

CREATE FUNCTION runnel_internal.leave_log() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.log_id IS NOT NULL AND NOT EXISTS (SELECT FROM runnel_internal.projection WHERE log_id = OLD.log_id) THEN
        PERFORM runnel_internal.release_log(OLD.log_id);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER leave_log
    AFTER DELETE ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.leave_log();

-- Lets the service look at the dead letters again, which a person is about to touch. The row is locked, whatever it says: a
-- batch that has found nothing to retry may be about to say so.
CREATE FUNCTION runnel_internal.recheck_dead_letters(rechecked_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE runnel_internal.projection_state
    SET recheck = true
    FROM runnel_internal.projection
    WHERE projection_id = rechecked_id AND projection.id = projection_id
        AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(projection.owner))::oid, 'USAGE');
    PERFORM pg_notify('runnel_projection', rechecked_id::text);
END $$;

-- The replay of a projection that runs in the writers' transactions is done at once, while they wait.
CREATE FUNCTION runnel_internal.begin_replay() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projection runnel_internal.projection;
BEGIN
    SELECT * INTO projection FROM runnel_internal.projection WHERE id = NEW.projection_id;
    IF projection.mode = 'SYNCHRONOUS' AND projection.wanted = 'ACTIVE' THEN
        PERFORM runnel_internal.alter_log(projection.relation, format(
            'CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s FOR EACH ROW EXECUTE FUNCTION runnel_internal.%I()',
            'runnel_project_' || projection.id, projection.relation::regclass, 'insert_' || projection.id));
        PERFORM runnel_internal.begin_after_all(projection);
        PERFORM runnel_internal.synchronize(projection.id);
    END IF;
    PERFORM pg_notify('runnel_projection', NEW.projection_id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER begin_replay
    AFTER INSERT ON runnel_internal.projection_replay
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.begin_replay();

-- ---------------------------------------------------------------------------------------------------------------------
-- The surface
-- ---------------------------------------------------------------------------------------------------------------------

-- One of several words, in capitals.
CREATE FUNCTION runnel_internal.word(what text, given text, allowed text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF upper(btrim(given)) = ANY (allowed) THEN
        RETURN upper(btrim(given));
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid %s: %s', what, coalesce(quote_literal(given), 'null')),
        HINT = format('Use %s.', array_to_string(allowed, ' or '));
END $$;

CREATE FUNCTION runnel_internal.projection_schedule(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schedule text := runnel_internal.schedule(given);
BEGIN
    IF schedule = 'on-change' OR schedule ~ '^[0-9]' AND schedule !~ '[@; ]' THEN
        RETURN schedule;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid schedule for a projection: %s', quote_literal(given)),
        HINT = 'Use on-change, or a duration such as 5s.';
END $$;

-- The log that a projection is to read, with what is wrong with it.
CREATE FUNCTION runnel_internal.checked_log(given text) RETURNS oid
LANGUAGE plpgsql AS $$
DECLARE
    log oid;
    facts record;
BEGIN
    BEGIN
        log := pg_catalog.to_regclass(given);
    EXCEPTION WHEN syntax_error OR invalid_name THEN
        log := NULL;
    END;
    IF log IS NULL THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('event log %s does not exist', coalesce(pg_catalog.quote_literal(given), 'null')),
            HINT = 'Create the table first, or write schema.table.';
    END IF;
    SELECT * INTO facts FROM pg_catalog.pg_class WHERE oid = log;
    IF facts.relkind NOT IN ('r', 'p') OR facts.relpersistence = 't'
        OR (facts.relkind = 'r' AND EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = log))
    THEN
        RAISE wrong_object_type USING
            MESSAGE = pg_catalog.format('%s cannot be an event log', log::pg_catalog.regclass),
            HINT = 'An event log is a permanent table, which may be partitioned; not a view, and without tables that inherit.';
    ELSIF facts.relrowsecurity THEN
        RAISE feature_not_supported USING
            MESSAGE = pg_catalog.format('event log %s has row-level security', log::pg_catalog.regclass),
            DETAIL = 'A projection must see every event, whoever it runs as.',
            HINT = 'ALTER TABLE ... DISABLE ROW LEVEL SECURITY, or project from a log without it.';
    END IF;
    RETURN log;
END $$;

-- A column of the log by its name as given, or folded to lower case.
CREATE FUNCTION runnel_internal.log_column(log oid, what text, given text) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found name;
BEGIN
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT attname INTO found
    FROM pg_attribute
    WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND attname IN (given, lower(given))
    ORDER BY attname <> given
    LIMIT 1;
    IF found IS NULL THEN
        RAISE undefined_column USING
            MESSAGE = format('the %s column %I of event log %s does not exist', what, given, log::regclass),
            HINT = format('Its columns are %s.', (
                SELECT string_agg(attname, ', ' ORDER BY attnum)
                FROM pg_attribute
                WHERE attrelid = log AND attnum > 0 AND NOT attisdropped));
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION runnel_internal.check_position(log oid, position_column name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts record;
    partitioned boolean := (SELECT relkind = 'p' FROM pg_class WHERE oid = log);
BEGIN
    SELECT * INTO facts FROM pg_attribute WHERE attrelid = log AND attname = position_column;
    IF facts.atttypid NOT IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN
        RAISE datatype_mismatch USING
            MESSAGE = format('position column %I of event log %s is of type %s', position_column, log::regclass,
                facts.atttypid::regtype),
            HINT = 'A position is a smallint, integer or bigint, best an identity column.';
    ELSIF NOT facts.attnotnull OR NOT EXISTS (
        SELECT
        FROM pg_index
        WHERE indrelid = log AND indisvalid AND indpred IS NULL AND indkey[0] = facts.attnum
            AND (partitioned OR indisunique AND indnkeyatts = 1)
    ) THEN
        RAISE invalid_table_definition USING
            MESSAGE = format('position column %I of event log %s is not unique', position_column, log::regclass),
            DETAIL = CASE WHEN facts.attnotnull THEN 'There is no unique index on it alone.' ELSE 'It may be null.' END,
            HINT = format('ALTER TABLE %s ADD PRIMARY KEY (%I), or make it NOT NULL and UNIQUE.', log::regclass, position_column);
    END IF;
END $$;

-- Types that an enum does not have are spelling mistakes.
CREATE FUNCTION runnel_internal.check_types(log oid, type_column name, handlers jsonb, ignored_types text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    enum oid := (
        SELECT pg_type.oid
        FROM pg_attribute
        JOIN pg_type ON pg_type.oid = atttypid
        WHERE attrelid = log AND attname = type_column AND typtype = 'e');
    wrong text;
BEGIN
    IF type_column IS NULL THEN
        IF jsonb_path_exists(handlers, '$[*].types') THEN
            RAISE invalid_parameter_value USING
                MESSAGE = 'the handlers are for types of events, and there is no type column',
                HINT = 'Name type_column, or use default_handler for all events.';
        END IF;
    ELSIF enum IS NOT NULL THEN
        SELECT type INTO wrong
        FROM (
            SELECT jsonb_path_query(handlers, '$[*].types[*]') #>> '{}'
            UNION ALL
            SELECT unnest(ignored_types)
        ) AS named (type)
        WHERE type <> '*' AND NOT EXISTS (SELECT FROM pg_enum WHERE enumtypid = enum AND enumlabel = type)
        LIMIT 1;
        IF FOUND THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('%s has no value %L', enum::regtype, wrong),
                HINT = format('Its values are %s.', (
                    SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = enum));
        END IF;
    END IF;
END $$;

-- The tables that a rebuild empties.
CREATE FUNCTION runnel_internal.checked_targets(given text[]) RETURNS oid[]
LANGUAGE plpgsql AS $$
DECLARE
    target text;
    found oid;
    targets oid[] := '{}';
BEGIN
    FOREACH target IN ARRAY coalesce(given, '{}') LOOP
        found := pg_catalog.to_regclass(target);
        IF found IS NULL OR (SELECT relkind FROM pg_catalog.pg_class WHERE oid = found) NOT IN ('r', 'p') THEN
            RAISE undefined_table USING
                MESSAGE = pg_catalog.format('target %s is not a table', coalesce(pg_catalog.quote_literal(target), 'null')),
                HINT = 'Create it first, or in the argument ddl.';
        ELSIF NOT pg_catalog.has_table_privilege(found, 'TRUNCATE') THEN
            RAISE insufficient_privilege USING
                MESSAGE = pg_catalog.format('permission denied for target %s', found::pg_catalog.regclass),
                HINT = pg_catalog.format('GRANT TRUNCATE ON %s TO %I, so that it can be rebuilt.',
                    found::pg_catalog.regclass, current_user);
        END IF;
        targets := targets || found;
    END LOOP;
    RETURN targets;
END $$;

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
    start_from text DEFAULT 'BEGINNING'
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
        time_zone)
    VALUES (name, log, position_found, type_found, entity_found, time_found, handlers_checked,
        coalesce(ignored_types, '{}'), targets_checked, mode_checked, schedule_checked, batch_size, policy_checked,
        attempts_max, start_checked, runnel_internal.named_schemas(), pg_catalog.current_setting('TimeZone'));
    RETURN runnel_internal.projection_id(name);
END $$;

-- The schemas in which the names in handlers are looked up: those of the caller, as they are now.
CREATE FUNCTION runnel_internal.named_schemas() RETURNS name[]
LANGUAGE sql STABLE AS $$
    SELECT coalesce(pg_catalog.array_agg(part ORDER BY place), '{}')
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (part, place)
    WHERE part NOT LIKE 'pg\_temp%'
$$;

-- What can be said about a projection before its log is looked at.
CREATE FUNCTION runnel_internal.check_projection(name_wanted text, position_column name, batch_size integer, attempts_max integer)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name_wanted IS NULL OR name_wanted !~ '^[[:alpha:]_][[:alnum:]_.-]{0,62}$' THEN
        RAISE invalid_name USING
            MESSAGE = format('invalid projection name: %s', coalesce(quote_literal(name_wanted), 'null')),
            HINT = 'Use 1 to 63 letters, digits, underscores, dots and hyphens, a letter or an underscore first.';
    ELSIF runnel_internal.projection_id(name_wanted) IS NOT NULL THEN
        RAISE duplicate_object USING
            MESSAGE = format('projection %s already exists', name_wanted),
            HINT = 'Use runnel.alter_projection, or drop it with runnel.drop_projection first.';
    ELSIF position_column IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = 'a projection needs the position column of its event log',
            HINT = 'Name it in position_column.';
    ELSIF coalesce(batch_size NOT BETWEEN 1 AND 100000, true) THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid batch size: %s', coalesce(batch_size::text, 'null')),
            HINT = 'Use 1 to 100000.';
    ELSIF attempts_max <= 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid number of attempts: %s', attempts_max),
            HINT = 'Use 1 or more; none means without end for RETRY and one for DEAD_LETTER.';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE active_sql_transaction USING
            MESSAGE = 'a projection is created in a READ COMMITTED transaction',
            DETAIL = 'A snapshot taken before would not show what was added before recording began.',
            HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED.';
    END IF;
END $$;

CREATE FUNCTION runnel_internal.projection_id(name_wanted text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM runnel_internal.projection WHERE name = name_wanted AND rebuild_of IS NULL
$$;

-- The projection of that name, for its owner; row-level security hides those of others.
CREATE FUNCTION runnel_internal.owned_projection(given text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_id bigint := runnel_internal.projection_id(given);
BEGIN
    IF found_id IS NULL THEN
        RAISE no_data_found USING
            MESSAGE = format('projection %s does not exist', coalesce(quote_literal(given), 'null')),
            HINT = 'The view runnel.projections lists the projections that you may see.';
    ELSIF NOT EXISTS (SELECT FROM runnel_internal.projection WHERE id = found_id) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of projection %s', given),
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    RETURN found_id;
END $$;

-- A projection with other handlers; null leaves what there is.
CREATE FUNCTION runnel_internal.with_handlers(
    stored runnel_internal.projection, handlers jsonb, default_handler text, ignored_types text[]
) RETURNS runnel_internal.projection
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
BEGIN
    IF handlers IS NOT NULL OR default_handler IS NOT NULL THEN
        stored.handlers := runnel_internal.checked_handlers(
            (SELECT pg_catalog.format('%I.%I', nspname, relname)
             FROM pg_catalog.pg_class
             JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
             WHERE pg_class.oid = stored.relation),
            coalesce(handlers, (
                SELECT coalesce(pg_catalog.jsonb_agg(handler - 'statements'), '[]')
                FROM pg_catalog.jsonb_array_elements(stored.handlers) AS handler
                WHERE handler ? 'types')),
            coalesce(default_handler, (
                SELECT handler ->> 'sql'
                FROM pg_catalog.jsonb_array_elements(stored.handlers) AS handler
                WHERE NOT handler ? 'types')));
        stored.search_path := runnel_internal.named_schemas();
        stored.time_zone := pg_catalog.current_setting('TimeZone');
    END IF;
    stored.ignored_types := coalesce(ignored_types, stored.ignored_types);
    PERFORM runnel_internal.check_types(stored.relation, stored.type_column, stored.handlers, stored.ignored_types);
    RETURN stored;
END $$;

-- Null leaves a property as it is. New handlers apply from the next event on; use runnel.rebuild_projection for the others.
CREATE FUNCTION runnel.alter_projection(
    name text,
    handlers jsonb DEFAULT NULL,
    default_handler text DEFAULT NULL,
    ignored_types text[] DEFAULT NULL,
    schedule text DEFAULT NULL,
    batch_size integer DEFAULT NULL,
    failure_policy text DEFAULT NULL,
    attempts_max integer DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    altered_id bigint := runnel_internal.owned_projection(name);
    stored runnel_internal.projection;
BEGIN
    SELECT * INTO stored FROM runnel_internal.projection WHERE id = altered_id FOR UPDATE;
    stored.schedule := CASE WHEN schedule IS NULL THEN stored.schedule ELSE runnel_internal.projection_schedule(schedule) END;
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
        time_zone = stored.time_zone, schedule = stored.schedule, failure_policy = stored.failure_policy,
        batch_size = coalesce(alter_projection.batch_size, stored.batch_size),
        attempts_max = coalesce(alter_projection.attempts_max, stored.attempts_max)
    WHERE id = altered_id;
END $$;

-- The target tables stay.
CREATE FUNCTION runnel.drop_projection(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    dropped_id bigint := runnel_internal.owned_projection(name);
BEGIN
    DELETE FROM runnel_internal.projection WHERE id = dropped_id;
END $$;

CREATE FUNCTION runnel.pause_projection(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    paused_id bigint := runnel_internal.owned_projection(name);
BEGIN
    UPDATE runnel_internal.projection SET wanted = 'PAUSED' WHERE id = paused_id AND wanted <> 'PAUSED';
END $$;

-- After a pause, or after errors.
CREATE FUNCTION runnel.resume_projection(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    resumed_id bigint := runnel_internal.owned_projection(name);
BEGIN
    UPDATE runnel_internal.projection SET wanted = 'ACTIVE', resumptions = resumptions + 1 WHERE id = resumed_id;
END $$;

-- Hands events that were handled before to the handlers once more: all of them, or those of some types, of one entity,
-- from a position or a time on. Until it is done, new events wait. Returns the number of the replay.
CREATE FUNCTION runnel.replay_projection(
    name text,
    types text[] DEFAULT NULL,
    entity text DEFAULT NULL,
    from_position bigint DEFAULT NULL,
    from_time timestamptz DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    replayed_id bigint := runnel_internal.owned_projection(name);
    replayed runnel_internal.projection;
    missing text;
    replay_id bigint;
BEGIN
    SELECT * INTO replayed FROM runnel_internal.projection WHERE id = replayed_id;
    missing := CASE WHEN types IS NOT NULL AND replayed.type_column IS NULL THEN 'type'
        WHEN entity IS NOT NULL AND replayed.entity_column IS NULL THEN 'entity'
        WHEN from_time IS NOT NULL AND replayed.time_column IS NULL THEN 'time' END;
    IF missing IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('projection %s has no %s column', name, missing),
            HINT = pg_catalog.format('Create it with %s_column, or choose events in another way.', missing);
    END IF;
    INSERT INTO runnel_internal.projection_replay (projection_id, types, entity, from_position, from_time)
    VALUES (replayed_id, types, entity, from_position, from_time)
    RETURNING id INTO replay_id;
    RETURN replay_id;
END $$;

CREATE FUNCTION runnel.cancel_replay(replay_id bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE runnel_internal.projection_replay SET cancelled = true WHERE id = replay_id AND finished_at IS NULL;
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = pg_catalog.format('replay %s is not under way', replay_id),
            HINT = 'The view runnel.projection_replays lists them.';
    END IF;
END $$;

-- Without a position, all dead letters of the projection; returns how many.
CREATE FUNCTION runnel.retry_dead_letters(name text, "position" bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    owned_id bigint := runnel_internal.owned_projection(name);
    touched bigint;
BEGIN
    PERFORM runnel_internal.recheck_dead_letters(owned_id);
    UPDATE runnel_internal.dead_letter
    SET retry = true
    WHERE projection_id = owned_id AND status = 'FAILED'
        AND coalesce(dead_letter.position = retry_dead_letters.position, retry_dead_letters.position IS NULL);
    GET DIAGNOSTICS touched = ROW_COUNT;
    IF touched = 0 AND retry_dead_letters.position IS NOT NULL THEN
        PERFORM runnel_internal.no_dead_letter(retry_dead_letters.name, retry_dead_letters.position);
    END IF;
    RETURN touched;
END $$;

-- Gives an event up: it is not handled, and those of its entity that waited behind it are.
CREATE FUNCTION runnel.dismiss_dead_letter(name text, "position" bigint) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    owned_id bigint := runnel_internal.owned_projection(name);
BEGIN
    PERFORM runnel_internal.recheck_dead_letters(owned_id);
    DELETE FROM runnel_internal.dead_letter
    WHERE projection_id = owned_id AND status = 'FAILED'
        AND dead_letter.position = dismiss_dead_letter.position;
    IF NOT FOUND THEN
        PERFORM runnel_internal.no_dead_letter(dismiss_dead_letter.name, dismiss_dead_letter.position);
    END IF;
END $$;

CREATE FUNCTION runnel_internal.no_dead_letter(name text, wanted bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE no_data_found USING
        MESSAGE = format('projection %s has no failed dead letter at position %s', name, wanted),
        HINT = 'The view runnel.dead_letters lists them; those with status WAITING follow the failed one of their entity.';
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------------------------------------------------

-- The greatest position in the log of a projection; null where the log cannot be read.
CREATE FUNCTION runnel_internal.latest_position(wanted_id bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest bigint;
    source record;
BEGIN
    SELECT * INTO source FROM runnel_internal.projection WHERE id = wanted_id;
    IF runnel_internal.caller() <> current_user
        AND NOT coalesce(pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(source.owner))::oid, 'USAGE'), false)
        AND NOT EXISTS (
            SELECT FROM unnest(source.targets) AS target
            WHERE coalesce(has_table_privilege(runnel_internal.caller(), target, 'SELECT'), false))
    THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT max(%I) FROM %s', source.position_column, source.relation::regclass) INTO latest;
    RETURN latest;
EXCEPTION WHEN undefined_table OR undefined_column OR insufficient_privilege OR syntax_error THEN
    RETURN NULL;
END $$;

CREATE VIEW runnel.projections WITH (security_barrier) AS
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
    state.updated_at
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

CREATE VIEW runnel.projection_checkpoint WITH (security_barrier) AS
SELECT name AS projection_name, last_processed_position, last_event_at, updated_at
FROM runnel.projections;

CREATE VIEW runnel.dead_letters WITH (security_barrier) AS
SELECT projection.name AS projection_name, dead_letter.position, dead_letter.entity, dead_letter.event_type,
    dead_letter.status, dead_letter.retry, dead_letter.attempts, dead_letter.error, dead_letter.error_code,
    dead_letter.error_detail, dead_letter.failed_at
FROM runnel_internal.dead_letter
JOIN runnel_internal.projection ON projection.id = dead_letter.projection_id
WHERE projection.rebuild_of IS NULL
    AND coalesce(pg_has_role(current_user, to_regrole(quote_ident(projection.owner))::oid, 'USAGE'), false);

-- How much is left is told by positions, of which some may be gaps.
CREATE VIEW runnel.projection_replays WITH (security_barrier) AS
SELECT replay.id, projection.name AS projection_name, replay.types, replay.entity, replay.from_position, replay.from_time,
    replay.upto_position, replay.at_position, replay.events_handled,
    CASE WHEN replay.cancelled THEN 'CANCELLED' WHEN replay.finished_at IS NOT NULL THEN 'FINISHED'
        WHEN replay.started_at IS NULL THEN 'WAITING' ELSE 'RUNNING' END AS status,
    replay.requested_at, replay.started_at, replay.finished_at,
    replay.events_handled / nullif(took.seconds, 0) AS events_per_second,
    CASE WHEN replay.finished_at IS NULL THEN took.seconds * (replay.upto_position - replay.at_position)
        / nullif(replay.at_position - coalesce(replay.from_position, 1) + 1, 0) END AS seconds_remaining
FROM runnel_internal.projection_replay AS replay
JOIN runnel_internal.projection ON projection.id = replay.projection_id
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM coalesce(replay.finished_at, clock_timestamp()) - replay.started_at)::double precision
) AS took (seconds)
WHERE projection.rebuild_of IS NULL
    AND coalesce(pg_has_role(current_user, to_regrole(quote_ident(projection.owner))::oid, 'USAGE'), false);

GRANT SELECT ON runnel.projections, runnel.projection_checkpoint, runnel.dead_letters, runnel.projection_replays TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    runnel_internal.sql_tokens(text),
    runnel_internal.handler_statements(text),
    runnel_internal.checked_statement(text, text, text, bigint),
    runnel_internal.missing_column(text, text),
    runnel_internal.rehearse(text, text[]),
    runnel_internal.checked_handlers(text, jsonb, text),
    runnel_internal.refuse_handlers(text),
    runnel_internal.word(text, text, text[]),
    runnel_internal.projection_schedule(text),
    runnel_internal.checked_log(text),
    runnel_internal.log_column(oid, text, text),
    runnel_internal.check_position(oid, name),
    runnel_internal.check_types(oid, name, jsonb, text[]),
    runnel_internal.checked_targets(text[]),
    runnel_internal.check_projection(text, name, integer, integer),
    runnel_internal.projection_id(text),
    runnel_internal.owned_projection(text),
    runnel_internal.no_dead_letter(text, bigint),
    runnel_internal.recheck_dead_letters(bigint),
    runnel_internal.latest_position(bigint)
TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.build_projection(runnel_internal.projection),
    runnel_internal.alter_log(oid, text),
    runnel_internal.record_log(oid, name),
    runnel_internal.release_log(integer),
    runnel_internal.prune_log(integer),
    runnel_internal.projection_pending(bigint),
    runnel_internal.writers(oid),
    runnel_internal.run_projection(bigint, bigint, boolean),
    runnel_internal.synchronize(bigint),
    runnel_internal.desynchronize(runnel_internal.projection),
    runnel_internal.begin_after_all(runnel_internal.projection)
FROM PUBLIC;
