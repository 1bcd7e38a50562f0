WITH "d0 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b."note" AS "a note", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a id", d."a note", d.weight::bigint AS weight
FROM (
  SELECT d."a id", d."a note", sum(d.weight) OVER image AS weight, row_number() OVER image AS number
  FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
  WINDOW image AS (PARTITION BY "d"."a id", "d"."a note"::text COLLATE "C" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
) AS d
WHERE d.number = 1 AND d.weight <> 0
)
TABLE "d0 scan"
