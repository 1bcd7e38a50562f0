-- Managed materialized views: refreshed on one or several schedules, and not refreshed when nothing has changed.
--
-- The definition is a row of materialized_view, written with the rights of whoever manages the view. What moves is in
-- materialized_view_state, written by every refresh in its own transaction. A refresh runs in one REPEATABLE READ
-- transaction, and REFRESH MATERIALIZED VIEW reads the snapshot of its transaction: that snapshot is the frontier.
--
-- How a refresh is known to be superfluous. Triggers record, in one row for each statement that writes to a source, which
-- transaction it belonged to. The result is what it was if no recorded transaction is seen by the present snapshot and not
-- by the frontier, and if nothing but the contents of these tables decides the result. The latter is read from the stored
-- query: every relation is a table that has such a trigger, a view over them, or a materialized view, and every function
-- depends on its arguments and on settings that a refresh fixes. What could change without a trigger is part of the
-- standing, a fingerprint as of the frontier: a row of a catalog is written anew, under another transaction, when a table is
-- rewritten or altered, a trigger switched off, a view or function replaced, and when any materialized view is refreshed,
-- CONCURRENTLY or not. When the standing is another one, the view is refreshed. Where any of this is not certain, there is no
-- standing, and the view is always refreshed.

-- ---------------------------------------------------------------------------------------------------------------------
-- Catalog
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE runnel_internal.materialized_view (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL UNIQUE,
    schema_name name NOT NULL,
    view_name name NOT NULL,
    owner name NOT NULL DEFAULT current_user,
    -- Whether it was there before, and stays when it is no longer managed.
    adopted boolean NOT NULL,
    schedules text[] NOT NULL,
    time_zone text NOT NULL,
    search_path text NOT NULL,
    refresh_kind text NOT NULL CHECK (refresh_kind IN ('AUTO', 'CONCURRENTLY', 'PLAIN')),
    skip_unchanged boolean NOT NULL,
    wanted text NOT NULL DEFAULT 'ACTIVE' CHECK (wanted IN ('ACTIVE', 'PAUSED')),
    refresh_requests bigint NOT NULL DEFAULT 0,
    resumptions bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE runnel_internal.materialized_view_state (
    materialized_view_id bigint PRIMARY KEY REFERENCES runnel_internal.materialized_view ON DELETE CASCADE,
    -- The snapshot as of which the contents are the query's result; null until the first refresh by Runnel.
    frontier pg_snapshot,
    origin text,
    -- When the last refresh began, and when it was last found that the contents are those of the frontier.
    refreshed_at timestamptz,
    checked_at timestamptz,
    duration_seconds double precision,
    kind text CHECK (kind IN ('CONCURRENTLY', 'PLAIN')),
    refresh_requests bigint NOT NULL DEFAULT 0,
    refreshes bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    -- What was true of all that decides the result, beside the contents of tables; null where a change could go unseen.
    standing text,
    -- Why it can have none, as of the last refresh.
    uncertainty text,
    -- Weighted means, and how large the view was when a plain refresh was measured.
    plain_seconds double precision,
    plain_bytes bigint,
    concurrent_seconds double precision,
    suspended boolean NOT NULL DEFAULT false,
    waits_for text,
    consecutive_errors integer NOT NULL DEFAULT 0,
    last_error text,
    last_error_code text,
    last_error_hint text,
    last_error_at timestamptz
) WITH (fillfactor = 50);

CREATE TABLE runnel_internal.materialized_view_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    materialized_view_id bigint NOT NULL REFERENCES runnel_internal.materialized_view ON DELETE CASCADE,
    started_at timestamptz NOT NULL,
    duration_seconds double precision NOT NULL,
    kind text NOT NULL CHECK (kind IN ('CONCURRENTLY', 'PLAIN', 'FAILED')),
    reason text NOT NULL,
    error text
);
CREATE INDEX ON runnel_internal.materialized_view_history (materialized_view_id, id);

-- A table whose writing transactions are recorded, and for whom.
CREATE TABLE runnel_internal.touched_source (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation oid NOT NULL UNIQUE
);
CREATE TABLE runnel_internal.materialized_view_source (
    materialized_view_id bigint NOT NULL REFERENCES runnel_internal.materialized_view ON DELETE CASCADE,
    source_id integer NOT NULL REFERENCES runnel_internal.touched_source,
    PRIMARY KEY (materialized_view_id, source_id)
);
CREATE INDEX ON runnel_internal.materialized_view_source (source_id);
CREATE TABLE runnel_internal.touch (
    source_id integer NOT NULL,
    xid xid8 NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 5000);
CREATE INDEX ON runnel_internal.touch (source_id, xid);

