-- Event logs: tables to which rows are only added.
--
-- A log is declared by making its table immutable: triggers refuse UPDATE, DELETE and TRUNCATE, whoever tries and whether or
-- not the statement would have matched a row. A statement fires the statement-level triggers of the table that it names only,
-- so every partition and inheritance child has triggers of its own; partitions that are added later get the row-level ones
-- from PostgreSQL. The owner of the table can take the triggers away, as any owner can.
--
-- Rules and triggers of people's own that refuse or ignore changes are understood, where it can be read from their text that
-- they do so for every row: what a table already refuses or ignores is left as it is.

CREATE TABLE runnel_internal.declared_log (
    relation oid PRIMARY KEY,
    position_column name NOT NULL,
    -- Whether runnel.create_event_log made the table, with the columns that runnel.append writes.
    created boolean NOT NULL,
    declared_at timestamptz NOT NULL DEFAULT now()
);

-- ---------------------------------------------------------------------------------------------------------------------
-- Refusing
-- ---------------------------------------------------------------------------------------------------------------------

-- RN020 is the code of changes to an event log.
CREATE FUNCTION runnel_internal.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE SQLSTATE 'RN020' USING
        MESSAGE = format('cannot %s event log %I.%I', CASE TG_OP WHEN 'DELETE' THEN 'delete from' ELSE lower(TG_OP) END,
            TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = 'Events are facts: rows are only added to this table.',
        HINT = CASE TG_OP
            WHEN 'TRUNCATE' THEN 'Detach or drop old partitions, or use runnel.drop_event_log to make it an ordinary table.'
            ELSE 'Append an event that corrects the earlier one, or use runnel.drop_event_log to make it an ordinary table.' END;
END $$;

-- What a trigger function does for every row: REFUSED if its first statement raises an exception, IGNORED if it is RETURN
-- NULL, which a BEFORE trigger of a row answers to leave the row as it is; null for anything else.
CREATE FUNCTION runnel_internal.verdict(function oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN function = 'runnel_internal.refuse_change()'::regprocedure THEN 'REFUSED'
        WHEN lanname <> 'plpgsql' THEN NULL
        WHEN body ~ '^begin return null ?; ?end ?;? ?$' THEN 'IGNORED'
        WHEN body ~ '^begin raise( exception)? ([''"]|sqlstate |using |[a-z_]+ *(;|using ))'
            AND body !~ '^begin raise (debug|log|info|notice|warning)\M'
            AND lower(prosrc) !~ '\mexception\M.*\mwhen\M' THEN 'REFUSED'
        END
    FROM pg_proc
    JOIN pg_language ON pg_language.oid = prolang
    CROSS JOIN LATERAL (
        -- One kind of comment after the other: of alternatives PostgreSQL takes the longest match.
        SELECT btrim(regexp_replace(regexp_replace(
            regexp_replace(lower(prosrc), '--[^\n]*', ' ', 'g'), '/[*].*?[*]/', ' ', 'g'), '\s+', ' ', 'g')) AS bare
    ) AS stripped
    -- What is declared does not matter if nothing is evaluated on the way to the first statement.
    CROSS JOIN LATERAL (
        SELECT regexp_replace(bare, '^declare ([a-z_0-9]+ [a-z_0-9]+ ?; ?)*begin ', 'begin ') AS body
    ) AS begun
    WHERE pg_proc.oid = function
$$;

-- What becomes of the three kinds of change to one table, not to those below it: REFUSED with an error, IGNORED, or ALLOWED;
-- and by which triggers and rules, with or without those of ours. A rule stands before all triggers, a statement's trigger
-- before those of rows.
CREATE FUNCTION runnel_internal.guards(guarded oid, ours boolean)
RETURNS TABLE (operation text, verdict text, guard text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (change.operation) change.operation, coalesce(found.verdict, 'ALLOWED'), found.guard
    FROM (VALUES ('UPDATE', 16, '2'), ('DELETE', 8, '4'), ('TRUNCATE', 32, NULL)) AS change (operation, bit, event)
    LEFT JOIN LATERAL (
        SELECT 0 AS place, 'IGNORED' AS verdict, 'rule ' || rulename AS guard
        FROM pg_rewrite
        WHERE ev_class = guarded AND ev_type = change.event::"char" AND is_instead AND ev_enabled IN ('O', 'A')
            AND pg_get_ruledef(oid) ~ 'DO INSTEAD NOTHING;$' AND ev_qual::text = '<>'
        UNION ALL
        SELECT CASE WHEN tgtype & 1 = 0 AND tgtype & 2 = 2 THEN 1 WHEN tgtype & 2 = 2 THEN 2 ELSE 3 END,
            judged.verdict, 'trigger ' || tgname
        FROM pg_trigger
        CROSS JOIN LATERAL (SELECT runnel_internal.verdict(tgfoid)) AS judged (verdict)
        WHERE tgrelid = guarded AND NOT tgisinternal AND tgtype & change.bit <> 0 AND tgenabled IN ('O', 'A') AND tgqual IS NULL
            AND (ours OR tgfoid <> 'runnel_internal.refuse_change()'::regprocedure)
            AND (change.operation <> 'UPDATE' OR tgattr::text = '')
            -- What a statement's trigger or one that fires after the change returns does not matter.
            AND (judged.verdict = 'REFUSED' OR (judged.verdict = 'IGNORED' AND tgtype & 3 = 3))
    ) AS found ON true
    ORDER BY change.operation, found.place, found.verdict DESC, found.guard
$$;

-- A table and those below it.
CREATE FUNCTION runnel_internal.log_tables(log oid) RETURNS SETOF oid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE below (relation) AS (
        SELECT log
        UNION
        SELECT inhrelid FROM below JOIN pg_inherits ON inhparent = relation
    )
    SELECT relation FROM below
$$;

-- Of a log and the tables below it, the mildest verdict on each kind of change, and all guards.
CREATE FUNCTION runnel_internal.log_guards(log oid)
RETURNS TABLE (on_update text, on_delete text, on_truncate text, guarded_by text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(verdict) FILTER (WHERE operation = 'UPDATE'), min(verdict) FILTER (WHERE operation = 'DELETE'),
        min(verdict) FILTER (WHERE operation = 'TRUNCATE'),
        coalesce(array_agg(DISTINCT guard ORDER BY guard) FILTER (WHERE guard IS NOT NULL), '{}')
    FROM runnel_internal.log_tables(log) AS part
    CROSS JOIN LATERAL runnel_internal.guards(part, true)
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Names and columns
-- ---------------------------------------------------------------------------------------------------------------------

-- Schema and name that a text stands for where something is created, in the search_path of the caller.
CREATE FUNCTION runnel_internal.new_name(what text, given text) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := pg_catalog.parse_ident(given);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := NULL;
    END;
    IF parts IS NULL OR pg_catalog.cardinality(parts) NOT IN (1, 2) THEN
        RAISE invalid_name USING
            MESSAGE = pg_catalog.format('invalid %s name: %s', what, coalesce(pg_catalog.quote_literal(given), 'null')),
            HINT = 'Write name or schema.name, and put unusual names in double quotes.';
    ELSIF EXISTS (SELECT FROM pg_catalog.unnest(parts) AS part WHERE pg_catalog.octet_length(part) > 63) THEN
        RAISE name_too_long USING
            MESSAGE = pg_catalog.format('%s name is too long: %s', what, pg_catalog.quote_literal(given)),
            HINT = 'An identifier has at most 63 bytes.';
    END IF;
    IF pg_catalog.cardinality(parts) = 1 THEN
        parts := ARRAY[coalesce(pg_catalog.current_schema()::text, 'public'), parts[1]];
    END IF;
    IF parts[1] IN ('runnel', 'runnel_internal', 'pgtrickle', 'information_schema') OR parts[1] LIKE 'pg\_%' THEN
        RAISE reserved_name USING
            MESSAGE = pg_catalog.format('no %s can be in schema %I', what, parts[1]),
            HINT = 'Choose a schema of your own.';
    ELSIF pg_catalog.to_regnamespace(pg_catalog.quote_ident(parts[1])) IS NULL THEN
        RAISE invalid_schema_name USING
            MESSAGE = pg_catalog.format('schema %I does not exist', parts[1]),
            HINT = 'Create the schema first, or choose another.';
    END IF;
    RETURN parts;
END $$;

-- The position column of a table: as named, or the only one that can be.
CREATE FUNCTION runnel_internal.declared_position(log oid, given text) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found name := runnel_internal.log_column(log, 'position', given);
    candidates name[];
BEGIN
    IF found IS NULL THEN
        SELECT array_agg(attname ORDER BY attnum) INTO candidates
        FROM pg_attribute
        WHERE attrelid = log AND attnum > 0 AND NOT attisdropped AND attnotnull
            AND atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype)
            AND EXISTS (
                SELECT
                FROM pg_index
                WHERE indrelid = log AND indisunique AND indisvalid AND indpred IS NULL AND indkey[0] = attnum
                    AND (indnkeyatts = 1 OR attidentity <> ''));
        IF cardinality(candidates) IS DISTINCT FROM 1 THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('which column of %s is the position is not clear', log::regclass),
                DETAIL = CASE WHEN candidates IS NULL THEN 'No smallint, integer or bigint column is unique and not null.'
                    ELSE format('It may be %s.', array_to_string(candidates, ', ')) END,
                HINT = 'Name it in position_column.';
        END IF;
        found := candidates[1];
    END IF;
    PERFORM runnel_internal.check_position(log, found);
    RETURN found;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Declaring
-- ---------------------------------------------------------------------------------------------------------------------

-- Carries out DDL on a log with the rights of the caller, without making others wait behind it for longer than a moment.
CREATE FUNCTION runnel_internal.alter_declared(log oid, statement text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '50ms' SET client_min_messages = warning AS $$
DECLARE
    late_at pg_catalog.timestamptz := pg_catalog.clock_timestamp() + interval '10 seconds';
BEGIN
    LOOP
        BEGIN
            EXECUTE statement;
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            IF pg_catalog.clock_timestamp() > late_at THEN
                RAISE lock_not_available USING
                    MESSAGE = pg_catalog.format('event log %s is in use', log::pg_catalog.regclass),
                    DETAIL = 'Transactions have been writing to it for 10 seconds.',
                    HINT = 'Try again when they have ended.';
            END IF;
        END;
        PERFORM pg_catalog.pg_sleep(0.02);
    END LOOP;
END $$;

-- Adds to one table the triggers for what it does not refuse or ignore by itself; returns whether they were not there yet.
-- Partitions get those of rows from the table above them, so that they are there for the partitions to come.
CREATE FUNCTION runnel_internal.make_immutable(part oid) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    qualified text := part::pg_catalog.regclass;
    wanted text[] := ARRAY(SELECT operation FROM runnel_internal.guards(part, false) WHERE verdict = 'ALLOWED');
    changes text := pg_catalog.array_to_string(pg_catalog.array_remove(wanted, 'TRUNCATE'), ' OR ');
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.unnest(wanted) AS operation
        WHERE NOT EXISTS (
            SELECT FROM pg_catalog.pg_trigger
            WHERE tgrelid = part AND tgname = 'runnel_refuse_change' AND tgenabled = 'A'
                AND tgfoid = 'runnel_internal.refuse_change()'::pg_catalog.regprocedure
                AND tgtype & CASE operation WHEN 'UPDATE' THEN 16 WHEN 'DELETE' THEN 8 ELSE 32 END <> 0)
    ) THEN
        RETURN false;
    END IF;
    PERFORM runnel_internal.alter_declared(part, pg_catalog.format(
        'CREATE OR REPLACE TRIGGER runnel_refuse_change BEFORE %s ON %s FOR EACH STATEMENT '
        'EXECUTE FUNCTION runnel_internal.refuse_change()',
        pg_catalog.array_to_string(wanted, ' OR '), qualified));
    PERFORM runnel_internal.alter_declared(
        part, pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER runnel_refuse_change', qualified));
    IF changes <> '' AND (SELECT relkind = 'p' FROM pg_catalog.pg_class WHERE oid = part) THEN
        PERFORM runnel_internal.alter_declared(part, pg_catalog.format(
            'CREATE OR REPLACE TRIGGER runnel_refuse_rows BEFORE %s ON %s FOR EACH ROW '
            'EXECUTE FUNCTION runnel_internal.refuse_change()', changes, qualified));
    END IF;
    RETURN true;
END $$;

-- Whoever declares a table owns it and all below it.
CREATE FUNCTION runnel_internal.check_declarable(log oid) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    facts record;
BEGIN
    SELECT * INTO facts FROM pg_class WHERE oid = log;
    IF facts.relkind NOT IN ('r', 'p') OR facts.relpersistence = 't' OR facts.relispartition
        OR facts.relnamespace IN (
            SELECT oid FROM pg_namespace
            WHERE nspname IN ('runnel', 'runnel_internal', 'information_schema') OR nspname LIKE 'pg\_%')
        OR runnel_internal.stream_table_id(log, NULL, NULL) IS NOT NULL
    THEN
        RAISE wrong_object_type USING
            MESSAGE = format('%s cannot be an event log', log::regclass),
            DETAIL = CASE WHEN facts.relispartition THEN 'It is a partition.'
                WHEN runnel_internal.stream_table_id(log, NULL, NULL) IS NOT NULL THEN 'It is a stream table.'
                ELSE 'It is a view, a temporary or foreign table, or one of the system.' END,
            HINT = CASE WHEN facts.relispartition THEN 'Name the partitioned table.'
                ELSE 'An event log is a permanent table of yours, which may be partitioned.' END;
    ELSIF EXISTS (
        SELECT FROM runnel_internal.log_tables(log) AS part JOIN pg_class ON oid = part
        WHERE NOT pg_has_role(relowner, 'USAGE')
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', log::regclass),
            DETAIL = 'Making a table immutable takes rights away from others.',
            HINT = 'Use SET ROLE to become its owner, and that of its partitions and children.';
    END IF;
END $$;

-- The row of a declared log, which everybody may write about tables of theirs; CREATE TABLE and CREATE TRIGGER have asked
-- for more rights than this.
CREATE FUNCTION runnel_internal.declare_log(log oid, position_wanted name, made boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pg_has_role(runnel_internal.caller(), (SELECT relowner FROM pg_class WHERE oid = log), 'USAGE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of table %s', log::regclass),
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    DELETE FROM runnel_internal.declared_log WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
    INSERT INTO runnel_internal.declared_log (relation, position_column, created)
    VALUES (log, position_wanted, made)
    ON CONFLICT (relation) DO UPDATE
    SET position_column = excluded.position_column, created = declared_log.created OR excluded.created;
END $$;

CREATE FUNCTION runnel_internal.undeclare_log(log oid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM runnel_internal.declared_log
    WHERE relation = log AND pg_has_role(runnel_internal.caller(), (SELECT relowner FROM pg_class WHERE oid = log), 'USAGE');
    RETURN FOUND;
END $$;

-- Makes an existing table immutable, or creates a log. Returns CREATED, MADE IMMUTABLE, or IMMUTABLE if everything was
-- refused or ignored already. Of an existing table, the columns stay as they are; to call it again includes new partitions.
-- Whoever names the type of an entity, which is text by default, wants a new log.
CREATE FUNCTION runnel.create_event_log(name text, position_column text DEFAULT NULL, entity_type text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    target text[] := runnel_internal.new_name('event log', name);
    qualified text := pg_catalog.format('%I.%I', target[1], target[2]);
    log oid := pg_catalog.to_regclass(
        CASE pg_catalog.cardinality(pg_catalog.parse_ident(name)) WHEN 1 THEN pg_catalog.quote_ident(target[2]) ELSE qualified END);
    entity_checked pg_catalog.regtype;
    added boolean := false;
    part oid;
    guards record;
BEGIN
    IF log IS NULL THEN
        entity_checked := pg_catalog.to_regtype(coalesce(entity_type, 'text'));
        IF entity_checked IS NULL THEN
            RAISE undefined_object USING
                MESSAGE = pg_catalog.format('type %s does not exist', pg_catalog.quote_literal(entity_type)),
                HINT = 'Use for instance text, uuid or bigint.';
        END IF;
        EXECUTE pg_catalog.format(
            'CREATE TABLE %s ('
            '%I bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, '
            'entity %s NOT NULL, '
            'version bigint NOT NULL CHECK (version > 0), '
            'type text NOT NULL, '
            'body jsonb NOT NULL DEFAULT ''{}'', '
            'metadata jsonb NOT NULL DEFAULT ''{}'', '
            'occurred_at timestamptz NOT NULL DEFAULT now(), '
            'recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), '
            'UNIQUE (entity, version))',
            qualified, coalesce(position_column, 'position'), entity_checked);
        log := qualified::pg_catalog.regclass;
        PERFORM runnel_internal.make_immutable(log);
        PERFORM runnel_internal.declare_log(log, coalesce(position_column, 'position'), true);
        RETURN 'CREATED';
    END IF;
    IF entity_type IS NOT NULL THEN
        RAISE duplicate_table USING
            MESSAGE = pg_catalog.format('relation %s already exists', log::pg_catalog.regclass),
            DETAIL = 'The type of an entity is for a log that is created.',
            HINT = 'Leave entity_type out to make the table immutable, or choose another name.';
    END IF;
    PERFORM runnel_internal.check_declarable(log);
    PERFORM runnel_internal.declare_log(log, runnel_internal.declared_position(log, position_column), false);
    FOR part IN SELECT runnel_internal.log_tables(log) LOOP
        added := runnel_internal.make_immutable(part) OR added;
    END LOOP;
    SELECT * INTO guards FROM runnel_internal.log_guards(log);
    IF 'IGNORED' IN (guards.on_update, guards.on_delete, guards.on_truncate) THEN
        RAISE NOTICE 'event log % ignores changes without an error, by %', log::pg_catalog.regclass,
            pg_catalog.array_to_string(pg_catalog.array_remove(guards.guarded_by, 'trigger runnel_refuse_change'), ', ');
    END IF;
    RETURN CASE WHEN added THEN 'MADE IMMUTABLE' ELSE 'IMMUTABLE' END;
END $$;

-- Makes the table an ordinary one again, and keeps it with all rows; rules and triggers of people's own stay.
CREATE FUNCTION runnel.drop_event_log(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    log oid;
    part oid;
    made record;
    left_over text[];
BEGIN
    log := runnel_internal.located_log(name);
    PERFORM runnel_internal.check_declarable(log);
    IF NOT runnel_internal.undeclare_log(log) THEN
        RAISE no_data_found USING
            MESSAGE = pg_catalog.format('%s is not declared as an event log', log::pg_catalog.regclass),
            HINT = 'The view runnel.event_logs lists the event logs that you may see.';
    END IF;
    FOR part IN SELECT runnel_internal.log_tables(log) LOOP
        FOR made IN
            SELECT tgname
            FROM pg_catalog.pg_trigger
            WHERE tgrelid = part AND tgfoid = 'runnel_internal.refuse_change()'::pg_catalog.regprocedure AND tgparentid = 0
        LOOP
            PERFORM runnel_internal.alter_declared(
                part, pg_catalog.format('DROP TRIGGER %I ON %s', made.tgname, part::pg_catalog.regclass));
        END LOOP;
    END LOOP;
    SELECT guarded_by INTO left_over FROM runnel_internal.log_guards(log);
    IF left_over <> '{}' THEN
        RAISE NOTICE 'table % still refuses or ignores changes, by %', log::pg_catalog.regclass,
            pg_catalog.array_to_string(left_over, ', ');
    END IF;
END $$;

-- The table of that name, in the search_path of the caller.
CREATE FUNCTION runnel_internal.located_log(given text) RETURNS oid
LANGUAGE plpgsql AS $$
DECLARE
    log oid;
BEGIN
    BEGIN
        log := pg_catalog.to_regclass(given);
    EXCEPTION WHEN syntax_error OR invalid_name THEN
        log := NULL;
    END;
    IF log IS NULL THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('event log %s does not exist', coalesce(pg_catalog.quote_literal(given), 'null')),
            HINT = 'The view runnel.event_logs lists the event logs that you may see.';
    END IF;
    RETURN log;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Appending
-- ---------------------------------------------------------------------------------------------------------------------

-- Appends one event to a log that runnel.create_event_log made, with the rights of the caller, who needs INSERT and SELECT.
-- The versions of an entity are 1, 2, 3 and so on. With an expected version, that of the entity's last event (0: it has none),
-- the event is appended only if it is that; without one, after whatever is there. RN021 is the code of another version.
--
-- Of several transactions that append to one entity the unique index lets one go first; the others wait for its end, and look
-- again. In a REPEATABLE READ transaction they fail as they would for any row that was changed meanwhile (40001).
CREATE FUNCTION runnel.append(
    event_log text,
    entity text,
    type text,
    body jsonb DEFAULT '{}',
    expected_version bigint DEFAULT NULL,
    metadata jsonb DEFAULT '{}',
    occurred_at timestamptz DEFAULT NULL,
    OUT "position" bigint,
    OUT version bigint
)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    log oid := runnel_internal.located_log(event_log);
    shape record;
    present bigint;
    attempts integer := 0;
    -- Each attempt that fails lets another event of the entity in.
    attempts_max CONSTANT integer := 1000;
BEGIN
    SELECT pg_catalog.format_type(column_of.atttypid, NULL) AS entity_type, declared.position_column
    INTO shape
    FROM runnel_internal.appendable(log) AS declared (position_column)
    JOIN pg_catalog.pg_attribute AS column_of ON column_of.attrelid = log AND column_of.attname = 'entity';
    IF NOT FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('cannot append to %s', log::pg_catalog.regclass),
            DETAIL = 'It was not created by runnel.create_event_log.',
            HINT = 'INSERT the event into the columns that the table has.';
    ELSIF expected_version < 0 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = pg_catalog.format('invalid expected version: %s', expected_version),
            HINT = 'Use 0 for an entity without events, or leave it out.';
    END IF;
    LOOP
        EXECUTE pg_catalog.format(
            'WITH present AS (SELECT coalesce((SELECT pg_catalog.max(version) FROM %1$s WHERE entity = $1::%2$s), 0) AS version), '
            'added AS ('
            'INSERT INTO %1$s (entity, version, type, body, metadata, occurred_at) '
            'SELECT $1::%2$s, present.version + 1, $2, $3, $4, coalesce($5, pg_catalog.now()) FROM present '
            'WHERE present.version = coalesce($6, present.version) '
            'ON CONFLICT (entity, version) DO NOTHING RETURNING %3$I AS place, version) '
            'SELECT added.place, added.version, present.version FROM present LEFT JOIN added ON true',
            log::pg_catalog.regclass, shape.entity_type, shape.position_column)
        INTO "position", version, present
        USING entity, type, coalesce(body, '{}'), coalesce(metadata, '{}'), occurred_at, expected_version;
        EXIT WHEN "position" IS NOT NULL;
        attempts := attempts + 1;
        IF present <> expected_version OR attempts >= attempts_max THEN
            RAISE SQLSTATE 'RN021' USING
                MESSAGE = CASE WHEN expected_version IS NULL
                    THEN pg_catalog.format('others have added to entity %s %s times meanwhile', entity, attempts)
                    ELSE pg_catalog.format('entity %s is not at version %s', entity, expected_version) END,
                DETAIL = pg_catalog.format('Its last event in %s has version %s.', log::pg_catalog.regclass, present),
                HINT = 'Read the events that were added, decide again, and append with the version that you read.';
        END IF;
    END LOOP;
END $$;

-- The position column of a log that runnel.append can write to.
CREATE FUNCTION runnel_internal.appendable(log oid) RETURNS TABLE (position_column name)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT position_column FROM runnel_internal.declared_log WHERE relation = log AND created
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- The view
-- ---------------------------------------------------------------------------------------------------------------------

-- The logs that were declared, and those that projections read.
CREATE VIEW runnel.event_logs WITH (security_barrier) AS
SELECT
    format('%I.%I', pg_namespace.nspname, pg_class.relname) AS name,
    pg_namespace.nspname AS schema_name,
    pg_class.relname AS table_name,
    pg_get_userbyid(pg_class.relowner) AS owner,
    coalesce(declared_log.position_column, (
        SELECT min(position_column::text)::name FROM runnel_internal.projection WHERE relation = log.relation)) AS position_column,
    declared_log.relation IS NOT NULL AS declared,
    coalesce(declared_log.created, false) AS appendable,
    'ALLOWED' NOT IN (guards.on_update, guards.on_delete, guards.on_truncate) AS immutable,
    guards.on_update,
    guards.on_delete,
    guards.on_truncate,
    guards.guarded_by,
    ARRAY(SELECT name FROM runnel_internal.projection WHERE relation = log.relation AND rebuild_of IS NULL ORDER BY name) AS projections,
    declared_log.declared_at
FROM (
    SELECT relation FROM runnel_internal.declared_log
    UNION
    SELECT relation FROM runnel_internal.projection
) AS log
JOIN pg_class ON pg_class.oid = log.relation
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
LEFT JOIN runnel_internal.declared_log ON declared_log.relation = log.relation
CROSS JOIN LATERAL runnel_internal.log_guards(log.relation) AS guards
WHERE coalesce(pg_has_role(current_user, pg_class.relowner, 'USAGE'), false)
    OR has_table_privilege(current_user, log.relation, 'SELECT');

GRANT SELECT ON runnel.event_logs TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    runnel_internal.refuse_change(),
    runnel_internal.verdict(oid),
    runnel_internal.guards(oid, boolean),
    runnel_internal.log_tables(oid),
    runnel_internal.log_guards(oid),
    runnel_internal.new_name(text, text),
    runnel_internal.declared_position(oid, text),
    runnel_internal.alter_declared(oid, text),
    runnel_internal.make_immutable(oid),
    runnel_internal.check_declarable(oid),
    runnel_internal.declare_log(oid, name, boolean),
    runnel_internal.undeclare_log(oid),
    runnel_internal.located_log(text),
    runnel_internal.appendable(oid)
TO PUBLIC;
