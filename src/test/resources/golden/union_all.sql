WITH "d0 changes" AS MATERIALIZED (
SELECT b."id" AS "a id", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a id", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a id"
HAVING sum(d.weight) <> 0
),
"d1 changes" AS MATERIALIZED (
SELECT b."id" AS "b id", b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT d."b id", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."b id"
HAVING sum(d.weight) <> 0
),
"d2 unionall" AS MATERIALIZED (
SELECT r."a id" AS "result", r.weight AS weight
FROM "d0 scan" AS r
UNION ALL
SELECT r."b id" AS "result", r.weight AS weight
FROM "d1 scan" AS r
)
TABLE "d2 unionall"
