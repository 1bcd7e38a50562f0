-- Side-by-side rebuilds: a shadow, which is a projection of its own over the same log, handles all events from the first
-- one on, into empty copies of the target tables, while the projection goes on. When it has caught up, the contents of the
-- targets and of the copies are exchanged, and handlers, checkpoint and dead letters with them. From then on the shadow
-- keeps the previous version up to date until somebody gives it up, so that it can be exchanged again at any time.
--
-- The tables themselves stay: only rows that differ are written, in one transaction. Readers never wait, and indexes,
-- grants, policies, sequences, foreign keys, views, triggers and the stream tables above are not touched.
--
-- How no event is lost or counted twice: the exchange moves contents and state together. It waits until the shadow has
-- handled everything that the projection has (checkpoint, late events, and what was added up to its checkpoint since its
-- frontier), so that no reader sees an event disappear; for that moment the projection holds still.

CREATE TABLE runnel_internal.projection_rebuild (
    shadow_id bigint PRIMARY KEY REFERENCES runnel_internal.projection ON DELETE CASCADE,
    -- The targets, those that others refer to first, and their copies.
    targets oid[] NOT NULL,
    copies oid[] NOT NULL,
    -- The handlers of the shadow as they are for the targets, and those of the projection as they are for the copies.
    handlers_for_targets jsonb NOT NULL,
    handlers_for_copies jsonb NOT NULL,
    -- Whether contents are to be exchanged once the shadow has caught up.
    exchanging boolean NOT NULL DEFAULT true,
    exchanges integer NOT NULL DEFAULT 0,
    -- The greatest position when it began.
    upto_position bigint,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    exchanged_at timestamptz,
    rows_inserted bigint NOT NULL DEFAULT 0,
    rows_updated bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0
);
ALTER TABLE runnel_internal.projection_rebuild ENABLE ROW LEVEL SECURITY;
CREATE POLICY owned ON runnel_internal.projection_rebuild TO PUBLIC
    USING (EXISTS (SELECT FROM runnel_internal.projection WHERE projection.id = shadow_id));
GRANT SELECT, UPDATE (exchanging) ON runnel_internal.projection_rebuild TO PUBLIC;

CREATE FUNCTION runnel_internal.shadow_schema(projection_id bigint) RETURNS name
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ('runnel_shadow_' || projection_id)::name
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Copies of the targets
-- ---------------------------------------------------------------------------------------------------------------------

-- Why a table cannot be rebuilt side by side; null if it can.
CREATE FUNCTION runnel_internal.copy_obstacle(target oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN relkind <> 'r' OR relispartition THEN 'it is partitioned'
        WHEN EXISTS (SELECT FROM pg_inherits WHERE target IN (inhrelid, inhparent)) THEN 'it is part of an inheritance tree'
        WHEN relrowsecurity AND relforcerowsecurity THEN 'its row-level security hides rows from its owner'
        WHEN EXISTS (SELECT FROM pg_rewrite WHERE ev_class = target) THEN 'it has rules'
        WHEN NOT pg_has_role(current_user, relowner, 'USAGE') THEN format('%I is not its owner', current_user)
    END
    FROM pg_class
    WHERE oid = target
$$;

-- The targets in an order in which those come first that foreign keys of others lead to.
CREATE FUNCTION runnel_internal.by_reference(targets oid[]) RETURNS oid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE level (target, depth) AS (
        SELECT target, 0 FROM unnest(targets) AS target
        UNION
        SELECT conrelid, depth + 1
        FROM level
        JOIN pg_constraint ON contype = 'f' AND confrelid = target AND conrelid = ANY (targets) AND conrelid <> confrelid
        WHERE depth < cardinality(targets)
    )
    SELECT array_agg(target ORDER BY depth, target)
    FROM (SELECT target, max(depth) AS depth FROM level GROUP BY target) AS deepest
$$;

-- Makes the schema of the copies, in which the owner may create them.
CREATE FUNCTION runnel_internal.make_shadow_schema(rebuilt_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner name := (
        SELECT projection.owner
        FROM runnel_internal.projection
        WHERE id = rebuilt_id AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(projection.owner))::oid, 'USAGE'));
