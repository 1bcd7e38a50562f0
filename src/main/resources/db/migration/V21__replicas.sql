-- Services that share one database: which are there, and which of them keeps which read model fresh.

-- A row is a lease: whoever does not renew it in time is taken for dead by the others.
CREATE TABLE runnel_internal.replica (
    instance text PRIMARY KEY,
    host text NOT NULL,
    -- Of the session that renews the lease.
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

-- What is not in here is kept fresh by the service that leads.
CREATE TABLE runnel_internal.share (
    kind text NOT NULL CHECK (kind IN ('STREAM_TABLE', 'PROJECTION', 'MATERIALIZED_VIEW')),
    id bigint NOT NULL,
    instance text NOT NULL REFERENCES runnel_internal.replica ON DELETE CASCADE,
    PRIMARY KEY (kind, id)
);

CREATE INDEX ON runnel_internal.share (instance);

-- Counts the changes of the shares.
CREATE TABLE runnel_internal.share_version (version bigint NOT NULL);

INSERT INTO runnel_internal.share_version VALUES (0);

-- Ends the sessions of a service, as far as they are those of the caller's role; the caller's own one stays.
CREATE FUNCTION runnel_internal.end_sessions(of_instance text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
        AND application_name LIKE '%[' || of_instance || ']'
$$;

-- Renews a lease, and ends those that have run out, with the sessions of their holders: what these were doing is rolled back,
-- and should they only have been stopped or cut off, they find out. Whoever has no session left is given a moment to come
-- back. Leases of the future are from before a clock was set back. Only who has renewed its own lease in time looks at others: after
-- the server has stood still, or its clock was set, all of them seem to have run out.
--
-- Leading is a lock of the calling session. While something holds it that is no such service, an older one or an uninstallation,
-- nobody serves.
CREATE FUNCTION runnel_internal.renew_lease(me text, my_host text, lease interval, led boolean,
    OUT leads boolean, OUT serves boolean, OUT members text[], OUT version bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_at timestamptz := clock_timestamp();
    before record;
    late text[];
    expired text;
    leader integer;
BEGIN
    SELECT pid, seen_at BETWEEN now_at - lease AND now_at AS in_time INTO before
    FROM runnel_internal.replica
    WHERE instance = me;
    -- A session of ours that was cut off may still hold the lock.
    PERFORM pg_terminate_backend(pid, 300)
    FROM pg_stat_activity
    WHERE pid = before.pid AND pid <> pg_backend_pid() AND usename = session_user AND application_name LIKE '%[' || me || ']';
    INSERT INTO runnel_internal.replica (instance, host, pid, started_at, seen_at)
    VALUES (me, my_host, pg_backend_pid(), now_at, now_at)
    ON CONFLICT (instance) DO UPDATE SET seen_at = now_at, pid = excluded.pid;
    IF before.in_time THEN
        late := ARRAY(
            SELECT instance
            FROM runnel_internal.replica
            WHERE instance <> me AND (
                seen_at NOT BETWEEN now_at - lease AND now_at + lease
                OR seen_at < now_at - lease / 3
                    AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name LIKE '%[' || instance || ']')));
    END IF;
    IF late <> '{}' THEN
        -- First, as do all that change shares.
        UPDATE runnel_internal.share_version SET version = share_version.version + 1;
        FOR expired IN
            DELETE FROM runnel_internal.replica
            WHERE instance IN (
                SELECT instance
                FROM runnel_internal.replica
                WHERE instance = ANY (late) AND seen_at NOT BETWEEN now_at - lease / 3 AND now_at + lease
                FOR UPDATE SKIP LOCKED)
            RETURNING instance
        LOOP
            PERFORM runnel_internal.end_sessions(expired);
        END LOOP;
        PERFORM pg_notify('runnel_replica', '0');
    END IF;
    leads := led OR pg_try_advisory_lock(5395792, 0);
    -- The one that has led may be about to end.
    FOR attempt IN 1..10 LOOP
        EXIT WHEN leads OR late IS NULL OR late = '{}';
        PERFORM pg_sleep(0.02);
        leads := pg_try_advisory_lock(5395792, 0);
    END LOOP;
    IF NOT leads THEN
        SELECT pid INTO leader
        FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND classid = 5395792 AND objid = 0 AND objsubid = 2
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
    END IF;
    serves := leader IS NULL
        OR EXISTS (SELECT FROM pg_stat_activity WHERE pid = leader AND application_name ~ '\[[0-9a-f]{12}\]$');
    members := (SELECT array_agg(instance ORDER BY started_at, instance) FROM runnel_internal.replica);
    SELECT share_version.version INTO version FROM runnel_internal.share_version;
END $$;

-- Gives a lease back, and the lead, so that the others need not wait until it runs out.
CREATE FUNCTION runnel_internal.leave(me text, led boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE runnel_internal.share_version SET version = version + 1;
    DELETE FROM runnel_internal.replica WHERE instance = me;
    IF led THEN
        PERFORM pg_advisory_unlock(5395792, 0);
    END IF;
    PERFORM pg_notify('runnel_replica', '0');
END $$;

CREATE VIEW runnel.replicas WITH (security_barrier) AS
SELECT instance, host, started_at, seen_at,
    (SELECT count(*) FROM runnel_internal.share WHERE share.instance = replica.instance) AS assigned_read_models
FROM runnel_internal.replica;

GRANT SELECT ON runnel.replicas TO PUBLIC;

REVOKE EXECUTE ON FUNCTION
    runnel_internal.end_sessions(text),
    runnel_internal.renew_lease(text, text, interval, boolean),
    runnel_internal.leave(text, boolean)
FROM PUBLIC;