ALTER TABLE runnel_internal.materialized_view ENABLE ROW LEVEL SECURITY;
CREATE POLICY owned ON runnel_internal.materialized_view TO PUBLIC
    USING (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'))
    WITH CHECK (pg_has_role(current_user, to_regrole(quote_ident(owner))::oid, 'USAGE'));
GRANT SELECT, DELETE ON runnel_internal.materialized_view TO PUBLIC;
GRANT INSERT (relation, schema_name, view_name, owner, adopted, schedules, time_zone, search_path, refresh_kind, skip_unchanged)
    ON runnel_internal.materialized_view TO PUBLIC;
GRANT UPDATE (schedules, time_zone, refresh_kind, skip_unchanged, wanted, refresh_requests, resumptions)
    ON runnel_internal.materialized_view TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- What a view reads
-- ---------------------------------------------------------------------------------------------------------------------

-- The role of the service, which owns the catalog.
CREATE FUNCTION runnel_internal.service() RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'runnel_internal'
$$;

-- What follows is looked at again and again. It is written in PL/pgSQL, which keeps the plans.

-- A materialized view and the views that it reads, through views. By the stored queries, because pg_depend knows no catalogs.
CREATE FUNCTION runnel_internal.view_rules(root oid) RETURNS TABLE (relation oid, tree text, version text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE used (relation) AS (
        SELECT root
        UNION
        SELECT pg_class.oid
        FROM used
        JOIN pg_rewrite ON ev_class = used.relation AND ev_type = '1'
        CROSS JOIN regexp_matches(ev_action::text, ':relid (\d+)', 'g') AS read
        JOIN pg_class ON pg_class.oid = read[1]::oid AND relkind = 'v'
    )
    SELECT used.relation, ev_action::text, pg_rewrite.oid || ' ' || pg_rewrite.xmin
    FROM used
    JOIN pg_rewrite ON ev_class = used.relation AND ev_type = '1';
END $$;

-- What it reads that is no view: tables, materialized views and the like.
CREATE FUNCTION runnel_internal.view_sources(root oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT DISTINCT pg_class.oid
    FROM runnel_internal.view_rules(root)
    CROSS JOIN regexp_matches(tree, ':relid (\d+)', 'g') AS read
    JOIN pg_class ON pg_class.oid = read[1]::oid AND relkind <> 'v'
    WHERE pg_class.oid <> root;
END $$;

CREATE FUNCTION runnel_internal.view_functions(root oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT called[1]::oid
    FROM runnel_internal.view_rules(root)
    CROSS JOIN regexp_matches(tree, ':(?:funcid|aggfnoid|winfnoid|opfuncid) (\d+)', 'g') AS called
    UNION
    SELECT oprcode::oid
    FROM runnel_internal.view_rules(root)
    CROSS JOIN regexp_matches(tree, ':(?:opno|eqop|sortop) (\d+)', 'g') AS used
    JOIN pg_operator ON pg_operator.oid = used[1]::oid;
END $$;

-- Why it cannot be known that the result of a view is what it was; null if it can. Functions of PostgreSQL's own that are
-- STABLE depend on settings, which a refresh fixes, except those that tell the time, the session, or what is in the database.
-- Others may be declared IMMUTABLE and read tables all the same, unless they are written in C.
CREATE FUNCTION runnel_internal.uncertain(root oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT reason
        FROM (
            SELECT CASE
                WHEN nspname IN ('pg_catalog', 'information_schema', 'pg_toast') THEN format('%s is a system catalog', pg_class.oid::regclass)
                WHEN nspname = 'runnel_internal' THEN format('%s belongs to Runnel', pg_class.oid::regclass)
                WHEN relkind = 'm' THEN NULL
                WHEN relkind = 'f' THEN format('%s is a foreign table', pg_class.oid::regclass)
                WHEN relkind = 'p' THEN format('%s is partitioned', pg_class.oid::regclass)
                WHEN relkind <> 'r' THEN format('%s is no table', pg_class.oid::regclass)
                WHEN relispartition OR EXISTS (SELECT FROM pg_inherits WHERE pg_class.oid IN (inhrelid, inhparent))
                    THEN format('%s is a partition, or has parents or children', pg_class.oid::regclass)
                WHEN relpersistence <> 'p' THEN format('unlogged table %s loses its rows in a crash', pg_class.oid::regclass)
                WHEN relrowsecurity THEN format('%s has row-level security', pg_class.oid::regclass)
                WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attgenerated = 'v')
                    THEN format('%s has virtual columns, whose expressions may change', pg_class.oid::regclass)
                WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = pg_class.oid)
                    THEN format('%s is filled by logical replication', pg_class.oid::regclass)
                WHEN NOT has_table_privilege(runnel_internal.service(), pg_class.oid, 'TRIGGER')
                    THEN format('the service may not watch %s: GRANT TRIGGER ON %1$s TO %I', pg_class.oid::regclass, runnel_internal.service())
                END AS reason
            FROM runnel_internal.view_sources(root) AS source
            JOIN pg_class ON pg_class.oid = source
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            UNION ALL
            SELECT CASE
                WHEN nspname <> 'pg_catalog' AND (prokind = 'a' OR provolatile <> 'i' OR lanname NOT IN ('c', 'internal'))
                    THEN format('function %s may read tables', pg_proc.oid::regproc)
                WHEN nspname <> 'pg_catalog' OR provolatile = 'i' THEN NULL
                WHEN provolatile = 'v' THEN format('function %s is volatile', proname)
                WHEN proname IN ('now', 'transaction_timestamp', 'statement_timestamp', 'timenow')
                    OR (proname = 'age' AND pronargs = 1) THEN format('function %s tells the time', proname)
                WHEN proname IN ('getdatabaseencoding', 'row_security_active', 'version', 'lastval', 'currval', 'ts_stat',
                        'col_description', 'obj_description', 'shobj_description', 'getpgusername', 'session_user', 'acldefault')
                    OR proname ~ '^(jsonb?_populate_record|jsonb?_to_record|to_tsvector|.*to_tsquery|ts_headline|pg_|has_|txid_|inet_(client|server)|current_|query_to_|table_to_|cursor_to_|schema_to_|database_to_|to_reg|binary_upgrade|reg)'
                    THEN format('function %s tells the session or the contents of the database', proname)
                END
            FROM runnel_internal.view_functions(root) AS called
            JOIN pg_proc ON pg_proc.oid = called
            JOIN pg_namespace ON pg_namespace.oid = pronamespace
            JOIN pg_language ON pg_language.oid = prolang
            UNION ALL
            SELECT CASE
                WHEN tree LIKE '%{SQLVALUEFUNCTION %' THEN 'the query contains the time or the current role, catalog or schema'
                WHEN tree LIKE '%{TABLESAMPLECLAUSE %' THEN 'the query takes a sample'
                WHEN tree LIKE '%{COERCETODOMAIN %' THEN 'the query casts to a domain, whose constraints may change'
                WHEN tree LIKE '%{JSONEXPR %' OR tree LIKE '%{TABLEFUNC %' THEN 'the query takes values out of documents by JSON or XML expressions'
                -- By OID: types that are names of objects; and types whose text means the same at any time, unlike those of
                -- dates, whose text may say now.
                WHEN tree ~ ':(vartype|resulttype|funcresulttype|opresulttype|consttype) (24|2202|2203|2204|2205|2206|3734|3769|4089|4096|4191)\M'
                    THEN 'the query reads names of objects of the database'
                WHEN tree ~ ':resulttype (?!(16|17|19|20|21|23|25|114|650|700|701|790|829|869|1042|1043|1186|1700|2950|3802) )\d+ :resultcollid \d+ :coerceformat'
                    THEN 'the query reads a text as a time, which may say now, or as another type whose meaning may change'
                END
            FROM runnel_internal.view_rules(root)
        ) AS obstacle
        WHERE reason IS NOT NULL
        ORDER BY reason
        LIMIT 1
    );
END $$;

-- What decides the result of a view that is not uncertain, beside the contents of tables, as of the snapshot of the
-- transaction; null if changes could go unseen. The view itself belongs to it, because somebody may refresh it from an older
-- snapshot. As long as it stays the same, the view is not uncertain either.
CREATE FUNCTION runnel_internal.view_standing(root oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT CASE WHEN bool_and(part IS NOT NULL)
            THEN md5(string_agg(part, ', ' ORDER BY part)) END
        FROM (
            SELECT CASE
                WHEN source = root OR relkind = 'm' THEN format('view %s %s', pg_class.oid, pg_class.xmin)
                ELSE (
                    SELECT format('table %s %s %s %s', pg_class.oid, pg_class.xmin, pg_trigger.oid, pg_trigger.xmin)
                    FROM runnel_internal.touched_source
                    JOIN pg_trigger ON tgrelid = relation AND tgname = ('runnel_touch_' || touched_source.id)::name
                    JOIN pg_proc ON pg_proc.oid = tgfoid AND pronamespace = 'runnel_internal'::regnamespace
                        AND proname = ('touch_' || touched_source.id)::name
                    -- All four operations, of the statement, afterwards.
                    WHERE relation = source AND tgtype = 60 AND tgenabled IN ('O', 'A') AND tgqual IS NULL AND tgattr::text = ''
                        -- What is recorded is kept for views that are known to need it.
                        AND EXISTS (
                            SELECT
                            FROM runnel_internal.materialized_view_source
                            JOIN runnel_internal.materialized_view AS managed ON managed.id = materialized_view_id
                            WHERE source_id = touched_source.id AND managed.relation = root)
                        AND NOT EXISTS (SELECT FROM pg_inherits WHERE source IN (inhrelid, inhparent))
                        AND NOT EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = source))
                END AS part
            FROM (SELECT runnel_internal.view_sources(root) UNION ALL SELECT root) AS read (source)
            JOIN pg_class ON pg_class.oid = source
            UNION ALL
            SELECT format('rule %s', version) FROM runnel_internal.view_rules(root)
            UNION ALL
            SELECT format('function %s %s', pg_proc.oid, pg_proc.xmin)
            FROM runnel_internal.view_functions(root) AS called
            JOIN pg_proc ON pg_proc.oid = called
            WHERE pronamespace <> 'pg_catalog'::regnamespace
            UNION ALL
            SELECT 'labels ' || coalesce(md5(string_agg(oid || ' ' || xmin, ',' ORDER BY oid)), '') FROM pg_enum
        ) AS parts
    );
END $$;

-- Whether a source was written to by a transaction that the present snapshot sees and the frontier does not.
CREATE FUNCTION runnel_internal.touched(root oid, frontier pg_snapshot) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT EXISTS (
            SELECT
            FROM runnel_internal.view_sources(root) AS source
            JOIN runnel_internal.touched_source ON relation = source
            JOIN runnel_internal.touch ON source_id = touched_source.id
            WHERE xid >= pg_snapshot_xmin(frontier) AND NOT pg_visible_in_snapshot(xid, frontier))
    );