BEGIN
    IF owner IS NULL THEN
        RAISE insufficient_privilege USING
            MESSAGE = 'a projection is rebuilt by its owner',
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    EXECUTE format('CREATE SCHEMA %I', runnel_internal.shadow_schema(rebuilt_id));
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', runnel_internal.shadow_schema(rebuilt_id), owner);
    EXECUTE format($guard$
        CREATE FUNCTION runnel_internal.%I() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
        BEGIN
            IF current_setting('runnel.shadow', true) = %L THEN
                RAISE object_not_in_prerequisite_state USING
                    MESSAGE = format('a handler writes to %%s itself, and not to its copy', TG_RELID::regclass),
                    HINT = 'While it is rebuilt side by side, handlers and the functions that they call must name it '
                        'without its schema, and the functions must have no search_path of their own.';
            END IF;
            RETURN NULL;
        END $body$ $guard$, 'guard_' || rebuilt_id, rebuilt_id);
    EXECUTE format('REVOKE ALL ON FUNCTION runnel_internal.%I() FROM PUBLIC', 'guard_' || rebuilt_id);
    EXECUTE format('GRANT EXECUTE ON FUNCTION runnel_internal.%I() TO %I', 'guard_' || rebuilt_id, owner);
END $$;

-- Keeps the handlers of a rebuild from a target itself. Waits for whoever writes to it, without making others wait behind
-- for longer than a moment.
CREATE FUNCTION runnel_internal.guard_target(target oid, guarded_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
    late_at timestamptz := clock_timestamp() + interval '10 seconds';
BEGIN
    LOOP
        BEGIN
            EXECUTE format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s FOR EACH STATEMENT '
                'EXECUTE FUNCTION runnel_internal.%I()', 'runnel_guard_' || guarded_id, target::regclass, 'guard_' || guarded_id);
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() > late_at THEN
                RAISE lock_not_available USING
                    MESSAGE = format('%s is in use', target::regclass),
                    DETAIL = 'Its lock could not be had for 10 seconds.',
                    HINT = 'Try again when the transactions that use it have ended.';
            END IF;
        END;
        PERFORM pg_sleep(0.02);
    END LOOP;
END $$;

-- Makes an empty copy of a table, with all that decides on which rows it may have, and what they hold.
CREATE FUNCTION runnel_internal.copy_table(target oid, shadow name) RETURNS oid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    plain text := (SELECT quote_ident(relname) FROM pg_class WHERE oid = target);
    qualified text := (
        SELECT format('%I.%I', nspname, relname)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = target);
    copy text := format('%I.%s', shadow, plain);
    part record;
    head text;
BEGIN
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING INDEXES EXCLUDING COMMENTS)', copy, qualified);
    FOR part IN
        SELECT format('ALTER TABLE %s ADD CONSTRAINT %I %s', copy, conname, pg_get_constraintdef(oid)) AS statement
        FROM pg_constraint
        WHERE conrelid = target AND contype IN ('p', 'u', 'x')
        ORDER BY contype, conname
    LOOP
        EXECUTE part.statement;
    END LOOP;
    FOR part IN
        SELECT pg_get_indexdef(indexrelid) AS definition, indisunique, relname
        FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid
        WHERE indrelid = target AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = target)
    LOOP
        head := format('CREATE %sINDEX %I ON %s ', CASE WHEN part.indisunique THEN 'UNIQUE ' END, part.relname, qualified);
        IF NOT starts_with(part.definition, head) THEN
            RAISE feature_not_supported USING
                MESSAGE = format('index %I of %s cannot be copied', part.relname, qualified);
        END IF;
        EXECUTE format('CREATE %sINDEX %I ON %s ', CASE WHEN part.indisunique THEN 'UNIQUE ' END, part.relname, copy)
            || substr(part.definition, length(head) + 1);
    END LOOP;
    -- Triggers that decide what is stored; what others do follows from the exchange.
    FOR part IN
        SELECT pg_get_triggerdef(oid) AS definition, tgname, tgenabled
        FROM pg_trigger
        WHERE tgrelid = target AND NOT tgisinternal AND tgtype & 2 = 2 AND tgenabled IN ('O', 'A')
            AND NOT starts_with(tgname, 'runnel_')
    LOOP
        IF strpos(part.definition, format(' ON %s ', qualified)) = 0 THEN
            RAISE feature_not_supported USING
                MESSAGE = format('trigger %I of %s cannot be copied', part.tgname, qualified);
        END IF;
        EXECUTE overlay(part.definition PLACING format(' ON %s ', copy)
            FROM strpos(part.definition, format(' ON %s ', qualified)) FOR length(qualified) + 5);
    END LOOP;
    RETURN copy::regclass;
