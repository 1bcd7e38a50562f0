-- How many refreshes in a row have computed everything anew because that was cheaper. From the second on they leave the
-- auxiliary tables as they are, which nothing reads while it goes on; the next that is to apply changes computes them, too.
ALTER TABLE runnel_internal.frontier ADD COLUMN recomputed_in_a_row integer NOT NULL DEFAULT 0;