END $$;

-- The index by which REFRESH CONCURRENTLY can tell rows apart, by the same conditions as PostgreSQL's; null for none.
CREATE FUNCTION runnel_internal.usable_index(root oid) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT relname
    FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid
    JOIN pg_am ON pg_am.oid = relam AND amname = 'btree'
    WHERE indrelid = root AND indisunique AND indimmediate AND indisvalid AND indpred IS NULL
        AND 0 <> ALL (indkey::smallint[])
    ORDER BY relname
    LIMIT 1
$$;

-- Why there is none.
CREATE FUNCTION runnel_internal.why_not_concurrently(root oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT CASE WHEN runnel_internal.usable_index(root) IS NULL THEN coalesce((
            SELECT format('unique index %I is %s', relname, CASE
                WHEN NOT indisvalid THEN 'not valid'
                WHEN indpred IS NOT NULL THEN 'partial'
                WHEN 0 = ANY (indkey::smallint[]) THEN 'over an expression'
                ELSE 'deferrable or no btree' END)
            FROM pg_index
            JOIN pg_class ON pg_class.oid = indexrelid
            WHERE indrelid = root AND indisunique
            ORDER BY relname
            LIMIT 1), 'it has no unique index') END
    );
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Watching sources
-- ---------------------------------------------------------------------------------------------------------------------

-- Records the writers of a table from now on. The function never reads, so that it makes no serializable transaction fail,
-- and takes no number for a transaction that has written nothing.
CREATE FUNCTION runnel_internal.watch(watched oid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '50ms' SET client_min_messages = warning AS $watch$
DECLARE
    found_id integer;
    made name;
BEGIN
    INSERT INTO runnel_internal.touched_source (relation) VALUES (watched) ON CONFLICT DO NOTHING;
    SELECT id INTO found_id FROM runnel_internal.touched_source WHERE relation = watched;
    made := 'touch_' || found_id;
    IF EXISTS (
        SELECT FROM pg_trigger WHERE tgrelid = watched AND tgname = ('runnel_' || made)::name AND tgenabled IN ('O', 'A')
    ) THEN
        RETURN found_id;
    END IF;
    EXECUTE format($template$
        CREATE OR REPLACE FUNCTION runnel_internal.%I() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $touch$
        BEGIN
            IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
                INSERT INTO runnel_internal.touch VALUES (%s, pg_current_xact_id());
            END IF;
            RETURN NULL;
        END $touch$
        $template$, made, found_id);
    EXECUTE format('REVOKE ALL ON FUNCTION runnel_internal.%I() FROM PUBLIC', made);
    EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s '
        'FOR EACH STATEMENT EXECUTE FUNCTION runnel_internal.%I()', 'runnel_' || made, watched::regclass, made);
    IF (SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = watched) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', watched::regclass, 'runnel_' || made);
    END IF;
    RETURN found_id;
END $watch$;