END $$;

-- A statement in which targets that are named with their schema are replaced by their copies. Where something else has such a
-- name, as a column that is qualified by an alias, the statement is wrong then, which is found out when it is checked.
CREATE FUNCTION runnel_internal.redirected(statement text, targets oid[], shadow name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named text[] := ARRAY(
        SELECT format('%I.%I', nspname, relname)
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = ANY (targets));
    tokens text[];
    words text[];
    result text := '';
    i integer := 1;
BEGIN
    SELECT array_agg(token ORDER BY begins), array_agg(CASE
        WHEN token ~ '^"' THEN quote_ident(replace(substr(token, 2, length(token) - 2), '""', '"'))
        WHEN token ~ '^[[:alpha:]_][^'']*$' THEN quote_ident(lower(token)) END ORDER BY begins)
    INTO tokens, words
    FROM runnel_internal.sql_tokens(statement);
    WHILE i <= cardinality(tokens) LOOP
        IF tokens[i + 1] ~ '^\s*[.]\s*$' AND words[i] || '.' || words[i + 2] = ANY (named)
            AND coalesce(tokens[i - 1] !~ '[.]\s*$', true)
        THEN
            result := result || quote_ident(shadow) || '.' || tokens[i + 2];
            i := i + 3;
        ELSE
            result := result || tokens[i];
            i := i + 1;
        END IF;
    END LOOP;
    RETURN result;
END $$;

-- The targets, and the views over them.
CREATE FUNCTION runnel_internal.reaching(targets oid[]) RETURNS TABLE (target oid, reached oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE chain (target, reached) AS (
        SELECT target, target FROM unnest(targets) AS target
        UNION
        SELECT chain.target, ev_class
        FROM chain
        JOIN pg_depend ON refclassid = 'pg_class'::regclass AND refobjid = chain.reached AND classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite ON pg_rewrite.oid = objid
        JOIN pg_class ON pg_class.oid = ev_class AND relkind = 'v'
    )
    SELECT target, reached FROM chain
$$;

-- Handlers for the copies. Refuses those that still read or write a target itself. PostgreSQL finds them: where copies come
-- first in the search path, names without a schema are those of the copies.
CREATE FUNCTION runnel_internal.handlers_for_copies(log text, handlers jsonb, targets oid[], shadow name) RETURNS jsonb
LANGUAGE plpgsql SET client_min_messages = warning AS $$
DECLARE
    part record;
    named record;
    body text;
BEGIN
    FOR part IN
        SELECT handler.place, runnel_internal.redirected(given.statement, targets, shadow) AS given
        FROM pg_catalog.jsonb_array_elements(handlers) WITH ORDINALITY AS handler (value, place),
            LATERAL runnel_internal.handler_statements(handler.value ->> 'sql') AS given
    LOOP
        body := CASE
            WHEN pg_catalog.upper(pg_catalog.substring(part.given, '^[[:alpha:]]+'))
                IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'MERGE', 'WITH', 'VALUES', 'TABLE') OR part.given LIKE '(%'
            THEN part.given
            ELSE 'SELECT ' || part.given END;
        BEGIN
            EXECUTE pg_catalog.format(
                E'CREATE OR REPLACE FUNCTION pg_temp.runnel_named(event %s) RETURNS void LANGUAGE sql BEGIN ATOMIC %s\n; END',
                log, body);
        EXCEPTION WHEN OTHERS THEN
            RAISE feature_not_supported USING
                MESSAGE = pg_catalog.format('handler %s cannot be directed to copies of its targets: %s', part.place, SQLERRM),
                DETAIL = part.given,
                HINT = 'Name targets without their schema, or use runnel.rebuild_projection without side_by_side.';
        END;
        SELECT target, reached INTO named
        FROM pg_catalog.pg_depend
        JOIN runnel_internal.reaching(targets) ON reached = refobjid
        WHERE classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
            AND objid = (
                SELECT oid FROM pg_catalog.pg_proc
                WHERE proname = 'runnel_named' AND pronamespace = pg_catalog.pg_my_temp_schema())
            AND refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
        LIMIT 1;
        IF FOUND THEN
            RAISE feature_not_supported USING
                MESSAGE = pg_catalog.format('handler %s reaches %s%s and not its copy', part.place,
                    named.target::pg_catalog.regclass, CASE WHEN named.reached <> named.target
                        THEN pg_catalog.format(' through the view %s', named.reached::pg_catalog.regclass) ELSE ' itself' END),
                DETAIL = part.given,
                HINT = 'Name targets without their schema, or use runnel.rebuild_projection without side_by_side.';
        END IF;
    END LOOP;
    EXECUTE pg_catalog.format('DROP FUNCTION IF EXISTS pg_temp.runnel_named(%s)', log);
    RETURN (
        SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_set(handler.value, '{statements}', (
            SELECT pg_catalog.jsonb_agg(runnel_internal.redirected(each.statement, targets, shadow) ORDER BY each.place)
            FROM pg_catalog.jsonb_array_elements_text(handler.value -> 'statements') WITH ORDINALITY AS each (statement, place)
        )) ORDER BY handler.place)
        FROM pg_catalog.jsonb_array_elements(handlers) WITH ORDINALITY AS handler (value, place));
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The exchange
-- ---------------------------------------------------------------------------------------------------------------------

