WITH "d1 changes" AS MATERIALIZED (
SELECT b."id" AS "b id", b."label" AS "b label", b.weight
FROM "golden"."changes_b" AS b
WHERE b.xid >= pg_snapshot_xmin($1::pg_snapshot) AND b.xid < pg_snapshot_xmax(pg_current_snapshot())
  AND NOT pg_visible_in_snapshot(b.xid, $1::pg_snapshot)
UNION ALL
SELECT NULL, NULL, NULL
FROM generate_series(1, 1000)
WHERE $1::pg_snapshot IS NULL
),
"d1 scan" AS MATERIALIZED (
SELECT d."b id", d."b label", sum(d.weight)::bigint AS weight
FROM (
  SELECT *
  FROM "d1 changes" AS b
  LIMIT 1000
) AS d
GROUP BY "d"."b id", "d"."b label"
HAVING sum(d.weight) <> 0
),
"d2 join" AS MATERIALIZED (
SELECT "r1"."a id", "r1"."a part", "r1"."a price", "r2"."b id", "r2"."b label", "r2".weight AS weight
FROM "d1 scan" AS "r2", (SELECT t."id" AS "a id", t."part" AS "a part", t."price" AS "a price"
FROM "golden"."a" AS t) AS "r1"
WHERE "r1"."a part" = "r2"."b id"
)
TABLE "d2 join"
