-- What refreshes of a stream table have cost, by which the next one chooses between applying changes and computing anew.
CREATE TABLE runnel_internal.refresh_cost (
    stream_table_id bigint NOT NULL REFERENCES runnel_internal.stream_table ON DELETE CASCADE,
    -- FULL, or the numbers of the sources that had changes.
    plan text NOT NULL,
    -- The binary logarithm of the number of changes; 0 for FULL.
    magnitude smallint NOT NULL,
    -- Weighted means of what was measured; null where nothing was yet.
    changes double precision,
    seconds double precision,
    -- How large the sources were then, in bytes.
    source_bytes double precision,
    -- How many refreshes have chosen the other plan since.
    passed_over integer NOT NULL DEFAULT 0,
    PRIMARY KEY (stream_table_id, plan, magnitude)
) WITH (fillfactor = 50);

ALTER TABLE runnel_internal.frontier DROP COLUMN full_seconds;