-- The body of the function that exchanges contents, which belongs to the owner of the projection. It writes only what
-- differs: rows with the same key are updated; where that violates another key for a moment, and in tables without a key,
-- rows are deleted and inserted.
CREATE FUNCTION runnel_internal.exchange_body() RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $body$SELECT $template$
DECLARE
  rows_inserted bigint := 0;
  rows_updated bigint := 0;
  rows_deleted bigint := 0;
  number integer;
  affected bigint;
  key_columns text;
  written text[];
  settable text[];
  by_update boolean[];
  differences text[];
  written_all text[];
  settable_all text[];
  difference text;
  sequence_pair record;
  value record;
  place integer;
BEGIN
  SET CONSTRAINTS ALL DEFERRED;
  FOR number IN 1 .. cardinality(targets) LOOP
    EXECUTE format('LOCK TABLE %s, %s IN SHARE ROW EXCLUSIVE MODE', targets[number]::regclass, copies[number]::regclass);
    IF (SELECT array_agg(format('%s %s %s', attname, atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = targets[number] AND attnum > 0 AND NOT attisdropped)
      IS DISTINCT FROM
       (SELECT array_agg(format('%s %s %s', attname, atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = copies[number] AND attnum > 0 AND NOT attisdropped)
    THEN
      RAISE object_not_in_prerequisite_state USING
        MESSAGE = format('the columns of %s were altered since its rebuild began', targets[number]::regclass),
        HINT = 'Cancel the rebuild and begin again.';
    END IF;
    SELECT string_agg(format('runnel_old.%1$I = runnel_new.%1$I', attname), ' AND ' ORDER BY attnum) INTO key_columns
    FROM (
      SELECT indexrelid, indkey, indnkeyatts FROM pg_index
      WHERE indrelid = targets[number] AND indisunique AND indisvalid AND indimmediate AND indpred IS NULL AND indexprs IS NULL
        AND NOT EXISTS (
          SELECT FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (attribute, at)
          JOIN pg_attribute ON attrelid = indrelid AND attnum = attribute
          WHERE at <= indnkeyatts AND (NOT attnotnull OR EXISTS (
            SELECT FROM pg_constraint WHERE conrelid = indrelid AND contype = 'n' AND conkey = ARRAY[attnum] AND NOT convalidated)))
      ORDER BY indisprimary DESC, indexrelid LIMIT 1) AS key
    JOIN pg_attribute ON attrelid = targets[number]
      AND attnum = ANY ((key.indkey::int2[])[0:key.indnkeyatts - 1]);
    SELECT array_agg(quote_ident(attname) ORDER BY attnum),
      array_agg(quote_ident(attname) ORDER BY attnum) FILTER (WHERE attidentity <> 'a')
    INTO written, settable
    FROM pg_attribute
    WHERE attrelid = targets[number] AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
    difference := format('%s."difference of %s"', shadow, number);
    IF key_columns IS NOT NULL THEN
      EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT runnel_old.ctid AS o_place, runnel_new.ctid AS n_place, runnel_old AS o_row, '
        'runnel_new AS n_row FROM %s AS runnel_old FULL JOIN %s AS runnel_new ON %s '
        'WHERE runnel_old::text IS DISTINCT FROM runnel_new::text',
        difference, targets[number]::regclass, copies[number]::regclass, key_columns);
    ELSE
      EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT o.place AS o_place, n.place AS n_place, o.whole AS o_row, n.whole AS n_row '
        'FROM (SELECT runnel_row.ctid AS place, runnel_row AS whole, runnel_row::text AS image, row_number() OVER (PARTITION BY runnel_row::text) AS copy FROM %s AS runnel_row) AS o '
        'FULL JOIN (SELECT runnel_row.ctid AS place, runnel_row AS whole, runnel_row::text AS image, row_number() OVER (PARTITION BY runnel_row::text) AS copy FROM %s AS runnel_row) AS n '
        'ON o.image = n.image AND o.copy = n.copy WHERE o.image IS NULL OR n.image IS NULL',
        difference, targets[number]::regclass, copies[number]::regclass);
    END IF;
    EXECUTE format('ANALYZE %s', difference);
    differences := differences || difference;
    written_all := written_all || array_to_string(written, ', ');
    settable_all := settable_all || coalesce(array_to_string(settable, ', '), '');
    by_update := by_update || (key_columns IS NOT NULL AND settable IS NOT NULL AND cardinality(settable) = cardinality(written));
  END LOOP;
  FOR number IN REVERSE cardinality(targets) .. 1 LOOP
    EXECUTE format('DELETE FROM %s AS o USING %s AS d WHERE o.ctid = d.o_place AND (d.n_place IS NULL OR NOT $1)',
      targets[number]::regclass, differences[number]) USING by_update[number];
    GET DIAGNOSTICS affected = ROW_COUNT;
    rows_deleted := rows_deleted + affected;
  END LOOP;
  FOR number IN 1 .. cardinality(targets) LOOP
    IF by_update[number] THEN
      BEGIN
        EXECUTE format('UPDATE %s AS o SET (%s) = ROW(%s) FROM %s AS d WHERE o.ctid = d.o_place AND d.n_place IS NOT NULL',
          targets[number]::regclass, settable_all[number],
          (SELECT string_agg('(d.n_row).' || part, ', ' ORDER BY at)
           FROM unnest(string_to_array(settable_all[number], ', ')) WITH ORDINALITY AS each (part, at)), differences[number]);
        GET DIAGNOSTICS affected = ROW_COUNT;
        rows_updated := rows_updated + affected;
      EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        EXECUTE format('DELETE FROM %s AS o USING %s AS d WHERE o.ctid = d.o_place AND d.n_place IS NOT NULL',
          targets[number]::regclass, differences[number]);
        GET DIAGNOSTICS affected = ROW_COUNT;
        rows_deleted := rows_deleted + affected;
        by_update[number] := false;
      END;
    END IF;
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS d WHERE d.n_place IS NOT NULL AND (d.o_place IS NULL OR NOT $1)',
      targets[number]::regclass, written_all[number],
      (SELECT string_agg('(d.n_row).' || part, ', ' ORDER BY at)
       FROM unnest(string_to_array(written_all[number], ', ')) WITH ORDINALITY AS each (part, at)), differences[number])
    USING by_update[number];
    GET DIAGNOSTICS affected = ROW_COUNT;
    rows_inserted := rows_inserted + affected;
    EXECUTE format('DELETE FROM %s AS n USING %s AS d WHERE n.ctid = d.n_place', copies[number]::regclass, differences[number]);
    EXECUTE format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s AS d WHERE d.o_place IS NOT NULL',
      copies[number]::regclass, written_all[number],
      (SELECT string_agg('(d.o_row).' || part, ', ' ORDER BY at)
       FROM unnest(string_to_array(written_all[number], ', ')) WITH ORDINALITY AS each (part, at)), differences[number]);
    FOR sequence_pair IN
      SELECT pg_get_serial_sequence(targets[number]::regclass::text, attname)::regclass AS ours,
        pg_get_serial_sequence(copies[number]::regclass::text, attname)::regclass AS theirs
      FROM pg_attribute
      WHERE attrelid = targets[number] AND attnum > 0 AND NOT attisdropped AND attidentity <> ''
    LOOP
      EXECUTE format('SELECT setval(%L, greatest(o.last_value, n.last_value), o.is_called OR n.is_called), '
        'setval(%L, greatest(o.last_value, n.last_value), o.is_called OR n.is_called) FROM %s AS o, %s AS n',
        sequence_pair.ours::text, sequence_pair.theirs::text, sequence_pair.ours, sequence_pair.theirs) INTO value;
    END LOOP;
    EXECUTE format('DROP TABLE %s', differences[number]);
  END LOOP;
  SET CONSTRAINTS ALL IMMEDIATE;
  RETURN ARRAY[rows_inserted, rows_updated, rows_deleted];
