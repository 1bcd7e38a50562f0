-- As before, and again and again for a second while somebody uses the buffer: a vacuum of it, which PostgreSQL calls off only for who
-- waits longer, or a refresh that has just looked at it. Who drops the source and its types next would fail otherwise.
CREATE OR REPLACE FUNCTION runnel_internal.release_source(released integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' SET client_min_messages = warning AS $$
DECLARE
    late_at timestamptz := clock_timestamp() + interval '1 second';
    captured oid;
    capture regprocedure;
BEGIN
    LOOP
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
            RETURN;
        EXCEPTION
            WHEN lock_not_available THEN
                IF clock_timestamp() > late_at THEN
                    RAISE DEBUG 'capture of source % is left to the service: %', released, SQLERRM;
                    RETURN;
                END IF;
            WHEN deadlock_detected OR foreign_key_violation OR object_in_use OR dependent_objects_still_exist
                OR insufficient_privilege THEN
                RAISE DEBUG 'capture of source % is left to the service: %', released, SQLERRM;
                RETURN;
        END;
        PERFORM pg_sleep(0.1);
    END LOOP;
END $$;

-- As before; and when it goes while it is being built, its sources may be captured already, before it depends on them.
CREATE OR REPLACE FUNCTION runnel_internal.drop_derived() RETURNS trigger
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
    IF OLD.version IS DISTINCT FROM OLD.reconciled_version AND NOT EXISTS (
        SELECT
        FROM runnel_internal.stream_table
        WHERE id <> OLD.id AND version IS DISTINCT FROM reconciled_version AND status <> 'ERROR')
    THEN
        FOR orphan IN
            SELECT id
            FROM runnel_internal.source
            WHERE NOT EXISTS (SELECT FROM runnel_internal.dependency WHERE source_id = source.id)
        LOOP
            PERFORM runnel_internal.release_source(orphan);
        END LOOP;
    END IF;
    PERFORM pg_notify('runnel_definition', OLD.id::text);
    RETURN OLD;
END $$;