-- Has the sources of a view watched, if that is of use and they can be had at once; otherwise it is tried again before the
-- next refresh. Commits before the snapshot of that refresh is taken. A view that has a standing has had them watched; if
-- they are not any more, it loses its standing in the next refresh.
CREATE FUNCTION runnel_internal.watch_sources(wanted_id bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watching runnel_internal.materialized_view;
    obstacle text;
    source oid;
BEGIN
    IF EXISTS (
        SELECT FROM runnel_internal.materialized_view_state WHERE materialized_view_id = wanted_id AND standing IS NOT NULL
    ) THEN
        RETURN;
    END IF;
    SELECT * INTO watching FROM runnel_internal.materialized_view WHERE id = wanted_id FOR SHARE;
    obstacle := CASE WHEN watching.skip_unchanged THEN runnel_internal.uncertain(watching.relation) END;
    UPDATE runnel_internal.materialized_view_state
    SET uncertainty = obstacle
    WHERE materialized_view_id = wanted_id AND uncertainty IS DISTINCT FROM obstacle;
    IF watching.skip_unchanged IS NOT TRUE OR obstacle IS NOT NULL THEN
        DELETE FROM runnel_internal.materialized_view_source WHERE materialized_view_id = wanted_id;
        RETURN;
    END IF;
    FOR source IN
        SELECT read
        FROM runnel_internal.view_sources(watching.relation) AS read
        JOIN pg_class ON pg_class.oid = read AND relkind = 'r'
        WHERE NOT EXISTS (
            SELECT
            FROM runnel_internal.touched_source
            JOIN runnel_internal.materialized_view_source ON source_id = touched_source.id
            JOIN pg_trigger ON tgrelid = relation AND tgname = ('runnel_touch_' || touched_source.id)::name AND tgenabled IN ('O', 'A')
            WHERE relation = read AND materialized_view_id = wanted_id)
    LOOP
        BEGIN
            INSERT INTO runnel_internal.materialized_view_source (materialized_view_id, source_id)
            VALUES (wanted_id, runnel_internal.watch(source))
            ON CONFLICT DO NOTHING;
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RAISE DEBUG 'materialized view %: source % is left for later: %', wanted_id, source, SQLERRM;
        END;
    END LOOP;
END $$;

-- Takes the triggers from sources that no view needs any more; what cannot be had at once is left for later. The foreign key
-- of materialized_view_source makes sure that no view has come meanwhile.
CREATE FUNCTION runnel_internal.release_touched() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    released integer;
BEGIN
    FOR released IN
        SELECT id
        FROM runnel_internal.touched_source
        WHERE NOT EXISTS (SELECT FROM runnel_internal.materialized_view_source WHERE source_id = id)
    LOOP
        BEGIN
            DELETE FROM runnel_internal.touched_source WHERE id = released;
            EXECUTE format('DROP FUNCTION IF EXISTS runnel_internal.%I() CASCADE', 'touch_' || released);
            DELETE FROM runnel_internal.touch WHERE source_id = released;
        EXCEPTION WHEN lock_not_available OR deadlock_detected OR foreign_key_violation OR insufficient_privilege THEN
            RAISE DEBUG 'touched source % is left for later: %', released, SQLERRM;
        END;
    END LOOP;
END $$;

-- What is to be done from time to time: follow names and owners, forget views that were dropped by hand, take triggers from
-- sources that nobody reads any more, and delete what every view has gone past.
--
-- Rows are kept for the views that are refreshed. One that is paused or suspended has lost its standing in the transaction
-- that made it so, and is refreshed before it is skipped again. One that is active and has no standing yet may be about to
-- get one from an older snapshot than ours, and keeps all rows. Where there are too many, the standing is taken from all
-- views of the source, in the same transaction that deletes: a refresh that is under way updates the same rows, from an
-- older snapshot, and fails to.
CREATE FUNCTION runnel_internal.maintain_views(touches_max bigint DEFAULT 100000) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    source record;
BEGIN
    DELETE FROM runnel_internal.materialized_view WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
    UPDATE runnel_internal.materialized_view AS stored
    SET schema_name = nspname, view_name = relname, owner = pg_get_userbyid(relowner)
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = stored.relation
        AND (stored.schema_name, stored.view_name, stored.owner) <> (nspname, relname, pg_get_userbyid(relowner));
    PERFORM runnel_internal.release_touched();
    FOR source IN
        SELECT id, (SELECT count(*) FROM (SELECT FROM runnel_internal.touch WHERE source_id = id LIMIT touches_max + 1) AS counted) AS touches
        FROM runnel_internal.touched_source
    LOOP
        IF source.touches > touches_max THEN
            UPDATE runnel_internal.materialized_view_state
            SET standing = NULL
            WHERE materialized_view_id IN (
                SELECT materialized_view_id FROM runnel_internal.materialized_view_source WHERE source_id = source.id);
            DELETE FROM runnel_internal.touch WHERE source_id = source.id;
        ELSIF source.touches > 0 THEN
            DELETE FROM runnel_internal.touch
            WHERE source_id = source.id AND xid < (
                SELECT CASE WHEN bool_and(standing IS NOT NULL) OR count(*) = 0
                    THEN coalesce(min(pg_snapshot_xmin(frontier)::text::numeric),
                        pg_snapshot_xmin(pg_current_snapshot())::text::numeric)::text::xid8 END
                FROM runnel_internal.materialized_view_source
                JOIN runnel_internal.materialized_view_state USING (materialized_view_id)
                JOIN runnel_internal.materialized_view ON id = materialized_view_id
                WHERE source_id = source.id AND wanted = 'ACTIVE' AND NOT suspended);
        END IF;
    END LOOP;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Refreshing
-- ---------------------------------------------------------------------------------------------------------------------

-- What is to be done to a view, as of the snapshot of the transaction. Actions:
--
--   GONE          it is not refreshed by anybody
--   SKIP          the contents are the result as of this snapshot, too
--   CONCURRENTLY  refresh it so
--   PLAIN         likewise
--   IMPOSSIBLE    it is to be refreshed CONCURRENTLY only, and cannot be
CREATE FUNCTION runnel_internal.view_situation(wanted_id bigint)
RETURNS TABLE (action text, reason text, frontier text, schema_name text, view_name text, owner text, refresh_requests bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    managed runnel_internal.materialized_view;
    state runnel_internal.materialized_view_state;
    facts record;
    obstacle text;
BEGIN
    SELECT * INTO managed FROM runnel_internal.materialized_view WHERE id = wanted_id;
    SELECT * INTO state FROM runnel_internal.materialized_view_state WHERE materialized_view_id = wanted_id;
    SELECT nspname, relname, relispopulated, pg_get_userbyid(relowner) AS role INTO facts
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = managed.relation;
    IF facts.relname IS NULL OR managed.wanted <> 'ACTIVE' OR state.suspended THEN
        action := 'GONE';
        RETURN NEXT;
        RETURN;
    END IF;
    frontier := pg_current_snapshot()::text;
    schema_name := facts.nspname;
    view_name := facts.relname;
    owner := facts.role;
    refresh_requests := managed.refresh_requests;
    obstacle := runnel_internal.why_not_concurrently(managed.relation);
    reason := CASE
        WHEN NOT facts.relispopulated THEN 'first fill'
        WHEN managed.refresh_requests > state.refresh_requests THEN 'refresh was requested'
        WHEN NOT managed.skip_unchanged THEN 'scheduled'
        WHEN state.standing IS NULL OR state.origin IS DISTINCT FROM runnel_internal.origin()
            THEN coalesce(state.uncertainty, 'its sources were not watched since the last refresh')
        WHEN runnel_internal.touched(managed.relation, state.frontier) THEN 'a source was written to'
        WHEN state.standing IS DISTINCT FROM runnel_internal.view_standing(managed.relation)
            THEN 'the view or what it reads was refreshed or altered'
        END;
    action := CASE
        WHEN reason IS NULL THEN 'SKIP'
        WHEN NOT facts.relispopulated OR managed.refresh_kind = 'PLAIN' THEN 'PLAIN'
        WHEN obstacle IS NULL THEN 'CONCURRENTLY'
        WHEN managed.refresh_kind = 'CONCURRENTLY' THEN 'IMPOSSIBLE'
        ELSE 'PLAIN' END;
    IF action = 'IMPOSSIBLE' THEN
        reason := obstacle;
    END IF;
    RETURN NEXT;
END $$;

-- Stores that the contents are the result as of a snapshot, which is that of the transaction.
CREATE FUNCTION runnel_internal.view_skipped(wanted_id bigint, frontier_found pg_snapshot) RETURNS timestamptz
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.materialized_view_state
    SET frontier = frontier_found, checked_at = now(), skipped = skipped + 1, consecutive_errors = 0, waits_for = NULL,
        last_error = NULL, last_error_code = NULL, last_error_hint = NULL, last_error_at = NULL
    WHERE materialized_view_id = wanted_id
    RETURNING checked_at
$$;

-- Stores a refresh, after REFRESH MATERIALIZED VIEW in the same transaction: the standing is that of the view as it is now.
CREATE FUNCTION runnel_internal.view_refreshed(
    wanted_id bigint, frontier_found pg_snapshot, kind_used text, reason_found text, requests bigint, history_max bigint
) RETURNS TABLE (checked_at timestamptz, seconds double precision)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    took double precision := extract(epoch FROM clock_timestamp() - now());
    managed runnel_internal.materialized_view;
    obstacle text;
BEGIN
    SELECT * INTO managed FROM runnel_internal.materialized_view WHERE id = wanted_id;
    obstacle := CASE WHEN managed.skip_unchanged THEN runnel_internal.uncertain(managed.relation) END;
    UPDATE runnel_internal.materialized_view_state AS state
    SET frontier = frontier_found, origin = runnel_internal.origin(), refreshed_at = now(), checked_at = now(),
        duration_seconds = took, kind = kind_used, refresh_requests = requests, refreshes = state.refreshes + 1,
        uncertainty = obstacle,
        standing = CASE WHEN managed.skip_unchanged AND obstacle IS NULL THEN runnel_internal.view_standing(managed.relation) END,
        plain_seconds = CASE WHEN kind_used = 'PLAIN' THEN coalesce(plain_seconds * 0.5 + took * 0.5, took) ELSE plain_seconds END,
        plain_bytes = CASE WHEN kind_used = 'PLAIN' THEN pg_relation_size(managed.relation) ELSE plain_bytes END,
        concurrent_seconds = CASE WHEN kind_used = 'CONCURRENTLY' THEN coalesce(concurrent_seconds * 0.5 + took * 0.5, took)
            ELSE concurrent_seconds END,
        consecutive_errors = 0, waits_for = NULL,
        last_error = NULL, last_error_code = NULL, last_error_hint = NULL, last_error_at = NULL
    WHERE materialized_view_id = wanted_id;
    INSERT INTO runnel_internal.materialized_view_history (materialized_view_id, started_at, duration_seconds, kind, reason)
    VALUES (wanted_id, now(), took, kind_used, reason_found);
    PERFORM runnel_internal.trim_view_history(wanted_id, history_max);
    RETURN QUERY SELECT now(), took;
END $$;

CREATE FUNCTION runnel_internal.trim_view_history(wanted_id bigint, history_max bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM runnel_internal.materialized_view_history
    WHERE materialized_view_id = wanted_id AND id <= (
        SELECT id
        FROM runnel_internal.materialized_view_history
        WHERE materialized_view_id = wanted_id
        ORDER BY id DESC
        OFFSET history_max
        LIMIT 1)
$$;

-- Stores what went wrong; returns whether the view is suspended by it.
CREATE FUNCTION runnel_internal.view_failed(
    wanted_id bigint, message text, code text, hint text, errors_max bigint, history_max bigint
) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    suspending boolean;
BEGIN
    UPDATE runnel_internal.materialized_view_state
    SET consecutive_errors = consecutive_errors + 1, suspended = consecutive_errors + 1 >= errors_max, last_error = message,
        last_error_code = code, last_error_hint = nullif(hint, ''), last_error_at = clock_timestamp(), waits_for = NULL,
        standing = CASE WHEN consecutive_errors + 1 >= errors_max THEN NULL ELSE standing END
    WHERE materialized_view_id = wanted_id
    RETURNING suspended INTO suspending;
    IF FOUND THEN
        INSERT INTO runnel_internal.materialized_view_history
            (materialized_view_id, started_at, duration_seconds, kind, reason, error)
        VALUES (wanted_id, clock_timestamp(), 0, 'FAILED', code, message);
        PERFORM runnel_internal.trim_view_history(wanted_id, history_max);
    END IF;
    RETURN coalesce(suspending, true);
END $$;

-- Stores whom a refresh waits for, who hold locks on the view or on what it reads.
CREATE FUNCTION runnel_internal.view_waits(wanted_id bigint, code text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE runnel_internal.materialized_view_state
    SET waits_for = coalesce((
        SELECT string_agg(DISTINCT coalesce('backend ' || pid, 'a prepared transaction'), ', ')
        FROM pg_locks
        JOIN runnel_internal.materialized_view AS managed ON managed.id = wanted_id
        WHERE granted AND pid IS DISTINCT FROM pg_backend_pid()
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND pg_locks.relation = managed.relation), code)
    WHERE materialized_view_id = wanted_id
$$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------------------------------------------------

-- Everybody may insert definition rows. This keeps one role from having the views of another refreshed.
CREATE FUNCTION runnel_internal.check_managed_view() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE pg_class.oid = NEW.relation AND relkind = 'm' AND relname = NEW.view_name
            AND nspname = NEW.schema_name AND relowner = to_regrole(quote_ident(NEW.owner))::oid
    ) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('%I.%I is not a materialized view of role %I', NEW.schema_name, NEW.view_name, NEW.owner),
            HINT = 'Use runnel.create_materialized_view or runnel.adopt_materialized_view.';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER check_managed_view
    BEFORE INSERT ON runnel_internal.materialized_view
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.check_managed_view();

CREATE FUNCTION runnel_internal.follow_managed_view() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO runnel_internal.materialized_view_state (materialized_view_id, uncertainty)
        VALUES (NEW.id, CASE WHEN NEW.skip_unchanged THEN runnel_internal.uncertain(NEW.relation) END);
    ELSIF NEW.resumptions <> OLD.resumptions THEN
        UPDATE runnel_internal.materialized_view_state
        SET suspended = false, consecutive_errors = 0, last_error = NULL, last_error_code = NULL, last_error_hint = NULL,
            last_error_at = NULL, standing = NULL
        WHERE materialized_view_id = NEW.id;
    ELSIF (NEW.wanted, NEW.skip_unchanged) <> (OLD.wanted, OLD.skip_unchanged) THEN
        UPDATE runnel_internal.materialized_view_state
        SET standing = NULL, waits_for = NULL,
            uncertainty = CASE WHEN NEW.skip_unchanged THEN runnel_internal.uncertain(NEW.relation) END
        WHERE materialized_view_id = NEW.id;
    END IF;
    PERFORM pg_notify('runnel_materialized_view', NEW.id::text);
    RETURN NULL;
END $$;

CREATE TRIGGER follow_managed_view
    AFTER INSERT OR UPDATE OF schedules, time_zone, refresh_kind, skip_unchanged, wanted, refresh_requests, resumptions
    ON runnel_internal.materialized_view
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.follow_managed_view();

-- ---------------------------------------------------------------------------------------------------------------------
-- The surface
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION runnel_internal.view_schedules(given text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    schedule text;
    checked text[] := '{}';
BEGIN
    FOREACH schedule IN ARRAY coalesce(given, '{}') LOOP
        schedule := runnel_internal.schedule(schedule);
        IF schedule ~ '^(on-change|downstream)' OR (schedule = 'manual' AND cardinality(given) > 1) THEN
            RAISE invalid_parameter_value USING
                MESSAGE = format('invalid schedule for a materialized view: %L', schedule),
                HINT = 'Use durations and cron expressions, of which the earliest counts, or manual alone.';
        END IF;
        checked := checked || schedule;
    END LOOP;
    IF cardinality(checked) NOT BETWEEN 1 AND 20 THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('a materialized view has 1 to 20 schedules, not %s', cardinality(checked)),
            HINT = 'Use for instance ARRAY[''*/5 8-17 * * MON-FRI'', ''@hourly''], or ''{manual}''.';
    END IF;
    RETURN checked;
END $$;

CREATE FUNCTION runnel_internal.zone(given text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found text;
BEGIN
    IF given IS NULL THEN
        RETURN current_setting('TimeZone');
    END IF;
    SELECT name INTO found FROM pg_timezone_names WHERE lower(name) = lower(btrim(given));
    IF found IS NULL THEN
        RAISE invalid_parameter_value USING
            MESSAGE = format('invalid time zone: %L', given),
            HINT = 'Use a name such as Europe/Berlin; the view pg_timezone_names lists them.';
    END IF;
    RETURN found;
END $$;

-- The service refreshes with the rights of the view's owner.
CREATE FUNCTION runnel_internal.check_service_may_be(role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    privilege text := CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    IF NOT pg_has_role(runnel_internal.service(), role, privilege) THEN
        RAISE insufficient_privilege USING
            MESSAGE = format('permission denied: role %I cannot act as %I', runnel_internal.service(), role),
            DETAIL = 'A materialized view is refreshed with the rights of its owner.',
            HINT = format('GRANT %I TO %I.', role, runnel_internal.service());
    END IF;
END $$;

CREATE FUNCTION runnel_internal.materialized_view_id(view_wanted oid) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT id FROM runnel_internal.materialized_view WHERE relation = view_wanted
$$;

-- The managed view of that name in the search_path of the caller, for its owner.
CREATE FUNCTION runnel_internal.owned_view(given text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    found oid;
    found_id bigint;
BEGIN
    BEGIN
        found := pg_catalog.to_regclass(given);
    EXCEPTION WHEN syntax_error OR invalid_name THEN
        found := NULL;
    END;
    found_id := runnel_internal.materialized_view_id(found);
    IF found_id IS NULL THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('materialized view %s is not managed', coalesce(pg_catalog.quote_literal(given), 'null')),
            DETAIL = CASE WHEN found IS NULL THEN 'There is no relation of that name.' ELSE 'Runnel does not refresh it.' END,
            HINT = 'The view runnel.materialized_views lists those that you may see.';
    ELSIF NOT EXISTS (SELECT FROM runnel_internal.materialized_view WHERE id = found_id) THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('must be owner of materialized view %s', given),
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    RETURN found_id;
END $$;

CREATE FUNCTION runnel_internal.manage_view(
    managed oid, adopting boolean, schedules_given text[], zone_given text, kind_given text, skipping boolean
) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    facts record;
    checked text := runnel_internal.word('refresh kind', kind_given, '{AUTO,CONCURRENTLY,PLAIN}');
    obstacle text := runnel_internal.why_not_concurrently(managed);
BEGIN
    SELECT nspname, relname, pg_catalog.pg_get_userbyid(relowner) AS role INTO facts
    FROM pg_catalog.pg_class
    JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = managed;
    PERFORM runnel_internal.check_service_may_be(facts.role);
    IF checked = 'CONCURRENTLY' AND obstacle IS NOT NULL THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('materialized view %I.%I cannot be refreshed concurrently', facts.nspname, facts.relname),
            DETAIL = pg_catalog.format('REFRESH CONCURRENTLY tells rows apart by a unique index over columns alone, and %s.', obstacle),
            HINT = 'Name unique_key, or create a unique index and manage the view then.';
    END IF;
    INSERT INTO runnel_internal.materialized_view
        (relation, schema_name, view_name, owner, adopted, schedules, time_zone, search_path, refresh_kind, skip_unchanged)
    VALUES (managed, facts.nspname, facts.relname, facts.role, adopting, runnel_internal.view_schedules(schedules_given),
        runnel_internal.zone(zone_given), runnel_internal.effective_search_path(), checked, coalesce(skipping, true));
    RETURN runnel_internal.materialized_view_id(managed);
END $$;

-- The view is created without contents, which the service fills in after the commit.
CREATE FUNCTION runnel.create_materialized_view(
    name text,
    query text,
    schedules text[] DEFAULT '{5m}',
    time_zone text DEFAULT NULL,
    refresh_kind text DEFAULT 'AUTO',
    unique_key text[] DEFAULT NULL,
    skip_unchanged boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    target text[] := runnel_internal.new_name('materialized view', name);
    qualified text := pg_catalog.format('%I.%I', target[1], target[2]);
    stripped text := pg_catalog.rtrim(query, E' \t\r\n\f\v;');
    probe refcursor;
BEGIN
    PERFORM runnel_internal.check_service_may_act();
    IF pg_catalog.to_regclass(qualified) IS NOT NULL THEN
        RAISE duplicate_table USING
            MESSAGE = pg_catalog.format('relation %s already exists', qualified),
            HINT = 'Use runnel.adopt_materialized_view for a materialized view that is there, or choose another name.';
    ELSIF coalesce(stripped, '') = '' THEN
        RAISE syntax_error USING
            MESSAGE = 'the query of a materialized view is empty',
            HINT = 'Give one SELECT statement.';
    END IF;
    BEGIN
        -- Runs nothing, admits one statement only, and reports errors at their place in the text as given.
        OPEN probe FOR EXECUTE stripped;
        CLOSE probe;
    EXCEPTION WHEN invalid_cursor_definition THEN
        RAISE syntax_error USING
            MESSAGE = 'the query of a materialized view must be one SELECT statement',
            HINT = 'SELECT, VALUES, TABLE and WITH ... SELECT will do; nothing that writes, and no second statement.';
    END;
    EXECUTE pg_catalog.format('CREATE MATERIALIZED VIEW %s AS %s' || E'\nWITH NO DATA', qualified, stripped);
    IF unique_key IS NOT NULL THEN
        EXECUTE pg_catalog.format('CREATE UNIQUE INDEX ON %s (%s)', qualified, (
            SELECT pg_catalog.string_agg(pg_catalog.quote_ident(key), ', ' ORDER BY place)
            FROM pg_catalog.unnest(unique_key) WITH ORDINALITY AS part (key, place)));
    END IF;
    RETURN runnel_internal.manage_view(
        qualified::pg_catalog.regclass, false, schedules, time_zone, refresh_kind, skip_unchanged);
END $$;

-- Has a materialized view that is there refreshed. It keeps its contents until then.
CREATE FUNCTION runnel.adopt_materialized_view(
    name text,
    schedules text[] DEFAULT '{5m}',
    time_zone text DEFAULT NULL,
    refresh_kind text DEFAULT 'AUTO',
    skip_unchanged boolean DEFAULT true
) RETURNS bigint
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    found oid;
    facts record;
BEGIN
    BEGIN
        found := pg_catalog.to_regclass(name);
    EXCEPTION WHEN syntax_error OR invalid_name THEN
        found := NULL;
    END;
    SELECT * INTO facts FROM pg_catalog.pg_class WHERE oid = found;
    IF found IS NULL THEN
        RAISE undefined_table USING
            MESSAGE = pg_catalog.format('materialized view %s does not exist', coalesce(pg_catalog.quote_literal(name), 'null')),
            HINT = 'Use runnel.create_materialized_view, or write schema.name.';
    ELSIF facts.relkind <> 'm' THEN
        RAISE wrong_object_type USING
            MESSAGE = pg_catalog.format('%s is not a materialized view', found::pg_catalog.regclass),
            HINT = 'Use runnel.create_stream_table or runnel.create_projection for other kinds of read model.';
    ELSIF runnel_internal.materialized_view_id(found) IS NOT NULL THEN
        RAISE duplicate_object USING
            MESSAGE = pg_catalog.format('materialized view %s is managed already', found::pg_catalog.regclass),
            HINT = 'Use runnel.alter_materialized_view.';
    ELSIF NOT pg_catalog.pg_has_role(facts.relowner, 'USAGE') THEN
        RAISE insufficient_privilege USING
            MESSAGE = pg_catalog.format('must be owner of materialized view %s', found::pg_catalog.regclass),
            HINT = 'Use SET ROLE to become its owner.';
    END IF;
    RETURN runnel_internal.manage_view(found, true, schedules, time_zone, refresh_kind, skip_unchanged);
END $$;

-- Null leaves a property as it is.
CREATE FUNCTION runnel.alter_materialized_view(
    name text,
    schedules text[] DEFAULT NULL,
    time_zone text DEFAULT NULL,
    refresh_kind text DEFAULT NULL,
    skip_unchanged boolean DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    altered_id bigint := runnel_internal.owned_view(name);
    stored runnel_internal.materialized_view;
BEGIN
    SELECT * INTO stored FROM runnel_internal.materialized_view WHERE id = altered_id FOR UPDATE;
    stored.schedules := CASE WHEN schedules IS NULL THEN stored.schedules ELSE runnel_internal.view_schedules(schedules) END;
    stored.time_zone := CASE WHEN time_zone IS NULL THEN stored.time_zone ELSE runnel_internal.zone(time_zone) END;
    stored.refresh_kind := CASE WHEN refresh_kind IS NULL THEN stored.refresh_kind
        ELSE runnel_internal.word('refresh kind', refresh_kind, '{AUTO,CONCURRENTLY,PLAIN}') END;
    IF refresh_kind IS NOT NULL AND stored.refresh_kind = 'CONCURRENTLY'
        AND runnel_internal.why_not_concurrently(stored.relation) IS NOT NULL
    THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('materialized view %s cannot be refreshed concurrently', name),
            DETAIL = pg_catalog.format('REFRESH CONCURRENTLY tells rows apart by a unique index over columns alone, and %s.',
                runnel_internal.why_not_concurrently(stored.relation)),
            HINT = 'Create a unique index first.';
    END IF;
    UPDATE runnel_internal.materialized_view AS altered
    SET schedules = stored.schedules, time_zone = stored.time_zone, refresh_kind = stored.refresh_kind,
        skip_unchanged = coalesce(alter_materialized_view.skip_unchanged, stored.skip_unchanged)
    WHERE altered.id = altered_id;
END $$;

-- Those that read a materialized view: stream tables and managed views.
CREATE FUNCTION runnel_internal.view_dependants(read oid) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'stream table ' || qualified FROM runnel_internal.dependants(read)
    UNION ALL
    SELECT format('materialized view %I.%I', schema_name, view_name)
    FROM runnel_internal.materialized_view
    WHERE relation <> read AND read IN (SELECT runnel_internal.view_sources(relation))
$$;

-- An adopted view is no longer refreshed, and stays; one that Runnel created is dropped. The argument says otherwise.
CREATE FUNCTION runnel.drop_materialized_view(name text, keep boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    dropped_id bigint := runnel_internal.owned_view(name);
    stored runnel_internal.materialized_view;
    dependants text;
BEGIN
    SELECT * INTO stored FROM runnel_internal.materialized_view WHERE id = dropped_id;
    IF NOT coalesce(keep, stored.adopted) THEN
        SELECT pg_catalog.string_agg(dependant, ', ' ORDER BY dependant) INTO dependants
        FROM runnel_internal.view_dependants(stored.relation) AS dependant;
        IF dependants IS NOT NULL THEN
            RAISE dependent_objects_still_exist USING
                MESSAGE = pg_catalog.format('cannot drop materialized view %s because others read it', name),
                DETAIL = pg_catalog.format('They are: %s.', dependants),
                HINT = 'Drop them first, or use keep => true to end its refreshes only.';
        END IF;
        EXECUTE pg_catalog.format('DROP MATERIALIZED VIEW %s', stored.relation::pg_catalog.regclass);
    END IF;
    DELETE FROM runnel_internal.materialized_view WHERE id = dropped_id;
    PERFORM runnel_internal.release_touched();
    PERFORM pg_catalog.pg_notify('runnel_materialized_view', dropped_id::text);
END $$;

-- Asks for a refresh at the next moment, whether or not anything has changed; returns the number of the request.
CREATE FUNCTION runnel.refresh_materialized_view(name text) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    wanted_id bigint := runnel_internal.owned_view(name);
    stopped text;
    request bigint;
BEGIN
    SELECT status INTO stopped FROM runnel.materialized_views WHERE id = wanted_id AND status IN ('PAUSED', 'SUSPENDED');
    IF FOUND THEN
        RAISE object_not_in_prerequisite_state USING
            MESSAGE = pg_catalog.format('materialized view %s is %s', name, stopped),
            HINT = 'Continue with runnel.resume_materialized_view.';
    END IF;
    UPDATE runnel_internal.materialized_view SET refresh_requests = refresh_requests + 1
    WHERE id = wanted_id
    RETURNING refresh_requests INTO request;
    RETURN request;
END $$;

CREATE FUNCTION runnel.pause_materialized_view(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    paused_id bigint := runnel_internal.owned_view(name);
BEGIN
    UPDATE runnel_internal.materialized_view SET wanted = 'PAUSED' WHERE id = paused_id AND wanted <> 'PAUSED';
END $$;

-- After a pause, or after errors.
CREATE FUNCTION runnel.resume_materialized_view(name text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    resumed_id bigint := runnel_internal.owned_view(name);
BEGIN
    UPDATE runnel_internal.materialized_view SET wanted = 'ACTIVE', resumptions = resumptions + 1 WHERE id = resumed_id;
END $$;

-- ---------------------------------------------------------------------------------------------------------------------
-- Views
-- ---------------------------------------------------------------------------------------------------------------------

-- What may be better. A plain refresh is called cheaper if it was measured at about the present size, took half of the time
-- at most, and would make readers wait for no more than a second; what takes less than 0.1 s is not worth a word.
CREATE FUNCTION runnel_internal.view_warnings(
    managed runnel_internal.materialized_view, state runnel_internal.materialized_view_state
) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_remove(ARRAY[
        CASE WHEN managed.refresh_kind <> 'PLAIN' AND why.obstacle IS NOT NULL
            THEN format('readers wait while it is refreshed, because it cannot be refreshed concurrently: %s', why.obstacle) END,
        CASE WHEN managed.refresh_kind <> 'PLAIN' AND why.obstacle IS NULL
                AND state.concurrent_seconds >= 0.1 AND state.plain_seconds < 0.5 * state.concurrent_seconds AND state.plain_seconds <= 1
                AND pg_relation_size(managed.relation) <= 2 * state.plain_bytes + 65536
            THEN format('a concurrent refresh takes %s ms, a plain one took %s ms, for which readers would wait: refresh_kind => ''PLAIN'' is cheaper',
                round(state.concurrent_seconds * 1000), round(state.plain_seconds * 1000)) END], NULL)
    FROM (SELECT runnel_internal.why_not_concurrently(managed.relation)) AS why (obstacle)
$$;

CREATE VIEW runnel.materialized_views WITH (security_barrier) AS
SELECT
    managed.id,
    pg_namespace.nspname AS schema_name,
    pg_class.relname AS view_name,
    pg_get_userbyid(pg_class.relowner) AS owner,
    CASE WHEN managed.wanted = 'PAUSED' THEN 'PAUSED' WHEN state.suspended THEN 'SUSPENDED'
        WHEN NOT pg_class.relispopulated THEN 'INITIALIZING' ELSE 'ACTIVE' END AS status,
    managed.schedules,
    managed.time_zone,
    managed.refresh_kind,
    managed.skip_unchanged,
    state.uncertainty AS never_skipped_because,
    managed.adopted,
    pg_get_viewdef(pg_class.oid) AS query,
    pg_class.relispopulated AS populated,
    state.frontier,
    state.refreshed_at,
    state.checked_at,
    state.duration_seconds,
    state.kind,
    state.refreshes,
    state.skipped,
    managed.refresh_requests,
    state.refresh_requests AS answered_requests,
    runnel_internal.view_warnings(managed, state) AS warnings,
    state.waits_for,
    state.consecutive_errors,
    state.last_error,
    state.last_error_code,
    state.last_error_hint,
    state.last_error_at,
    managed.created_at
FROM runnel_internal.materialized_view AS managed
JOIN runnel_internal.materialized_view_state AS state ON state.materialized_view_id = managed.id
JOIN pg_class ON pg_class.oid = managed.relation
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE coalesce(pg_has_role(current_user, pg_class.relowner, 'USAGE'), false)
    OR has_table_privilege(current_user, managed.relation, 'SELECT');

CREATE VIEW runnel.materialized_view_history WITH (security_barrier) AS
SELECT managed.schema_name, managed.view_name, history.*
FROM runnel_internal.materialized_view_history AS history
JOIN runnel.materialized_views AS managed ON managed.id = history.materialized_view_id;

-- What the views read; watched are those whose writers are recorded.
CREATE VIEW runnel.materialized_view_dependencies WITH (security_barrier) AS
SELECT managed.id AS materialized_view_id, managed.schema_name, managed.view_name, pg_namespace.nspname AS source_schema,
    pg_class.relname AS source_name, EXISTS (
        SELECT
        FROM runnel_internal.touched_source
        JOIN runnel_internal.materialized_view_source ON source_id = touched_source.id
        WHERE touched_source.relation = source AND materialized_view_id = managed.id) AS watched
FROM runnel.materialized_views AS managed
JOIN runnel_internal.materialized_view AS stored ON stored.id = managed.id
CROSS JOIN LATERAL runnel_internal.view_sources(stored.relation) AS source
JOIN pg_class ON pg_class.oid = source
JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace;

GRANT SELECT ON runnel.materialized_views, runnel.materialized_view_history, runnel.materialized_view_dependencies TO PUBLIC;

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

GRANT EXECUTE ON ALL ROUTINES IN SCHEMA runnel TO PUBLIC;
GRANT EXECUTE ON FUNCTION
    runnel_internal.view_rules(oid),
    runnel_internal.view_sources(oid),
    runnel_internal.view_functions(oid),
    runnel_internal.uncertain(oid),
    runnel_internal.service(),
    runnel_internal.usable_index(oid),
    runnel_internal.why_not_concurrently(oid),
    runnel_internal.view_schedules(text[]),
    runnel_internal.zone(text),
    runnel_internal.check_service_may_be(name),
    runnel_internal.check_managed_view(),
    runnel_internal.materialized_view_id(oid),
    runnel_internal.owned_view(text),
    runnel_internal.manage_view(oid, boolean, text[], text, text, boolean),
    runnel_internal.view_dependants(oid),
    runnel_internal.release_touched(),
    runnel_internal.view_warnings(runnel_internal.materialized_view, runnel_internal.materialized_view_state)
TO PUBLIC;
REVOKE EXECUTE ON FUNCTION
    runnel_internal.watch(oid),
    runnel_internal.watch_sources(bigint),
    runnel_internal.maintain_views(bigint),
    runnel_internal.view_situation(bigint),
    runnel_internal.view_standing(oid),
    runnel_internal.touched(oid, pg_snapshot),
    runnel_internal.view_skipped(bigint, pg_snapshot),
    runnel_internal.view_refreshed(bigint, pg_snapshot, text, text, bigint, bigint),
    runnel_internal.trim_view_history(bigint, bigint),
    runnel_internal.view_failed(bigint, text, text, text, bigint, bigint),
    runnel_internal.view_waits(bigint, text),
    runnel_internal.follow_managed_view()
FROM PUBLIC;