END$template$ $body$;

-- Keeps batches of the projection and of its shadow away until the end of the transaction. A statement of its own, so that
-- the next one sees what they did before.
CREATE FUNCTION runnel_internal.lock_rebuild(wanted_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT FROM runnel_internal.projection_state
    WHERE projection_id IN (SELECT unnest(ARRAY[id, rebuild_of]) FROM runnel_internal.projection WHERE id = wanted_id)
    ORDER BY projection_id
    FOR UPDATE
$$;

-- Exchanges a projection with its shadow if that has caught up; otherwise keeps the projection still for a moment, so that
-- it can. In a READ COMMITTED transaction, after lock_rebuild. Returns:
--
--   DONE   there is nothing more to do
--   AGAIN  to be tried again after the next batch
--   LATER  what is missing is held back by an open transaction, and nobody ought to stand still for that
CREATE FUNCTION runnel_internal.exchange_rebuild(wanted_id bigint) RETURNS text
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
    SELECT * INTO behind FROM runnel_internal.projection_state WHERE projection_id = shadow.id;
    SELECT * INTO ahead FROM runnel_internal.projection_state WHERE projection_id = original.id;
    IF rebuild.exchanging IS NOT TRUE OR behind.suspended THEN
        RETURN 'DONE';
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
    WHERE (state.projection_id, other.projection_id) IN ((original.id, shadow.id), (shadow.id, original.id));
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

-- Stores why contents could not be exchanged.
CREATE FUNCTION runnel_internal.fail_rebuild(wanted_id bigint, code text, message text, hint text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.projection_state
    SET suspended = true, consecutive_errors = consecutive_errors + 1, last_error = message, last_error_code = code,
        last_error_detail = NULL, last_error_hint = nullif(hint, ''), last_error_at = clock_timestamp()
    WHERE projection_id = wanted_id
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The surface
-- ---------------------------------------------------------------------------------------------------------------------

-- The shadow of a projection of the caller's; null if there is none.
CREATE FUNCTION runnel_internal.shadow_of(owned_id bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM runnel_internal.projection WHERE rebuild_of = owned_id
$$;

CREATE FUNCTION runnel_internal.begin_side_by_side(stored runnel_internal.projection) RETURNS void
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
        time_zone, rebuild_of)
    VALUES (pg_catalog.format('%s~rebuild', stored.name), stored.relation, stored.position_column, stored.type_column,
        stored.entity_column, stored.time_column, handlers_new, stored.ignored_types, copies, 'ASYNCHRONOUS', 'on-change',
        stored.batch_size, stored.failure_policy, stored.attempts_max, stored.start_from, shadow || stored.search_path,
        stored.time_zone, owned_id);
    PERFORM runnel_internal.register_rebuild(owned_id, ordered, copies, stored.handlers, handlers_old);
END $$;

CREATE FUNCTION runnel_internal.register_rebuild(
    owned_id bigint, targets oid[], copies oid[], for_targets jsonb, for_copies jsonb
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runnel_internal.projection_rebuild
        (shadow_id, targets, copies, handlers_for_targets, handlers_for_copies, upto_position)
    SELECT shadow.id, register_rebuild.targets, register_rebuild.copies, for_targets, for_copies, runnel_internal.latest_position(owned_id)
    FROM runnel_internal.projection AS shadow
    WHERE shadow.rebuild_of = owned_id
        AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(shadow.owner))::oid, 'USAGE');
END $$;

-- What would get in the way of a rebuild that is under way.
CREATE FUNCTION runnel_internal.refuse_while_rebuilt(owned_id bigint, name text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF runnel_internal.shadow_of(owned_id) IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('projection %s has a side-by-side rebuild', name),
            HINT = 'End it with runnel.cancel_rebuild or, once contents were exchanged, with runnel.finish_rebuild.';
    END IF;
END $$;

-- Handles all events again, from the first one, if given with new handlers: into emptied target tables, or side by side,
-- into copies that take their place once they have caught up.
CREATE FUNCTION runnel.rebuild_projection(
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
    SELECT * INTO stored FROM runnel_internal.projection WHERE id = rebuilt_id FOR UPDATE;
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

-- The rebuild of a projection, for its owner.
CREATE FUNCTION runnel_internal.owned_rebuild(name text) RETURNS runnel_internal.projection_rebuild
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild;
BEGIN
    SELECT * INTO rebuild
    FROM runnel_internal.projection_rebuild
    WHERE shadow_id = runnel_internal.shadow_of(runnel_internal.owned_projection(name));
    IF NOT FOUND THEN
        RAISE no_data_found USING
            MESSAGE = format('projection %s has no side-by-side rebuild', name),
            HINT = 'Begin one with runnel.rebuild_projection(name, side_by_side => true).';
    END IF;
    RETURN rebuild;
END $$;

-- Before the exchange, ends the rebuild and leaves no trace; while it is being rolled back, keeps what has been exchanged.
CREATE FUNCTION runnel.cancel_rebuild(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild := runnel_internal.owned_rebuild(name);
BEGIN
    IF rebuild.exchanges = 0 THEN
        DELETE FROM runnel_internal.projection WHERE id = rebuild.shadow_id;
    ELSIF rebuild.exchanging THEN
        UPDATE runnel_internal.projection_rebuild SET exchanging = false WHERE shadow_id = rebuild.shadow_id;
    ELSE
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('the rebuild of projection %s has taken the place of the previous version', name),
            HINT = 'Use runnel.roll_back_rebuild to exchange them again, or runnel.finish_rebuild to give the other up.';
    END IF;
END $$;

-- Exchanges the two versions again.
CREATE FUNCTION runnel.roll_back_rebuild(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild := runnel_internal.owned_rebuild(name);
BEGIN
    IF rebuild.exchanges = 0 THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('the rebuild of projection %s has not taken its place yet', name),
            HINT = 'Use runnel.cancel_rebuild.';
    END IF;
    UPDATE runnel_internal.projection_rebuild SET exchanging = true WHERE shadow_id = rebuild.shadow_id;
    UPDATE runnel_internal.projection SET resumptions = resumptions + 1 WHERE id = rebuild.shadow_id;
END $$;

-- Gives the version up that is not in use.
CREATE FUNCTION runnel.finish_rebuild(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild := runnel_internal.owned_rebuild(name);
BEGIN
    IF rebuild.exchanging THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('the rebuild of projection %s is under way', name),
            HINT = 'Wait until its status is EXCHANGED, or use runnel.cancel_rebuild.';
    END IF;
    DELETE FROM runnel_internal.projection WHERE id = rebuild.shadow_id;
END $$;

-- Goes on after an error of the handlers that rebuild.
CREATE FUNCTION runnel.resume_rebuild(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    rebuild runnel_internal.projection_rebuild := runnel_internal.owned_rebuild(name);
BEGIN
    UPDATE runnel_internal.projection SET resumptions = resumptions + 1 WHERE id = rebuild.shadow_id;
END $$;

CREATE VIEW runnel.projection_rebuilds WITH (security_barrier) AS
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
JOIN runnel_internal.projection_state AS state ON state.projection_id = shadow.id
CROSS JOIN LATERAL (
    SELECT extract(epoch FROM coalesce(rebuild.exchanged_at, clock_timestamp()) - rebuild.started_at)::double precision
) AS took (seconds)
WHERE coalesce(pg_has_role(current_user, to_regrole(quote_ident(original.owner))::oid, 'USAGE'), false);

GRANT SELECT ON runnel.projection_rebuilds TO PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    runnel_internal.shadow_schema(bigint),
    runnel_internal.copy_obstacle(oid),
    runnel_internal.by_reference(oid[]),
    runnel_internal.make_shadow_schema(bigint),
    runnel_internal.copy_table(oid, name),
    runnel_internal.redirected(text, oid[], name),
    runnel_internal.reaching(oid[]),
    runnel_internal.handlers_for_copies(text, jsonb, oid[], name),
    runnel_internal.shadow_of(bigint),
    runnel_internal.begin_side_by_side(runnel_internal.projection),
    runnel_internal.guard_target(oid, bigint),
    runnel_internal.register_rebuild(bigint, oid[], oid[], jsonb, jsonb),
    runnel_internal.refuse_while_rebuilt(bigint, text),
    runnel_internal.with_handlers(runnel_internal.projection, jsonb, text, text[]),
    runnel_internal.owned_rebuild(text)
TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.lock_rebuild(bigint),
    runnel_internal.exchange_rebuild(bigint),
    runnel_internal.fail_rebuild(bigint, text, text, text)
FROM PUBLIC;
