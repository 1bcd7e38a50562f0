-- After a logical dump and restore relations have other numbers. A dump writes a column of type regclass as names, so a table
-- of such columns beside the numbers tells which relation became which.

CREATE TABLE runnel_internal.relation_name (
    relation oid PRIMARY KEY,
    name regclass NOT NULL
);

CREATE FUNCTION runnel_internal.remember_relation() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runnel_internal.relation_name VALUES (NEW.relation, NEW.relation::regclass) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE FUNCTION runnel_internal.remember_targets() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO runnel_internal.relation_name
    SELECT DISTINCT target, target::regclass FROM unnest(NEW.targets) AS target
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

DO $$
DECLARE
    remembered text;
BEGIN
    -- Not those of sources and dependencies, which are built anew: who captures one source would wait for another who does.
    FOREACH remembered IN ARRAY ARRAY['stream_table', 'event_log', 'projection', 'declared_log', 'materialized_view',
        'touched_source']
    LOOP
        EXECUTE format('CREATE TRIGGER remember_relation AFTER INSERT OR UPDATE OF relation ON runnel_internal.%I '
            'FOR EACH ROW EXECUTE FUNCTION runnel_internal.remember_relation()', remembered);
        EXECUTE format('INSERT INTO runnel_internal.relation_name SELECT DISTINCT relation, relation::regclass '
            'FROM runnel_internal.%I ON CONFLICT DO NOTHING', remembered);
    END LOOP;
END $$;
CREATE TRIGGER remember_targets AFTER INSERT OR UPDATE OF targets ON runnel_internal.projection
    FOR EACH ROW EXECUTE FUNCTION runnel_internal.remember_targets();
INSERT INTO runnel_internal.relation_name
SELECT DISTINCT target, target::regclass
FROM runnel_internal.projection
CROSS JOIN unnest(targets) AS target
ON CONFLICT DO NOTHING;

-- Gives relations their present numbers in one table. Twice, because a number may still be that of another row.
CREATE FUNCTION runnel_internal.renumber(catalog text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('UPDATE runnel_internal.%I AS row SET relation = (row.relation::bigint # 2147483648)::oid '
        'FROM runnel_internal.relation_name AS known WHERE known.relation = row.relation '
        'AND known.name::oid <> known.relation', catalog);
    EXECUTE format('UPDATE runnel_internal.%I AS row SET relation = known.name::oid '
        'FROM runnel_internal.relation_name AS known WHERE (known.relation::bigint # 2147483648)::oid = row.relation '
        'AND known.name::oid <> known.relation', catalog);
END $$;

-- Called at every start, after the migrations. Does nothing unless the database was restored from a dump. Then what was built
-- for stream tables is removed, for numbers and versions stand in all of it, and the service builds it anew; what people
-- see, the tables themselves, stays. Triggers on the sources that came with the dump go with their functions.
CREATE FUNCTION runnel_internal.follow_restore() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    made record;
BEGIN
    -- One of several services that start at once.
    LOCK TABLE runnel_internal.relation_name IN SHARE ROW EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM runnel_internal.relation_name WHERE relation <> name::oid) THEN
        DELETE FROM runnel_internal.relation_name WHERE NOT EXISTS (SELECT FROM pg_class WHERE oid = relation);
        RETURN;
    END IF;
    FOR made IN
        SELECT oid::regprocedure AS name
        FROM pg_proc
        WHERE (pronamespace = 'runnel_internal'::regnamespace AND proname LIKE 'capture\_%')
            OR pronamespace::regnamespace::text IN ('runnel_live', 'runnel_confined')
    LOOP
        EXECUTE format('DROP FUNCTION %s CASCADE', made.name);
    END LOOP;
    FOR made IN SELECT definition_view FROM runnel_internal.stream_table WHERE definition_view IS NOT NULL LOOP
        EXECUTE format('DROP VIEW IF EXISTS runnel_internal.%I', made.definition_view);
    END LOOP;
    FOR made IN
        SELECT relname
        FROM pg_class
        WHERE relnamespace = 'runnel_internal'::regnamespace AND relkind = 'r' AND relname ~ '^(state|changes)_[0-9]'
    LOOP
        EXECUTE format('DROP TABLE runnel_internal.%I', made.relname);
    END LOOP;
    DELETE FROM runnel_internal.dependency;
    DELETE FROM runnel_internal.source;
    DELETE FROM runnel_internal.touch;
    UPDATE runnel_internal.frontier SET snapshot = NULL;
    UPDATE runnel_internal.stream_table
    SET definition_view = NULL, reconciled_query = NULL, reconciled_mode = NULL, reconciled_shape = NULL, version = version + 1,
        status = CASE wanted WHEN 'ACTIVE' THEN 'INITIALIZING' ELSE wanted END;
    PERFORM runnel_internal.renumber(catalog)
    FROM unnest('{stream_table,event_log,projection,declared_log,materialized_view,touched_source}'::text[]) AS catalog;
    UPDATE runnel_internal.projection
    SET targets = ARRAY(
        SELECT coalesce(known.name::oid, target)
        FROM unnest(targets) WITH ORDINALITY AS given (target, place)
        LEFT JOIN runnel_internal.relation_name AS known ON known.relation = target
        ORDER BY place)
    WHERE targets <> '{}';
    UPDATE runnel_internal.definition_file AS row
    SET object_id = known.name::oid::bigint
    FROM runnel_internal.relation_name AS known
    WHERE kind = 'EventLog' AND known.relation::bigint = object_id;
    DELETE FROM runnel_internal.relation_name;
    INSERT INTO runnel_internal.relation_name
    SELECT DISTINCT relation, relation::regclass
    FROM (
        SELECT relation FROM runnel_internal.stream_table
        UNION ALL SELECT relation FROM runnel_internal.event_log
        UNION ALL SELECT relation FROM runnel_internal.projection
        UNION ALL SELECT unnest(targets) FROM runnel_internal.projection
        UNION ALL SELECT relation FROM runnel_internal.declared_log
        UNION ALL SELECT relation FROM runnel_internal.materialized_view
        UNION ALL SELECT relation FROM runnel_internal.touched_source) AS present;
END $$;

REVOKE EXECUTE ON FUNCTION
    runnel_internal.remember_relation(),
    runnel_internal.remember_targets(),
    runnel_internal.renumber(text),
    runnel_internal.follow_restore()
FROM PUBLIC;
