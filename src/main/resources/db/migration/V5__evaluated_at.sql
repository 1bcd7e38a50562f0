-- The moment at which the last refresh looked at the clock, if the query does: the next one looks for rows whose comparison
-- with the time has changed since.
ALTER TABLE runnel_internal.frontier ADD COLUMN evaluated_at timestamptz;
