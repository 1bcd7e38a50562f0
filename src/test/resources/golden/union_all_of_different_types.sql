WITH "d0 changes" AS MATERIALIZED (
SELECT b."part" AS "a part", b.weight
FROM "golden"."changes_a" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d0 scan" AS MATERIALIZED (
SELECT d."a part", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d0 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."a part"
HAVING sum(d.weight) <> 0
),
"d2 unionall" AS MATERIALIZED (
SELECT r."a part" AS "result", r.weight AS weight
FROM "d0 scan" AS r
UNION ALL
SELECT r."b id" AS "result", 0::bigint AS weight
FROM (SELECT t."id" AS "b id"
FROM "golden"."b" AS t) AS r
WHERE false
)
TABLE "d2 unionall"
