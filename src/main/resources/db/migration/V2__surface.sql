-- The SQL surface: functions, procedures and views in schema runnel. They write definition rows; the service makes the
-- database match. Functions run with the rights of their caller, and in the caller's search_path where that decides
-- what a name or a query means; those must qualify all they use. The few that look behind row-level security are
-- SECURITY DEFINER with a fixed search_path.

-- ---------------------------------------------------------------------------------------------------------------------
-- Names and arguments
-- ---------------------------------------------------------------------------------------------------------------------

-- The one or two parts of a name as given, folded and unquoted as PostgreSQL does.
CREATE FUNCTION runnel_internal.name_parts(given text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
BEGIN
    BEGIN
        parts := parse_ident(given);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := NULL;
    END;
    IF parts IS NULL OR cardinality(parts) NOT IN (1, 2) THEN
        RAISE invalid_name USING
            MESSAGE = format('invalid stream table name: %s', coalesce(quote_literal(given), 'null')),
            HINT = 'Write table or schema.table, and put unusual names in double quotes.';
    ELSIF EXISTS (SELECT FROM unnest(parts) AS part WHERE octet_length(part) > 63) THEN
        RAISE name_too_long USING
            MESSAGE = format('stream table name is too long: %s', quote_literal(given)),
            HINT = 'An identifier has at most 63 bytes.';
    END IF;
    RETURN parts;
END $$;

-- Schema and table that a name stands for where something is created. Runs in the search_path of the caller.
CREATE FUNCTION runnel_internal.target(given text) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    parts text[] := runnel_internal.name_parts(given);
BEGIN
    IF pg_catalog.cardinality(parts) = 1 THEN
        parts := ARRAY[coalesce(pg_catalog.current_schema()::text, 'public'), parts[1]];
    END IF;
    IF parts[1] IN ('runnel', 'runnel_internal', 'pgtrickle', 'information_schema') OR parts[1] LIKE 'pg\_%' THEN
        RAISE reserved_name USING
            MESSAGE = pg_catalog.format('no stream table can be created in schema %I', parts[1]),
            HINT = 'Choose a schema of your own.';
    END IF;
    RETURN parts;
END $$;

-- The values that a field of a cron expression stands for; null when it is none. Values, ranges and steps, in lists;
-- names count from 1.
CREATE FUNCTION runnel_internal.cron_field(field text, low integer, high integer, names text[] DEFAULT '{}')
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item text;
    parts text[];
    first integer;
    last integer;
    step integer;
    found integer[] := '{}';
BEGIN
    FOREACH item IN ARRAY string_to_array(field, ',') LOOP
        parts := regexp_match(item, '^([*]|[0-9]{1,2}|[a-z]{3})(-([0-9]{1,2}|[a-z]{3}))?(/([0-9]{1,2}))?$');
        IF parts IS NULL OR (parts[1] = '*' AND parts[2] IS NOT NULL) THEN
            RETURN NULL;
        END IF;
        first := CASE WHEN parts[1] = '*' THEN low
            WHEN parts[1] ~ '[0-9]' THEN parts[1]::integer ELSE array_position(names, parts[1]) END;
        last := CASE WHEN parts[3] ~ '[0-9]' THEN parts[3]::integer
            WHEN parts[3] IS NOT NULL THEN array_position(names, parts[3])
            WHEN parts[1] = '*' OR parts[5] IS NOT NULL THEN high
            ELSE first END;
        step := coalesce(parts[5]::integer, 1);
        IF coalesce(low <= first AND first <= last AND last <= high AND step BETWEEN 1 AND high, false) THEN
            found := found || ARRAY(SELECT generate_series(first, last, step));
        ELSE
            RETURN NULL;
        END IF;
    END LOOP;
    RETURN nullif(found, '{}');
END $$;

-- What is wrong with a cron expression; null for nothing. Five fields, six with seconds in front, or a nickname.
CREATE FUNCTION runnel_internal.cron_error(expression text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fields text[] := regexp_split_to_array(lower(expression), '[ \t]+');
    days integer[];
    months integer[];
BEGIN
    IF lower(expression) ~ '^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$' THEN
        RETURN NULL;
    ELSIF length(expression) > 200 OR cardinality(fields) NOT IN (5, 6) THEN
        RETURN 'a cron expression has five fields (minute hour day month weekday), or six with seconds in front, '
            'in at most 200 characters';
    END IF;
    fields := CASE WHEN cardinality(fields) = 5 THEN array_prepend('0', fields) ELSE fields END;
    days := runnel_internal.cron_field(CASE WHEN fields[4] = 'l' THEN '28' ELSE fields[4] END, 1, 31);
    months := runnel_internal.cron_field(
        fields[5], 1, 12, '{jan,feb,mar,apr,may,jun,jul,aug,sep,oct,nov,dec}');
    IF runnel_internal.cron_field(fields[1], 0, 59) IS NULL THEN
        RETURN format('%L is no second of a cron expression: write *, 0 to 59, ranges, steps and lists', fields[1]);
    ELSIF runnel_internal.cron_field(fields[2], 0, 59) IS NULL THEN
        RETURN format('%L is no minute of a cron expression: write *, 0 to 59, ranges, steps and lists', fields[2]);
    ELSIF runnel_internal.cron_field(fields[3], 0, 23) IS NULL THEN
        RETURN format('%L is no hour of a cron expression: write *, 0 to 23, ranges, steps and lists; '
            'two ranges around midnight, as in 22-23,0-2', fields[3]);
    ELSIF days IS NULL THEN
        RETURN format('%L is no day of a cron expression: write *, 1 to 31, ranges, steps and lists, '
            'or L for the last of the month', fields[4]);
    ELSIF months IS NULL THEN
        RETURN format('%L is no month of a cron expression: write *, 1 to 12, JAN to DEC, ranges, steps and lists',
            fields[5]);
    ELSIF fields[6] !~ '^([0-7]|mon|tue|wed|thu|fri|sat|sun)(l|#[1-4])$'
        AND runnel_internal.cron_field(fields[6], 0, 7, '{mon,tue,wed,thu,fri,sat,sun}') IS NULL
    THEN
        RETURN format('%L is no weekday of a cron expression: write *, 0 to 7 (0 and 7 are Sunday), MON to SUN, '
            'ranges, steps and lists, 5L for the last Friday or 1#2 for the second Monday', fields[6]);
    ELSIF fields[6] ~ '^[*](/1)?$' AND (SELECT min(day) FROM unnest(days) AS day) > (
        SELECT max(CASE WHEN month = 2 THEN 29 WHEN month IN (4, 6, 9, 11) THEN 30 ELSE 31 END)
        FROM unnest(months) AS month)
    THEN
        RETURN 'the day never comes in these months';
    END IF;
    RETURN NULL;
END $$;

-- The stored form of a schedule. This alone decides what a schedule is, for REST too; the service reads whatever is
-- stored, and more.
CREATE FUNCTION runnel_internal.schedule(given text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wish text := btrim(given, E' \t\r\n');
    word text := lower(wish);
    duration text := substring(word FROM '^(?:on-change[ \t]+)?((?:[0-9]{1,9}(?:ms|s|m|h|d|w)){1,6})$');
    seconds numeric := (
        SELECT sum(part[1]::numeric * CASE part[2]
            WHEN 'ms' THEN 0.001 WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400
            ELSE 604800 END)
        FROM regexp_matches(duration, '([0-9]+)(ms|s|m|h|d|w)', 'g') AS part);
    expressions text[];
    reason text;
BEGIN
    IF length(wish) > 1000 THEN
        reason := 'it has more than 1000 characters';
    ELSIF word = 'calculated' THEN
        RETURN 'downstream';
    ELSIF word IN ('on-change', 'downstream', 'manual') THEN
        RETURN word;
    ELSIF word LIKE 'on-change%' THEN
        IF seconds <= 366 * 86400 THEN
            RETURN word;
        END IF;
        reason := 'what follows on-change must be a pause between two refreshes of at most 366d, as in on-change 20ms';
    ELSIF seconds IS NOT NULL THEN
        IF seconds BETWEEN 0.01 AND 366 * 86400 THEN
            RETURN word;
        END IF;
        reason := 'a duration lies between 10ms and 366d';
    ELSIF wish ~ '[@; \t\r\n]' THEN
        expressions := ARRAY(
            SELECT btrim(expression, E' \t')
            FROM regexp_split_to_table(wish, '[;\r\n]') AS expression
            WHERE btrim(expression, E' \t') <> '');
        reason := CASE WHEN cardinality(expressions) > 20 THEN 'it has more than 20 cron expressions' ELSE (
            SELECT runnel_internal.cron_error(expression)
            FROM unnest(expressions) WITH ORDINALITY AS each (expression, place)
            WHERE runnel_internal.cron_error(expression) IS NOT NULL
            ORDER BY place
            LIMIT 1) END;
        IF reason IS NULL AND cardinality(expressions) > 0 THEN
            RETURN wish;
        END IF;
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid schedule: %s', coalesce(quote_literal(left(given, 60)), 'null')),
        DETAIL = coalesce(reason, 'it is no duration, no cron expression and none of the words'),
        HINT = 'Use a duration (500ms, 5s, 1h30m, 1d), cron expressions separated by semicolons (*/5 * * * *, @hourly), '
            'on-change, on-change 20ms, downstream or manual.';
END $$;

CREATE FUNCTION runnel_internal.refresh_mode(given text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mode text := upper(btrim(given));
BEGIN
    IF mode IN ('AUTO', 'DIFFERENTIAL', 'FULL') THEN
        RETURN mode;
    ELSIF mode = 'IMMEDIATE' THEN
        RAISE feature_not_supported USING
            MESSAGE = 'refresh mode IMMEDIATE is not available yet',
            HINT = 'Use AUTO, and schedule => ''on-change'' for the smallest delay.';
    END IF;
    RAISE invalid_parameter_value USING
        MESSAGE = format('invalid refresh mode: %s', coalesce(quote_literal(given), 'null')),
        HINT = 'Use AUTO, DIFFERENTIAL or FULL.';
END $$;

-- The query without what follows it, after PostgreSQL has analysed and planned it with the rights of the caller.
-- Opening a cursor runs nothing, admits one statement only, and reports errors at their place in the text as given.
-- It also admits INSERT ... RETURNING, EXPLAIN and SHOW, which cannot stand in FROM as create_table wants it.
CREATE FUNCTION runnel_internal.checked_query(given text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    stripped text := pg_catalog.rtrim(given, E' \t\r\n\f\v;');
    probe refcursor;
BEGIN
    IF coalesce(stripped, '') = '' THEN
        RAISE syntax_error USING MESSAGE = 'the query of a stream table is empty', HINT = 'Give one SELECT statement.';
    ELSIF pg_catalog.length(stripped) > 500000 THEN
        RAISE program_limit_exceeded USING
            MESSAGE = 'the query of a stream table is longer than 500000 characters',
            HINT = 'Put long lists of values into a table, or parts of the query into views.';
    END IF;
    BEGIN
        OPEN probe FOR EXECUTE stripped;
        CLOSE probe;
    EXCEPTION WHEN invalid_cursor_definition THEN
        PERFORM runnel_internal.refuse_statement();
    END;
    RETURN stripped;
END $$;

CREATE FUNCTION runnel_internal.refuse_statement() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE syntax_error USING
        MESSAGE = 'the query of a stream table must be one SELECT statement',
        HINT = 'SELECT, VALUES, TABLE and WITH ... SELECT will do; nothing that writes, and no second statement.';
END $$;

-- Creates the empty table. The query stands in a view for a moment, which tells what it reads. PostgreSQL's own errors
-- speak for what cannot be; they say little about what to do.
CREATE FUNCTION runnel_internal.create_table(schema_wanted text, table_wanted text, query text, defined oid)
RETURNS oid
LANGUAGE plpgsql AS $$
DECLARE
    probe text := pg_catalog.format('%I.%I', schema_wanted, 'runnel_query_' || pg_catalog.pg_backend_pid());
    qualified text := pg_catalog.format('%I.%I', schema_wanted, table_wanted);
    hint_given text;
BEGIN
    BEGIN
        EXECUTE pg_catalog.format('CREATE VIEW %s AS SELECT * FROM (%s' || E'\n) AS query', probe, query);
    EXCEPTION
        WHEN syntax_error OR feature_not_supported THEN
            PERFORM runnel_internal.refuse_statement();
        WHEN invalid_table_definition THEN
            -- Unlike a permanent view, a table can be made of temporary tables: then that was it.
            EXECUTE pg_catalog.format(
                'CREATE TABLE %s AS SELECT * FROM (%s' || E'\n) AS query WITH NO DATA', qualified, query);
            RAISE invalid_table_definition USING
                MESSAGE = 'the query of a stream table cannot read temporary tables',
                HINT = 'Read permanent tables; a temporary one is seen by its own session only.';
    END;
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute WHERE attrelid = probe::pg_catalog.regclass AND attnum > 0
    ) THEN
        RAISE invalid_table_definition USING
            MESSAGE = 'the query of a stream table must have at least one column',
            HINT = 'Name the columns after SELECT.';
    END IF;
    PERFORM runnel_internal.check_view(probe::pg_catalog.regclass, defined);
    EXECUTE pg_catalog.format('CREATE TABLE %s AS SELECT * FROM %s WITH NO DATA', qualified, probe);
    EXECUTE pg_catalog.format('DROP VIEW %s', probe);
    RETURN qualified::pg_catalog.regclass;
EXCEPTION WHEN duplicate_column OR invalid_table_definition OR invalid_schema_name THEN
    GET STACKED DIAGNOSTICS hint_given = PG_EXCEPTION_HINT;
    RAISE USING
        ERRCODE = SQLSTATE,
        MESSAGE = SQLERRM,
        HINT = CASE
            WHEN hint_given <> '' THEN hint_given
            WHEN SQLSTATE = '42701' THEN 'Give each column a name of its own: SELECT expression AS name.'
            WHEN SQLSTATE = '3F000' THEN 'Create the schema first, or choose another.'
            ELSE 'Cast what has no type that a column can have, for instance to text.' END;
END $$;

-- What a view reads, or the definition of a stream table.
CREATE FUNCTION runnel_internal.reads_directly(reader oid) RETURNS SETOF oid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT refobjid
    FROM pg_rewrite
    JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
    WHERE ev_class = reader AND ev_type = '1' AND refclassid = 'pg_class'::regclass AND refobjid <> reader
    UNION
    SELECT pg_class.oid
    FROM runnel_internal.stream_table
    JOIN pg_class ON relname = definition_view AND relnamespace = 'runnel_internal'::regnamespace
    WHERE relation = reader
$$;

-- What a relation reads, directly, through views, or through the definitions of stream tables.
CREATE FUNCTION runnel_internal.reads(reader oid) RETURNS SETOF oid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE read (relation) AS (
        SELECT below.relation FROM runnel_internal.reads_directly(reader) AS below (relation)
        UNION
        SELECT below.relation
        FROM read
        CROSS JOIN LATERAL runnel_internal.reads_directly(read.relation) AS below (relation)
    )
    SELECT relation FROM read
$$;

-- Refuses, for a view that holds the query of a stream table, what a refresh must not do. The table itself is null while
-- there is none.
CREATE FUNCTION runnel_internal.check_view(query_view oid, defined oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    through text;
    locking oid;
BEGIN
    IF defined IN (SELECT runnel_internal.reads(query_view)) THEN
        SELECT string_agg(step::regclass::text, ', ' ORDER BY step::regclass::text) INTO through
        FROM runnel_internal.reads_directly(query_view) AS step
        WHERE step = defined OR defined IN (SELECT runnel_internal.reads(step));
        RAISE invalid_recursion USING
            MESSAGE = format('stream table %s cannot read itself', defined::regclass),
            DETAIL = CASE WHEN through <> defined::regclass::text THEN format('It would do so through %s.', through)
                ELSE 'Its query names it.' END,
            HINT = 'Read what it is made of instead.';
    END IF;
    SELECT ev_class INTO locking
    FROM pg_rewrite
    WHERE ev_type = '1' AND ev_action::text LIKE '%{ROWMARKCLAUSE %'
        AND (ev_class = query_view OR ev_class IN (SELECT runnel_internal.reads(query_view)))
    LIMIT 1;
    IF FOUND THEN
        RAISE feature_not_supported USING
            MESSAGE = 'the query of a stream table cannot lock rows',
            DETAIL = CASE WHEN locking <> query_view THEN format('The view %s locks rows.', locking::regclass)
                ELSE 'It has a clause FOR UPDATE or FOR SHARE.' END,
            HINT = 'Leave out FOR UPDATE and FOR SHARE: a refresh reads one snapshot, and would make writers wait.';
    END IF;
END $$;

-- The search_path in which the service is to read the query: what the names in it mean now.
CREATE FUNCTION runnel_internal.effective_search_path() RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT coalesce(pg_catalog.string_agg(pg_catalog.quote_ident(part), ', ' ORDER BY position), '')
    FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS path (part, position)
    WHERE part NOT LIKE 'pg\_temp%'
$$;

-- The role of the session, for SECURITY DEFINER functions, in which current_user is their owner.
CREATE FUNCTION runnel_internal.caller() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(nullif(current_setting('role', true), 'none')::name, session_user)
$$;

-- The service refreshes with the rights of the owner, so it must be allowed to become that role.
CREATE FUNCTION runnel_internal.check_service_may_act() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    service name := (SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'runnel_internal');
    -- From PostgreSQL 16 on, a member may lack the right to SET ROLE.
    privilege text := CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    IF NOT pg_has_role(service, current_user, privilege) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied: role %I cannot act as %I', service, current_user),
            DETAIL = 'A stream table is refreshed with the rights of the role that created it.',
            HINT = format('GRANT %I TO %I, or create it as a role that was granted.', current_user, service);
    END IF;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Finding stream tables
-- ---------------------------------------------------------------------------------------------------------------------

-- By relation, or by name when the relation was dropped and the service has not yet noticed.
CREATE FUNCTION runnel_internal.stream_table_id(relation_found oid, schemas name[], table_wanted name) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT id FROM runnel_internal.stream_table WHERE relation = relation_found),
        (SELECT id
         FROM runnel_internal.stream_table
         WHERE relation_found IS NULL AND table_name = table_wanted AND schema_name = ANY (schemas)
             AND NOT EXISTS (SELECT FROM pg_class WHERE oid = relation)
         ORDER BY array_position(schemas, schema_name)
         LIMIT 1))
$$;

-- The stream table that the name means in the search_path of the caller; fails when there is none.
CREATE FUNCTION runnel_internal.located(given text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    parts text[] := runnel_internal.name_parts(given);
    schemas name[] := pg_catalog.current_schemas(false);
    relation_found oid;
    found_id bigint;
BEGIN
    IF pg_catalog.cardinality(parts) = 1 AND pg_catalog.current_schema() IS NOT NULL THEN
        relation_found := pg_catalog.to_regclass(pg_catalog.quote_ident(parts[1]));
    ELSE
        IF pg_catalog.cardinality(parts) = 1 THEN
            parts := ARRAY['public', parts[1]];
        END IF;
        schemas := ARRAY[parts[1]];
        relation_found := pg_catalog.to_regclass(pg_catalog.format('%I.%I', parts[1], parts[2]));
    END IF;
    found_id := runnel_internal.stream_table_id(relation_found, schemas, parts[pg_catalog.cardinality(parts)]);
    IF found_id IS NULL THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('stream table %s does not exist', pg_catalog.quote_literal(given)),
            DETAIL = CASE WHEN relation_found IS NOT NULL
                THEN pg_catalog.format('%s is a relation, but not a stream table.', relation_found::pg_catalog.regclass)
                ELSE 'Searched schemas: ' || pg_catalog.array_to_string(schemas, ', ') || '.' END,
            HINT = 'The view runnel.stream_tables lists the stream tables that you may see.';
    END IF;
    RETURN found_id;
END $$;

-- The same, for its owner only: row-level security hides the tables of others.
CREATE FUNCTION runnel_internal.owned(given text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint := runnel_internal.located(given);
BEGIN
    PERFORM runnel_internal.check_owner(found_id, given);
    RETURN found_id;
END $$;

CREATE FUNCTION runnel_internal.check_owner(wanted_id bigint, given text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM runnel_internal.stream_table WHERE id = wanted_id) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('must be owner of stream table %s', given),
            HINT = 'Use SET ROLE to become its owner; runnel.stream_tables names the owner if you may read the table.';
    END IF;
END $$;

-- Whether a role may read a stream table. The service may ask about all of them.
CREATE FUNCTION runnel_internal.may_read(role_asking name, relation_wanted oid, owner_known name) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(pg_has_role(role_asking, to_regrole(quote_ident(owner_known))::oid, 'USAGE'), false)
        OR coalesce(has_table_privilege(role_asking, relation_wanted, 'SELECT'), false)
$$;

CREATE FUNCTION runnel_internal.check_readable(wanted_id bigint) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    stream_table record;
BEGIN
    SELECT * INTO stream_table FROM runnel_internal.stream_table WHERE id = wanted_id;
    IF NOT FOUND THEN
        RAISE undefined_table USING
            MESSAGE = format('stream table with id %s does not exist', wanted_id),
            HINT = 'The view runnel.stream_tables lists the stream tables that you may see.';
    ELSIF runnel_internal.caller() <> current_user
        AND NOT runnel_internal.may_read(runnel_internal.caller(), stream_table.relation, stream_table.owner)
    THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied for stream table %I.%I',
                stream_table.schema_name, stream_table.table_name),
            HINT = format('GRANT SELECT ON %I.%I TO %I.',
                stream_table.schema_name, stream_table.table_name, runnel_internal.caller());
    END IF;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION runnel_internal.refuse_write() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('runnel.refresh', true) IS DISTINCT FROM 'on' THEN
        RAISE wrong_object_type USING
            MESSAGE = format('cannot write to stream table %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME),
            HINT = 'Write to its sources, or drop it with runnel.drop_stream_table.';
    END IF;
    RETURN NULL;
END $$;

-- Everybody may insert definition rows. This keeps one role from taking the names and relations of another.
CREATE FUNCTION runnel_internal.check_definition() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = NEW.relation AND relkind = 'r' AND relname = NEW.table_name
            AND nspname = NEW.schema_name AND relowner = to_regrole(quote_ident(NEW.owner))::oid
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%I.%I is not a table of role %I', NEW.schema_name, NEW.table_name, NEW.owner),
            HINT = 'Use runnel.create_stream_table.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_definition
    BEFORE INSERT ON runnel_internal.stream_table
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.check_definition();

-- Takes the capture of a source away once nothing depends on it, so that the source, and the types of its columns, can
-- be dropped in the next statement. It waits for the writers of the source only so long; what fails is undone
-- and left to the service. The foreign key of dependency makes sure that no new dependant has come meanwhile.
CREATE FUNCTION runnel_internal.release_source(released integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    captured oid;
    capture regprocedure;
BEGIN
    DELETE FROM runnel_internal.source WHERE id = released RETURNING relation INTO captured;
    FOR capture IN
        SELECT oid::regprocedure
        FROM pg_proc
        WHERE pronamespace = 'runnel_internal'::regnamespace
            AND (proname = 'capture_' || released OR proname LIKE 'capture\_' || released || '\_%')
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', capture);
    END LOOP;
    -- A capture trigger without its buffer would make every write to the source fail.
    IF EXISTS (
        SELECT
        FROM pg_trigger
        JOIN pg_proc ON pg_proc.oid = tgfoid
        WHERE tgrelid = captured AND pronamespace = 'runnel_internal'::regnamespace AND proname <> 'refuse_write'
    ) THEN
        RAISE object_in_use;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS runnel_internal.%I', 'changes_' || released);
EXCEPTION WHEN lock_not_available OR deadlock_detected OR foreign_key_violation OR object_in_use
        OR dependent_objects_still_exist OR insufficient_privilege THEN
    RAISE DEBUG 'capture of source % is left to the service: %', released, SQLERRM;
END $$;

-- What belongs to a definition goes with it: its view, which would protect the sources from being dropped, its
-- auxiliary tables, and the capture that only it needed. Before the row is deleted, because the dependencies go with it.
CREATE FUNCTION runnel_internal.drop_derived() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    auxiliary name;
    orphan integer;
BEGIN
    IF OLD.definition_view IS NOT NULL THEN
        EXECUTE format('DROP VIEW IF EXISTS runnel_internal.%I', OLD.definition_view);
    END IF;
    FOR auxiliary IN
        SELECT relname
        FROM pg_class
        WHERE relnamespace = 'runnel_internal'::regnamespace AND relkind = 'r'
            AND relname LIKE 'state\_' || OLD.id || '\_%'
    LOOP
        EXECUTE format('DROP TABLE runnel_internal.%I', auxiliary);
    END LOOP;
    FOR orphan IN
        WITH freed AS (DELETE FROM runnel_internal.dependency WHERE stream_table_id = OLD.id RETURNING source_id)
        SELECT DISTINCT source_id
        FROM freed
        WHERE source_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM runnel_internal.dependency AS other
            WHERE other.source_id = freed.source_id AND other.stream_table_id <> OLD.id)
    LOOP
        PERFORM runnel_internal.release_source(orphan);
    END LOOP;
    PERFORM pg_notify('runnel_definition', OLD.id::text);
    RETURN OLD;
END $$;

CREATE TRIGGER drop_derived
    BEFORE DELETE ON runnel_internal.stream_table
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.drop_derived();

-- ---------------------------------------------------------------------------------------------------------------------
-- Create, alter, drop
-- ---------------------------------------------------------------------------------------------------------------------

-- Sessions that create the same table at once, as replicas of an application do at their start, follow one another.
CREATE FUNCTION runnel_internal.lock_name(target text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_advisory_xact_lock(hashtextextended(format('runnel.stream_table %I.%I', target[1], target[2]), 0))
$$;

-- The stream table of that name, if there is one, for a caller that creates it otherwise; nobody else can meanwhile.
CREATE FUNCTION runnel_internal.locked(target text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runnel_internal.lock_name(target);
    RETURN runnel_internal.stream_table_id(to_regclass(format('%I.%I', target[1], target[2])), NULL, NULL);
END $$;

-- Only the empty table is made here, so that it can be indexed at once; the service fills it after the commit.
CREATE FUNCTION runnel.create_stream_table(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    target text[] := runnel_internal.target(name);
    qualified text := pg_catalog.format('%I.%I', target[1], target[2]);
    schedule_checked text := runnel_internal.schedule(schedule);
    mode_checked text := runnel_internal.refresh_mode(refresh_mode);
    query_checked text;
    existing oid;
    created oid;
    created_id bigint;
BEGIN
    PERFORM runnel_internal.check_service_may_act();
    PERFORM runnel_internal.lock_name(target);
    existing := pg_catalog.to_regclass(qualified);
    IF existing IS NOT NULL THEN
        RAISE duplicate_table USING
            MESSAGE = pg_catalog.format('relation %s already exists', qualified),
            HINT = CASE WHEN runnel_internal.stream_table_id(existing, NULL, NULL) IS NOT NULL
                THEN 'It is a stream table: use runnel.create_or_replace_stream_table or runnel.alter_stream_table.'
                ELSE 'Choose another name, or drop it first.' END;
    END IF;
    query_checked := runnel_internal.checked_query(query);
    created := runnel_internal.create_table(target[1], target[2], query_checked, NULL);
    EXECUTE pg_catalog.format(
        'CREATE TRIGGER runnel_refuse_write BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION runnel_internal.refuse_write()', qualified);
    -- A definition whose table was dropped by hand, and that the service has not yet removed, gives up its name.
    DELETE FROM runnel_internal.stream_table AS stale
    WHERE stale.schema_name = target[1]::pg_catalog.name AND stale.table_name = target[2]::pg_catalog.name
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_class WHERE pg_class.oid = stale.relation);
    INSERT INTO runnel_internal.stream_table
        (relation, schema_name, table_name, query, search_path, time_zone, schedule, refresh_mode, initialize)
    VALUES (created, target[1], target[2], query_checked, runnel_internal.effective_search_path(),
        pg_catalog.current_setting('TimeZone'), schedule_checked, mode_checked, coalesce(initialize, true))
    RETURNING id INTO created_id;
    PERFORM pg_catalog.pg_notify('runnel_definition', created_id::text);
    RETURN created_id;
END $$;

CREATE FUNCTION runnel.create_stream_table_if_not_exists(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    target text[] := runnel_internal.target(name);
    existing_id bigint := runnel_internal.locked(target);
BEGIN
    IF existing_id IS NULL THEN
        RETURN runnel.create_stream_table(name, query, schedule, refresh_mode, initialize);
    END IF;
    RAISE NOTICE 'stream table %.% already exists, skipping',
        pg_catalog.quote_ident(target[1]), pg_catalog.quote_ident(target[2]);
    RETURN existing_id;
END $$;

CREATE FUNCTION runnel.create_or_replace_stream_table(
    name text,
    query text,
    schedule text DEFAULT '5s',
    refresh_mode text DEFAULT 'AUTO',
    initialize boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    target text[] := runnel_internal.target(name);
    existing_id bigint := runnel_internal.locked(target);
BEGIN
    IF existing_id IS NULL THEN
        RETURN runnel.create_stream_table(name, query, schedule, refresh_mode, initialize);
    END IF;
    PERFORM runnel.alter_stream_table(pg_catalog.format('%I.%I', target[1], target[2]), query, schedule, refresh_mode);
    RETURN existing_id;
END $$;

-- Null leaves a property as it is. A new query is tried on a table that is dropped again, for errors that appear only
-- when columns are made of it; the service replaces the columns and contents of the stream table.
CREATE FUNCTION runnel.alter_stream_table(
    name text,
    query text DEFAULT NULL,
    schedule text DEFAULT NULL,
    refresh_mode text DEFAULT NULL,
    status text DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    altered_id bigint := runnel_internal.owned(name);
    stored record;
    probe text := 'runnel_probe_' || altered_id;
    query_wanted text;
    path_wanted text;
    zone_wanted text;
    schedule_wanted text;
    mode_wanted text;
BEGIN
    SELECT * INTO stored FROM runnel_internal.stream_table WHERE id = altered_id FOR UPDATE;
    query_wanted := stored.query;
    path_wanted := stored.search_path;
    zone_wanted := stored.time_zone;
    IF query IS NOT NULL THEN
        query_wanted := runnel_internal.checked_query(query);
        path_wanted := runnel_internal.effective_search_path();
        zone_wanted := pg_catalog.current_setting('TimeZone');
        IF query_wanted <> stored.query OR path_wanted <> stored.search_path THEN
            PERFORM runnel_internal.create_table(stored.schema_name, probe, query_wanted, stored.relation);
            EXECUTE pg_catalog.format('DROP TABLE %I.%I', stored.schema_name, probe);
        ELSE
            zone_wanted := stored.time_zone;
        END IF;
    END IF;
    schedule_wanted := CASE WHEN schedule IS NULL THEN stored.schedule ELSE runnel_internal.schedule(schedule) END;
    mode_wanted :=
        CASE WHEN refresh_mode IS NULL THEN stored.refresh_mode ELSE runnel_internal.refresh_mode(refresh_mode) END;
    IF (query_wanted, path_wanted, schedule_wanted, mode_wanted)
        IS DISTINCT FROM (stored.query, stored.search_path, stored.schedule, stored.refresh_mode)
    THEN
        UPDATE runnel_internal.stream_table
        SET query = query_wanted, search_path = path_wanted, time_zone = zone_wanted, schedule = schedule_wanted,
            refresh_mode = mode_wanted, version = version + 1
        WHERE id = altered_id;
        PERFORM pg_catalog.pg_notify('runnel_definition', altered_id::text);
    END IF;
    IF status IS NOT NULL THEN
        PERFORM runnel_internal.set_wanted(altered_id, status);
    END IF;
END $$;

-- Stream tables that read this relation, known from their last refresh or from their definition views.
CREATE FUNCTION runnel_internal.dependants(relation_read oid)
RETURNS TABLE (id bigint, qualified text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT dependant.id, format('%I.%I', dependant.schema_name, dependant.table_name)
    FROM runnel_internal.stream_table AS dependant
    WHERE dependant.relation <> relation_read AND (
        EXISTS (
            SELECT
            FROM runnel_internal.dependency
            WHERE dependency.stream_table_id = dependant.id AND dependency.relation = relation_read)
        OR EXISTS (
            SELECT
            FROM pg_depend
            JOIN pg_rewrite ON pg_rewrite.oid = objid
            WHERE classid = 'pg_rewrite'::regclass AND refclassid = 'pg_class'::regclass AND refobjid = relation_read
                AND ev_class = to_regclass('runnel_internal.' || quote_ident(dependant.definition_view))::oid))
    ORDER BY dependant.id
$$;

-- Ends the refresh that a stream table is in, whose lock would keep a drop waiting for as long as the query takes. The
-- number is the class of the advisory locks by which refreshes exclude each other.
CREATE FUNCTION runnel_internal.cancel_refresh(dropped_id bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_cancel_backend(pid)
    FROM pg_locks
    JOIN runnel_internal.stream_table ON id = dropped_id
    WHERE locktype = 'advisory' AND granted AND classid = 5395791 AND objid = dropped_id::oid AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pg_has_role(runnel_internal.caller(), to_regrole(quote_ident(owner))::oid, 'USAGE')
$$;

-- The table goes before the row: a refresh locks the table before it touches the rows, and so do we.
CREATE FUNCTION runnel_internal.drop_stream_table(dropped_id bigint, given text, cascading boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped oid;
    names text;
    qualified text;
    dependant record;
BEGIN
    PERFORM runnel_internal.check_owner(dropped_id, given);
    SELECT relation INTO dropped FROM runnel_internal.stream_table WHERE id = dropped_id;
    SELECT string_agg(found.qualified, ', ') INTO names FROM runnel_internal.dependants(dropped) AS found;
    IF names IS NOT NULL AND cascading IS NOT TRUE THEN
        RAISE dependent_objects_still_exist USING
            MESSAGE = format('cannot drop stream table %s because other stream tables depend on it', given),
            DETAIL = format('Dependent stream tables: %s.', names),
            HINT = 'Drop them first, or use cascade => true to drop them too.';
    END IF;
    FOR dependant IN SELECT * FROM runnel_internal.dependants(dropped) LOOP
        -- One of them may have gone with another.
        IF runnel_internal.stream_table_exists(dependant.id) THEN
            PERFORM runnel_internal.drop_stream_table(dependant.id, dependant.qualified, true);
        END IF;
    END LOOP;
    SELECT format('%I.%I', nspname, relname) INTO qualified
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = dropped;
    IF FOUND THEN
        PERFORM runnel_internal.cancel_refresh(dropped_id);
        EXECUTE format('DROP TABLE %s%s', qualified, CASE WHEN cascading THEN ' CASCADE' END);
    END IF;
    DELETE FROM runnel_internal.stream_table WHERE id = dropped_id;
END $$;

CREATE FUNCTION runnel_internal.stream_table_exists(wanted_id bigint) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM runnel_internal.stream_table WHERE id = wanted_id)
$$;

CREATE FUNCTION runnel.drop_stream_table(name text, cascade boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM runnel_internal.drop_stream_table(runnel_internal.owned(name), name, cascade);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Refresh, reinitialize, pause, resume
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION runnel_internal.set_wanted(wanted_id bigint, given text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    state text := upper(btrim(given));
BEGIN
    IF state IS NULL OR state NOT IN ('ACTIVE', 'PAUSED', 'SUSPENDED') THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid status: %s', coalesce(quote_literal(given), 'null')),
            HINT = 'Use ACTIVE, PAUSED or SUSPENDED.';
    END IF;
    -- A table that was suspended after errors is still wanted ACTIVE: only the version tells that it was resumed.
    UPDATE runnel_internal.stream_table
    SET wanted = state, version = version + CASE WHEN state = 'ACTIVE' THEN 1 ELSE 0 END
    WHERE id = wanted_id AND (wanted <> state OR (state = 'ACTIVE' AND status IN ('PAUSED', 'SUSPENDED', 'ERROR')));
    PERFORM pg_notify('runnel_definition', wanted_id::text);
END $$;

CREATE FUNCTION runnel.pause_stream_table(name text) RETURNS void
LANGUAGE sql AS $$
    SELECT runnel_internal.set_wanted(runnel_internal.owned($1), 'PAUSED')
$$;

CREATE FUNCTION runnel.resume_stream_table(name text) RETURNS void
LANGUAGE sql AS $$
    SELECT runnel_internal.set_wanted(runnel_internal.owned($1), 'ACTIVE')
$$;

CREATE FUNCTION runnel.suspend_stream_table(name text) RETURNS void
LANGUAGE sql AS $$
    SELECT runnel_internal.set_wanted(runnel_internal.owned($1), 'SUSPENDED')
$$;

-- Asks for a refresh and returns the number of the request.
CREATE FUNCTION runnel_internal.ask_refresh(wanted_id bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request bigint;
BEGIN
    UPDATE runnel_internal.stream_table
    SET refresh_requests = refresh_requests + 1
    WHERE id = wanted_id
    RETURNING refresh_requests INTO request;
    PERFORM pg_notify('runnel_definition', wanted_id::text);
    RETURN request;
END $$;

CREATE FUNCTION runnel.refresh_stream_table(name text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM runnel_internal.ask_refresh(runnel_internal.owned(name));
END $$;

CREATE FUNCTION runnel.reinitialize_stream_table(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    wanted_id bigint := runnel_internal.owned(name);
BEGIN
    UPDATE runnel_internal.stream_table
    SET reinitialize_requests = reinitialize_requests + 1
    WHERE id = wanted_id;
    PERFORM pg_catalog.pg_notify('runnel_definition', wanted_id::text);
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Freshness
-- ---------------------------------------------------------------------------------------------------------------------

-- Change rows of one source that a snapshot sees and a frontier does not, counted up to a limit (null: all).
CREATE FUNCTION runnel_internal.pending_in(
    source_wanted integer, frontier pg_snapshot, upto pg_snapshot, rows_max bigint
) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    pending bigint;
BEGIN
    EXECUTE format(
        'SELECT count(*) FROM (SELECT FROM runnel_internal.%I WHERE xid >= pg_snapshot_xmin($1) '
        'AND xid < pg_snapshot_xmax($2) AND NOT pg_visible_in_snapshot(xid, $1) AND pg_visible_in_snapshot(xid, $2) LIMIT $3) AS pending',
        'changes_' || source_wanted)
    INTO pending
    USING frontier, upto, rows_max;
    RETURN pending;
END $$;

-- Whether every transaction that the snapshot sees is seen by the frontier too: none of those that were open for the
-- frontier, and none from its end to the end of the snapshot.
CREATE FUNCTION runnel_internal.covers(frontier pg_snapshot, snapshot pg_snapshot) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (
            SELECT FROM pg_snapshot_xip(frontier) AS open WHERE pg_visible_in_snapshot(open, snapshot))
        AND (SELECT count(*) FROM pg_snapshot_xip(snapshot) AS open WHERE open >= pg_snapshot_xmax(frontier))
            >= pg_snapshot_xmax(snapshot)::text::numeric - pg_snapshot_xmax(frontier)::text::numeric
$$;

-- The number of change rows of the direct sources that the snapshot sees and the stream table does not have yet; null
-- before the first fill.
CREATE FUNCTION runnel_internal.pending_changes(stream_table_id bigint, upto pg_snapshot) RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    frontier_snapshot pg_snapshot;
BEGIN
    PERFORM runnel_internal.check_readable(pending_changes.stream_table_id);
    SELECT frontier.snapshot INTO frontier_snapshot
    FROM runnel_internal.frontier
    WHERE frontier.stream_table_id = pending_changes.stream_table_id;
    IF frontier_snapshot IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (
        SELECT coalesce(sum(runnel_internal.pending_in(source_id, frontier_snapshot, upto, NULL)), 0)
        FROM (
            SELECT DISTINCT source_id
            FROM runnel_internal.dependency
            WHERE dependency.stream_table_id = pending_changes.stream_table_id AND source_id IS NOT NULL
        ) AS captured);
END $$;

-- Whether the definition view is gone, as it is when what the query reads was dropped with CASCADE. The service finds out
-- within seconds, and until then nothing else tells that the contents are nobody's result any more.
CREATE FUNCTION runnel_internal.lost(stream_table runnel_internal.stream_table) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT stream_table.definition_view IS NOT NULL
        AND to_regclass('runnel_internal.' || quote_ident(stream_table.definition_view)) IS NULL
$$;

-- Whether the visible contents of a stream table include everything that the snapshot sees. By kind of source:
--
-- * A captured table: no row of its buffer is seen by the snapshot and not by the frontier. Rows are pruned only after
--   every dependant has applied them, so a missing row is an applied one.
-- * A stream table: it must include the snapshot itself; what it then shows came with changes in its buffer, and none
--   of those that can be seen now may be pending. "Now" is one snapshot for this whole function, which is STABLE, so
--   the contents that were found to include the snapshot and the changes that lead to them are the same. When it is
--   not captured, the transaction that wrote its frontier last must be seen by our frontier.
-- * Anything else that is not captured: nobody knows what changed, so the frontier must see all that the snapshot sees.
-- * A view: expanded when the definition is read; the tables below it have rows of their own in dependency.
CREATE FUNCTION runnel_internal.reflects(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ours pg_snapshot;
    source record;
BEGIN
    SELECT frontier.snapshot INTO ours
    FROM runnel_internal.stream_table
    JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
    WHERE stream_table.id = wanted_id AND stream_table.reconciled_version >= stream_table.version
        AND stream_table.status NOT IN ('INITIALIZING', 'ERROR') AND NOT runnel_internal.lost(stream_table);
    IF ours IS NULL THEN
        RETURN false;
    END IF;
    FOR source IN
        SELECT dependency.source_id, upstream.id AS upstream_id, written.by AS written_by
        FROM runnel_internal.dependency
        LEFT JOIN pg_class ON pg_class.oid = dependency.relation
        LEFT JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
        LEFT JOIN runnel_internal.frontier AS above ON above.stream_table_id = upstream.id
        CROSS JOIN LATERAL (SELECT runnel_internal.full_transaction_id(above.xmin)) AS written (by)
        WHERE dependency.stream_table_id = wanted_id AND pg_class.relkind IS DISTINCT FROM 'v'
    LOOP
        IF source.upstream_id IS NULL AND source.source_id IS NOT NULL THEN
            IF runnel_internal.pending_in(source.source_id, ours, awaited, 1) > 0 THEN
                RETURN false;
            END IF;
        ELSIF source.upstream_id IS NULL THEN
            IF NOT runnel_internal.covers(ours, awaited) THEN
                RETURN false;
            END IF;
        ELSIF NOT runnel_internal.reflects(source.upstream_id, awaited) THEN
            RETURN false;
        ELSIF source.source_id IS NOT NULL THEN
            IF runnel_internal.pending_in(source.source_id, ours, pg_current_snapshot(), 1) > 0 THEN
                RETURN false;
            END IF;
        ELSIF NOT pg_visible_in_snapshot(source.written_by, ours) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;

-- The 64 bits of a recent transaction id, of which a row keeps the lower 32: the latest that has already begun.
CREATE FUNCTION runnel_internal.full_transaction_id(short xid) RETURNS xid8
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT greatest(candidate - CASE WHEN candidate >= next + 2147483648 THEN 4294967296 ELSE 0 END, 0)::text::xid8
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS clock (next)
    CROSS JOIN LATERAL (SELECT (next >> 32 << 32) + short::text::bigint) AS shifted (candidate)
$$;

CREATE FUNCTION runnel_internal.includes(stream_table_id bigint, snapshot pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runnel_internal.check_readable(stream_table_id);
    RETURN runnel_internal.reflects(stream_table_id, snapshot);
END $$;

-- Asks for the refreshes that are missing until the stream table includes the snapshot, lowest first; called again until
-- it returns true. A request that is outstanding is not repeated; one that was answered from a snapshot older than ours is.
CREATE FUNCTION runnel_internal.urge(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    upstream_id bigint;
    ready boolean := true;
BEGIN
    IF runnel_internal.reflects(wanted_id, awaited) THEN
        RETURN true;
    END IF;
    FOR upstream_id IN
        SELECT upstream.id
        FROM runnel_internal.dependency
        JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
        WHERE dependency.stream_table_id = wanted_id
    LOOP
        ready := runnel_internal.urge(upstream_id, awaited) AND ready;
    END LOOP;
    IF ready AND EXISTS (
        SELECT
        FROM runnel_internal.stream_table
        JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
        WHERE stream_table.id = wanted_id AND frontier.refresh_requests >= stream_table.refresh_requests
    ) THEN
        PERFORM runnel_internal.ask_refresh(wanted_id);
    END IF;
    RETURN false;
END $$;

-- Fails when the stream table, or one that it reads, will not be refreshed before somebody acts. A change of definition
-- or a resumption that the service has not yet looked at may remove the obstacle.
CREATE FUNCTION runnel_internal.refuse_obstacle(wanted_id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    obstacle record;
BEGIN
    WITH RECURSIVE involved (id) AS (
        SELECT wanted_id
        UNION
        SELECT upstream.id
        FROM involved
        JOIN runnel_internal.dependency ON dependency.stream_table_id = involved.id
        JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
    )
    SELECT format('%I.%I', schema_name, table_name) AS qualified,
        CASE WHEN wanted <> 'ACTIVE' THEN wanted WHEN runnel_internal.lost(stream_table) THEN 'ERROR'
            ELSE status END AS state,
        CASE WHEN NOT runnel_internal.may_read(runnel_internal.caller(), relation, owner) THEN NULL
            WHEN runnel_internal.lost(stream_table) THEN 'something that the query reads was dropped'
            ELSE last_error END AS error,
        last_error_hint AS hint
    INTO obstacle
    FROM involved
    JOIN runnel_internal.stream_table USING (id)
    LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
    WHERE wanted <> 'ACTIVE'
        OR ((status IN ('PAUSED', 'SUSPENDED', 'ERROR') OR runnel_internal.lost(stream_table))
            AND reconciled_version >= version)
    ORDER BY id <> wanted_id, id
    LIMIT 1;
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = format('stream table %s is %s', obstacle.qualified, obstacle.state),
            DETAIL = coalesce('Last error: ' || obstacle.error, 'It is not refreshed in this state.'),
            HINT = coalesce(CASE WHEN obstacle.error IS NOT NULL THEN nullif(obstacle.hint, '') END,
                CASE WHEN obstacle.state = 'ERROR' THEN 'Correct it with runnel.alter_stream_table.'
                ELSE 'Continue with runnel.resume_stream_table.' END);
    END IF;
END $$;

-- One look by a procedure that waits: true when the stream table includes the snapshot, else makes it happen.
CREATE FUNCTION runnel_internal.approach(wanted_id bigint, awaited pg_snapshot) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM runnel_internal.check_readable(wanted_id);
    IF runnel_internal.reflects(wanted_id, awaited) THEN
        RETURN true;
    END IF;
    PERFORM runnel_internal.refuse_obstacle(wanted_id);
    RETURN runnel_internal.urge(wanted_id, awaited);
END $$;

-- Fails with what is known about why it took too long. RN001 is the code of waits that ran out.
CREATE FUNCTION runnel_internal.raise_timeout(wanted_id bigint, given text, timeout interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    progress record;
BEGIN
    PERFORM runnel_internal.check_readable(wanted_id);
    SELECT status, waits_for, last_error, consecutive_errors INTO progress
    FROM runnel_internal.stream_table
    LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
    WHERE stream_table.id = wanted_id;
    RAISE SQLSTATE 'RN001' USING
        MESSAGE = format('stream table %s is not up to date after %s', given, timeout),
        DETAIL = concat('It is ', progress.status, coalesce(', waits for ' || progress.waits_for, ''),
            CASE WHEN progress.consecutive_errors > 0 THEN ', last error: ' || progress.last_error END, '.'),
        HINT = 'Call again with a longer timeout; if nothing moves, see whether the service runs.';
END $$;

-- Procedures that wait commit between their looks. They cannot run inside a transaction block, and having a SET clause
-- or SECURITY DEFINER would forbid the COMMIT, so everything in them is qualified.
CREATE PROCEDURE runnel_internal.await(wanted_id bigint, given text, awaited pg_snapshot, began_at timestamptz, timeout interval)
LANGUAGE plpgsql AS $$
DECLARE
    pause_seconds double precision := 0.002;
BEGIN
    LOOP
        EXIT WHEN runnel_internal.approach(wanted_id, awaited);
        COMMIT;
        IF pg_catalog.clock_timestamp() >= began_at + timeout THEN
            PERFORM runnel_internal.raise_timeout(wanted_id, given, timeout);
        END IF;
        PERFORM pg_catalog.pg_sleep(pause_seconds);
        COMMIT;
        pause_seconds := least(pause_seconds * 1.25, 0.1);
    END LOOP;
END $$;

-- Returns when the stream table includes everything that was committed before the call.
CREATE PROCEDURE runnel.sync(name text, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    awaited pg_catalog.pg_snapshot := pg_catalog.pg_current_snapshot();
BEGIN
    CALL runnel_internal.await(
        runnel_internal.located(name), name, awaited, pg_catalog.clock_timestamp(), timeout);
END $$;

-- The snapshot that a token stands for; null while its transaction is open. For the id of a transaction that is a
-- snapshot that sees it and those before it that have ended: what began later need not be waited for.
CREATE FUNCTION runnel_internal.token_snapshot(token text) RETURNS pg_snapshot
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    current_one pg_snapshot := pg_current_snapshot();
    given xid8;
    given_snapshot pg_snapshot;
    open xid8[];
    next text;
BEGIN
    IF btrim(token) ~ '^[0-9]{1,19}$' THEN
        given := btrim(token)::xid8;
        -- Fails for a transaction that has not begun.
        IF pg_xact_status(given) = 'in progress' OR NOT pg_visible_in_snapshot(given, current_one) THEN
            RETURN NULL;
        END IF;
        next := (given::text::numeric + 1)::text;
        open := ARRAY(SELECT xip FROM pg_snapshot_xip(current_one) AS xip WHERE xip < given ORDER BY xip);
        RETURN (coalesce(open[1]::text, next) || ':' || next || ':' || array_to_string(open, ','))::pg_snapshot;
    ELSIF btrim(token) ~ '^[0-9]{1,19}:[0-9]{1,19}:([0-9]{1,19}(,[0-9]{1,19})*)?$' THEN
        given_snapshot := btrim(token)::pg_snapshot;
        IF pg_snapshot_xmax(given_snapshot) <= pg_snapshot_xmax(current_one) THEN
            RETURN given_snapshot;
        END IF;
        RAISE invalid_parameter_value;
    END IF;
    RAISE invalid_text_representation;
EXCEPTION
    WHEN invalid_text_representation OR numeric_value_out_of_range THEN
        RAISE invalid_text_representation USING
            MESSAGE = format('invalid token: %s', coalesce(quote_literal(token), 'null')),
            HINT = 'Pass what SELECT pg_current_xact_id() returned in the writing transaction, '
                'or SELECT pg_current_snapshot() after it.';
    WHEN invalid_parameter_value THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('token %s is in the future of this database', token),
            HINT = 'A token is valid only in the cluster that issued it.';
END $$;

-- Returns when the stream table includes the transaction or snapshot that the token names.
CREATE PROCEDURE runnel.wait_for(name text, token text, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    wanted_id bigint := runnel_internal.located(name);
    began_at timestamptz := pg_catalog.clock_timestamp();
    wanted pg_catalog.pg_snapshot;
    pause_seconds double precision := 0.002;
BEGIN
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
    CALL runnel_internal.await(wanted_id, name, wanted, began_at, timeout);
END $$;

-- Whether a request was answered. Fails when a refresh failed since.
CREATE FUNCTION runnel_internal.refresh_answered(wanted_id bigint, request bigint, since timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    progress record;
BEGIN
    PERFORM runnel_internal.check_readable(wanted_id);
    SELECT refresh_requests >= request AND snapshot IS NOT NULL AS answered, last_error_at > since AS failed,
        last_error, last_error_code, last_error_hint
    INTO progress
    FROM runnel_internal.frontier
    WHERE stream_table_id = wanted_id;
    IF progress.failed THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = concat('refresh failed: ', progress.last_error),
            DETAIL = concat('Code: ', progress.last_error_code),
            HINT = coalesce(nullif(progress.last_error_hint, ''), 'See the view runnel.refresh_history.');
    ELSIF progress.answered THEN
        RETURN true;
    END IF;
    PERFORM runnel_internal.refuse_obstacle(wanted_id);
    RETURN false;
END $$;

-- Returns when the stream table was refreshed by a transaction that began after the call.
CREATE PROCEDURE runnel.refresh(name text, timeout interval DEFAULT '30s')
LANGUAGE plpgsql AS $$
DECLARE
    wanted_id bigint := runnel_internal.owned(name);
    began_at timestamptz := pg_catalog.clock_timestamp();
    request bigint := runnel_internal.ask_refresh(wanted_id);
    pause_seconds double precision := 0.002;
BEGIN
    LOOP
        EXIT WHEN runnel_internal.refresh_answered(wanted_id, request, began_at);
        COMMIT;
        IF pg_catalog.clock_timestamp() >= began_at + timeout THEN
            PERFORM runnel_internal.raise_timeout(wanted_id, name, timeout);
        END IF;
        PERFORM pg_catalog.pg_sleep(pause_seconds);
        COMMIT;
        pause_seconds := least(pause_seconds * 1.25, 0.1);
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------------------------------------------------

-- Views read with the rights of their owner, whom row-level security does not bind; the condition binds everybody.
CREATE VIEW runnel.stream_tables WITH (security_barrier) AS
SELECT
    stream_table.id,
    coalesce(pg_namespace.nspname, stream_table.schema_name) AS schema_name,
    coalesce(pg_class.relname, stream_table.table_name) AS table_name,
    stream_table.owner,
    stream_table.status,
    stream_table.refresh_mode,
    stream_table.effective_mode,
    stream_table.full_reason,
    stream_table.schedule,
    stream_table.query,
    frontier.refreshed_at,
    frontier.refresh_rows AS rows_in_last_refresh,
    coalesce(frontier.consecutive_errors, 0) AS consecutive_errors,
    frontier.last_error,
    frontier.last_error_code,
    frontier.last_error_hint,
    frontier.last_error_at,
    frontier.snapshot IS NOT NULL AS populated,
    stream_table.waits_for
FROM runnel_internal.stream_table
LEFT JOIN runnel_internal.frontier ON frontier.stream_table_id = stream_table.id
LEFT JOIN pg_class ON pg_class.oid = stream_table.relation
LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE coalesce(pg_has_role(current_user, to_regrole(quote_ident(stream_table.owner))::oid, 'USAGE'), false)
    OR coalesce(has_table_privilege(current_user, stream_table.relation, 'SELECT'), false);

CREATE VIEW runnel.refresh_history WITH (security_barrier) AS
SELECT
    stream_tables.schema_name,
    stream_tables.table_name,
    refresh_history.*
FROM runnel_internal.refresh_history
JOIN runnel.stream_tables ON stream_tables.id = refresh_history.stream_table_id;

CREATE VIEW runnel.dependencies WITH (security_barrier) AS
SELECT
    dependency.stream_table_id,
    stream_tables.schema_name,
    stream_tables.table_name,
    pg_namespace.nspname AS source_schema,
    pg_class.relname AS source_name,
    upstream.id AS source_stream_table_id,
    dependency.source_id IS NOT NULL AS captured
FROM runnel_internal.dependency
JOIN runnel.stream_tables ON stream_tables.id = dependency.stream_table_id
LEFT JOIN runnel_internal.stream_table AS upstream ON upstream.relation = dependency.relation
LEFT JOIN pg_class ON pg_class.oid = dependency.relation
LEFT JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace;

GRANT SELECT ON runnel.stream_tables, runnel.refresh_history, runnel.dependencies TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

-- Explicit, because default privileges may have been changed. What is not listed is called by SECURITY DEFINER
-- functions only, or would let one role look at the tables of another.
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel_internal TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.release_source(integer),
    runnel_internal.pending_in(integer, pg_snapshot, pg_snapshot, bigint),
    runnel_internal.reflects(bigint, pg_snapshot),
    runnel_internal.urge(bigint, pg_snapshot),
    runnel_internal.refuse_obstacle(bigint)
FROM PUBLIC;
